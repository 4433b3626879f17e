/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

/*
 * IKE_AUTH at the responder, with a pre-shared key (RFC 7296, 1.2, 2.15, 2.21.2) or after a ticket
 * (RFC 5723, 4.3.3). Two halves: judge
 * the request and hand the Child SA to the data plane; when it is in place, or refused, answer.
 *
 * Whether the identity or the key was wrong is not to be told, by content or by time: an unknown
 * identity is checked against a key that nobody has.
 */
#define SAS_PER_PEER    8
#define CLOSED_PER_PEER 8 /* that wait for a repeated request */

struct auth_request {
	struct bytes idi_body; /* as on the wire: it is what AUTH covers */
	struct id_body idi;
	struct bytes idr_body; /* that the peer expects; ptr NULL: any */
	struct auth_body auth;
	struct sa_payload sa;
	struct ts_list tsi, tsr;
	bool has_child; /* else SA, TSi and TSr are missing, all three (RFC 6023) */
	bool has_initial_contact;
	bool wants_ticket;
};

static void read_auth_notifies(const struct payload_list *list, struct auth_request *out)
{
	for (size_t i = 0; i < list->n; i++) {
		struct notify n;

		if (list->items[i].type != PAYLOAD_NOTIFY ||
		    notify_decode(list->items[i].body, &n) != 0)
			continue;
		if (n.type == NOTIFY_INITIAL_CONTACT)
			out->has_initial_contact = true;
		else if (n.type == NOTIFY_TICKET_REQUEST)
			out->wants_ticket = true;
	}
}

/* All three payloads, or none of them. */
static int decode_child(const struct payload_list *list, struct auth_request *out)
{
	struct bytes sa, tsi, tsr;
	int err;

	if ((err = payload_get_optional(list, PAYLOAD_SA, &sa)) != 0 ||
	    (err = payload_get_optional(list, PAYLOAD_TSI, &tsi)) != 0 ||
	    (err = payload_get_optional(list, PAYLOAD_TSR, &tsr)) != 0)
		return err;
	if (sa.ptr == NULL && tsi.ptr == NULL && tsr.ptr == NULL)
		return 0;
	if (sa.ptr == NULL || tsi.ptr == NULL || tsr.ptr == NULL)
		return ERR_MISSING;
	out->has_child = true;
	if ((err = sa_decode(sa, &out->sa)) != 0 || (err = ts_decode(tsi, &out->tsi)) != 0)
		return err;
	return ts_decode(tsr, &out->tsr);
}

/* ERR_MISSING for AUTH alone means that the peer wants EAP (RFC 7296, 2.16). */
static int decode_auth(const struct payload_list *list, struct auth_request *out)
{
	struct bytes auth;
	int err;

	memset(out, 0, sizeof(*out));
	if ((err = payload_get(list, PAYLOAD_IDI, &out->idi_body)) != 0 ||
	    (err = payload_get_optional(list, PAYLOAD_IDR, &out->idr_body)) != 0 ||
	    (err = payload_get_optional(list, PAYLOAD_AUTH, &auth)) != 0 ||
	    (err = id_decode(out->idi_body, &out->idi)) != 0 ||
	    (err = decode_child(list, out)) != 0)
		return err;
	if (auth.ptr != NULL && (err = auth_decode(auth, &out->auth)) != 0)
		return err;
	read_auth_notifies(list, out);
	return 0;
}

static void refuse(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
		   const struct request *req, uint16_t type, const char *why)
{
	respond_notify(&r->core, sa, req->path, EXCHANGE_IKE_AUTH, req->header.message_id, type,
		       (struct bytes){ NULL, 0 });
	ike_sa_fail(&r->core, sa, now_ms, why);
}

/* The ticket's owner, and only once. Policy was looked at when the ticket was shown. */
static const struct policy_peer *authenticate_resumed(struct responder *r, struct ike_sa *sa,
						      const struct auth_request *in)
{
	if (!resume_is_authentic(r, sa, in->idi_body, &in->auth, in->idr_body) ||
	    !resume_spend(r, sa))
		return NULL;
	return policy_find(r->policy, &in->idi);
}

/* Same work whether or not there is such a peer. */
static const struct policy_peer *authenticate(struct responder *r, const struct ike_sa *sa,
					      const struct auth_request *in)
{
	const struct policy_peer *peer = policy_find(r->policy, &in->idi);
	const struct half_open *h = half_open_of(sa);
	struct bytes psk = { r->no_psk, sizeof(r->no_psk) };
	uint8_t want[PRF_MAX_SIZE];
	bool is_right;

	if (peer != NULL)
		psk = peer->psk;
	if (auth_psk_compute(r->core.crypto, sa->suite.prf->id, psk,
			     (struct bytes){ h->request.ptr, h->request.len },
			     (struct bytes){ h->nr, sizeof(h->nr) }, key_bytes(&sa->keys.pi),
			     in->idi_body, want) != 0)
		return NULL;
	is_right =
	    secret_is_equal(in->auth.data, (struct bytes){ want, prf_size(sa->suite.prf->id) });
	wipe(want, sizeof(want));
	return is_right && in->auth.method == AUTH_SHARED_KEY ? peer : NULL;
}

/* The keys of the Child SA, from the nonces of IKE_SA_INIT (RFC 7296, 2.17). */
static int derive_child(struct responder *r, const struct ike_sa *sa, struct child *child)
{
	const struct half_open *h = half_open_of(sa);

	return child_keys_derive(r->core.crypto, sa->suite.prf->id, key_bytes(&sa->keys.d),
				 &child->suite, (struct bytes){ NULL, 0 },
				 (struct bytes){ h->ni, h->ni_len },
				 (struct bytes){ h->nr, sizeof(h->nr) }, &child->keys);
}

/* Makes the Child SA, keys included; returns the notify type that refuses it, or 0. */
static uint16_t make_child(struct responder *r, struct ike_sa *sa, const struct auth_request *in,
			   struct child **out)
{
	const struct policy_connection *conn = sa->peer->connection;
	struct esp_suite suite;
	struct ts_list local, remote;
	struct child *child;
	uint32_t spi_out;

	/* The peer did not move to 4500: it does not know NAT traversal, RFC 7296, 2.23. */
	if (r->conf.force_encap && sa->path.local.port != IKE_NATT_PORT) {
		log_warn(r->core.lg, LG_IKE,
			 "%016" PRIx64 " cannot encapsulate ESP in UDP: no Child SA", sa->own_spi);
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	}
	if (sa_choose_esp(&in->sa, conn->suites, conn->n_suites, true, &suite,
			  &half_open_of(sa)->child_proposal, &spi_out) != 0)
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	if (ts_narrow(&in->tsi, policy_peer_remote(sa->peer), &remote) != 0 ||
	    ts_narrow(&in->tsr, &conn->local, &local) != 0)
		return NOTIFY_TS_UNACCEPTABLE;
	if (child_new(&r->core, sa, &child) != 0)
		return NOTIFY_NO_ADDITIONAL_SAS;
	child->suite = suite;
	child->spi_out = spi_out;
	child->local = local;
	child->remote = remote;
	if (derive_child(r, sa, child) != 0) {
		child_free(&r->core, child);
		return NOTIFY_NO_ADDITIONAL_SAS;
	}
	*out = child;
	return 0;
}

/*
 * POLICY_UNIQUE_KEEP: true if the peer has an IKE SA already. Whether it is still there to use it
 * is asked at once, so that a peer that has lost it gets in before long.
 */
static bool has_another(struct responder *r, const struct ike_sa *sa, uint64_t now_ms)
{
	bool has = false;

	for (struct ike_sa *old = sa->older; old != NULL; old = old->older) {
		if (old->state != SA_ESTABLISHED || old->own_spi == sa->lineage.supersedes)
			continue;
		has = true;
		task_add(&r->core, old, TASK_LIVENESS, 0);
		tasks_start(&r->core, old, now_ms);
		ike_sa_arm(&r->core, old);
	}
	return has;
}

/*
 * Of the peer's older SAs only the newest few stay. None if it says INITIAL_CONTACT, which means
 * that it has no others (RFC 7296, 2.4); else enough for a peer that is on its way from one to the
 * next, and no more: one peer must not fill the memory, nor the list of its SAs grow long.
 */
static void replace_older(struct responder *r, const struct ike_sa *sa, uint64_t now_ms)
{
	size_t keep = sa->is_initial_contact ? 0 : SAS_PER_PEER - 1;
	size_t keep_closed = CLOSED_PER_PEER;
	struct ike_sa *next;

	for (struct ike_sa *old = sa->older; old != NULL; old = next) {
		next = old->older;
		if (old->state == SA_ESTABLISHED && keep > 0) {
			keep--;
			continue;
		}
		if (old->state == SA_ESTABLISHED)
			ike_sa_close(&r->core, old, now_ms,
				     sa->is_initial_contact ? REASON_REPLACED : REASON_TOO_MANY);
		if (old->state != SA_CLOSED)
			continue;
		if (keep_closed > 0)
			keep_closed--;
		else
			ike_sa_free(&r->core, old);
	}
}

static int remember_identity(struct responder *r, struct ike_sa *sa, const struct auth_request *in,
			     const struct policy_peer *peer)
{
	sa->id_octets = malloc(in->idi.data.len > 0 ? in->idi.data.len : 1);
	if (sa->id_octets == NULL)
		return ERR_NO_MEMORY;
	if (in->idi.data.len > 0)
		memcpy(sa->id_octets, in->idi.data.ptr, in->idi.data.len);
	sa->id = (struct id_body){ in->idi.type, { sa->id_octets, in->idi.data.len } };
	sa->peer = peer;
	ike_sa_link_peer(&r->core, sa);
	return 0;
}

static void put_id_and_auth(struct responder *r, const struct ike_sa *sa,
			    struct payload_writer *chain)
{
	const struct half_open *h = half_open_of(sa);
	uint8_t id_octets[4 + ID_TEXT_MAX], data[PRF_MAX_SIZE];
	struct wr w = wr_init(id_octets, sizeof(id_octets));
	struct auth_body auth = { AUTH_SHARED_KEY, { data, prf_size(sa->suite.prf->id) } };
	struct bytes id;
	int err;

	id_encode(&w, &r->conf.id);
	err = wr_finish(&w, &id);
	if (err == 0 && h->ticket != NULL)
		err = resume_auth(r, sa, true, h->form, id, data);
	else if (err == 0)
		err = auth_psk_compute(r->core.crypto, sa->suite.prf->id, sa->peer->psk,
				       (struct bytes){ h->response.ptr, h->response.len },
				       (struct bytes){ h->ni, h->ni_len }, key_bytes(&sa->keys.pr),
				       id, data);
	if (err != 0) {
		wr_fail(chain->w, ERR_CRYPTO);
		return;
	}
	payload_put(chain, PAYLOAD_IDR, id);
	payload_open(chain, PAYLOAD_AUTH);
	auth_encode(chain->w, &auth);
	payload_close(chain);
	wipe(data, sizeof(data));
}

static void put_child(const struct ike_sa *sa, const struct child *child,
		      struct payload_writer *chain)
{
	uint8_t spi[4];

	chain_put_proposal(chain, &half_open_of(sa)->child_proposal,
			   spi32_bytes(child->spi_in, spi));
	chain_put_ts(chain, PAYLOAD_TSI, &child->remote);
	chain_put_ts(chain, PAYLOAD_TSR, &child->local);
}

/* The second half: child is NULL if there is none, for the reason in child_error, if any. */
static void finish(struct responder *r, struct ike_sa *sa, uint64_t now_ms, struct child *child)
{
	uint16_t error = half_open_of(sa)->child_error;
	struct wr w;
	struct payload_writer chain = core_chain(&r->core, &w);

	put_id_and_auth(r, sa, &chain);
	if (half_open_of(sa)->wants_ticket)
		tickets_put(r, sa, sa, &chain);
	qcd_put(r, sa, &chain);
	if (child != NULL) {
		put_child(sa, child, &chain);
		child_installed(&r->core, child, now_ms);
	} else if (error != 0) {
		count(&r->core, COUNT_CHILD_FAILED);
		chain_put_notify(&chain, error, (struct bytes){ NULL, 0 });
	}
	respond(&r->core, sa, &sa->path, EXCHANGE_IKE_AUTH, sa->rx_next - 1, &chain);
	ike_sa_forget_setup(&r->core, sa);
	sa->state_due_ms = NO_TIME;
	ike_sa_change_state(&r->core, sa, SA_ESTABLISHED,
			    child != NULL ? "Child SA in place"
			    : error != 0  ? notify_name(error)
					  : "without Child SA, as it was asked");
	ike_sa_schedule(&r->core, sa, now_ms);
	if (sa->lineage.is_resumed)
		resume_supersede(r, sa, now_ms);
	replace_older(r, sa, now_ms);
	action_peer(&r->core, ACTION_PEER_UP, sa, REASON_DELETED);
}

void auth_take_child(struct ike_core *c, struct ike_sa *sa, struct child *child, uint64_t now_ms,
		     int err)
{
	if (err != 0) {
		child_free(c, child);
		child = NULL;
		half_open_of(sa)->child_error = NOTIFY_NO_ADDITIONAL_SAS;
	}
	finish(responder_of(c), sa, now_ms, child);
}

void auth_take_request(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		       const struct request *req)
{
	struct responder *r = responder_of(c);
	const struct policy_peer *peer;
	struct auth_request in;
	struct child *child = NULL;

	sa->path = *req->path;
	if (decode_auth(req->payloads, &in) != 0) {
		count(&r->core, COUNT_SYNTAX);
		refuse(r, sa, now_ms, req, NOTIFY_INVALID_SYNTAX, "malformed IKE_AUTH");
		return;
	}
	peer = half_open_of(sa)->ticket != NULL ? authenticate_resumed(r, sa, &in)
						: authenticate(r, sa, &in);
	if (peer == NULL || remember_identity(r, sa, &in, peer) != 0) {
		char id[ID_TEXT_MAX], why[ID_TEXT_MAX + 32];

		count(&r->core, COUNT_AUTH_FAILED);
		snprintf(why, sizeof(why), "not authenticated as %s", id_format(&in.idi, id));
		refuse(r, sa, now_ms, req, NOTIFY_AUTHENTICATION_FAILED, why);
		return;
	}
	count(&r->core, half_open_of(sa)->ticket != NULL ? COUNT_RESUMED : COUNT_AUTH_OK);
	half_open_of(sa)->wants_ticket = in.wants_ticket;
	if (half_open_of(sa)->ticket == NULL)
		sa->lineage.auth_s = responder_now_s(r);
	sa->is_initial_contact =
	    in.has_initial_contact && peer->connection->unique != POLICY_UNIQUE_NEVER;
	if (peer->connection->unique == POLICY_UNIQUE_KEEP && !sa->is_initial_contact &&
	    has_another(r, sa, now_ms)) {
		refuse(r, sa, now_ms, req, NOTIFY_AUTHENTICATION_FAILED,
		       "the peer has one already");
		return;
	}
	sa->since_ms = now_ms;
	ike_sa_change_state(&r->core, sa, SA_INSTALLING, "authenticated");
	if (in.has_child)
		half_open_of(sa)->child_error = make_child(r, sa, &in, &child);
	if (child == NULL) {
		finish(r, sa, now_ms, NULL);
		return;
	}
	ike_sa_set_due(c, sa, now_ms + r->conf.half_open_timeout_ms);
	child_install(c, child, false);
}
