/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <stdlib.h>

#include "common/ikev2/session/tasks.h"

/*
 * IKE_AUTH at the initiator with a pre-shared key (RFC 7296, 1.2, 2.15, 2.21.2), with the first
 * Child SA or without one (RFC 6023). The gateway is believed only when its AUTH is right; what it
 * says before that, in particular that it knows us not, ends the attempt.
 */

struct auth_response {
	struct bytes idr_body; /* ptr NULL: an error alone */
	struct id_body idr;
	struct auth_body auth;
	bool has_child;
	struct sa_payload sa;
	struct ts_list tsi, tsr;
	uint16_t error; /* of the Child SA, or of all; 0: none */
	bool is_redirected;
	struct gateway gateway;
};

static void read_notifies(const struct payload_list *list, struct auth_response *out)
{
	for (size_t k = 0; k < list->n; k++) {
		struct notify n;

		if (list->items[k].type != PAYLOAD_NOTIFY ||
		    notify_decode(list->items[k].body, &n) != 0)
			continue;
		if (notify_is_error(n.type) && out->error == 0)
			out->error = n.type;
		/* RFC 5685, 6: in IKE_AUTH without a nonce. */
		if (n.type == NOTIFY_REDIRECT &&
		    redirect_decode(n.data, (struct bytes){ NULL, 0 }, &out->gateway) == 0)
			out->is_redirected = true;
	}
}

static int decode_child(const struct payload_list *list, struct auth_response *out)
{
	struct bytes sa, tsi, tsr;
	int err;

	if ((err = payload_get_optional(list, PAYLOAD_SA, &sa)) != 0 || sa.ptr == NULL)
		return err;
	out->has_child = true;
	if ((err = payload_get(list, PAYLOAD_TSI, &tsi)) != 0 ||
	    (err = payload_get(list, PAYLOAD_TSR, &tsr)) != 0 ||
	    (err = sa_decode(sa, &out->sa)) != 0 || (err = ts_decode(tsi, &out->tsi)) != 0)
		return err;
	return ts_decode(tsr, &out->tsr);
}

static int decode(const struct payload_list *list, struct auth_response *out)
{
	struct bytes auth;
	int err;

	memset(out, 0, sizeof(*out));
	read_notifies(list, out);
	if ((err = payload_get_optional(list, PAYLOAD_IDR, &out->idr_body)) != 0)
		return err;
	if (out->idr_body.ptr == NULL)
		return out->error != 0 ? 0 : ERR_MISSING;
	if ((err = payload_get(list, PAYLOAD_AUTH, &auth)) != 0 ||
	    (err = id_decode(out->idr_body, &out->idr)) != 0 ||
	    (err = auth_decode(auth, &out->auth)) != 0)
		return err;
	return decode_child(list, out);
}

static bool is_authentic(struct initiator *i, const struct ike_sa *sa,
			 const struct auth_response *in)
{
	const struct attempt *a = attempt_of(sa);
	const struct id_body *id = &sa->peer->id;
	struct id_body before;
	uint8_t want[PRF_MAX_SIZE];
	bool is_right;

	if (id->data.len > 0 && !id_is_equal(id, &in->idr))
		return false;
	if (a->ticket != NULL) {
		before = resumption_idr(a->ticket);
		if (!id_is_equal(&before, &in->idr))
			return false;
	}
	if (auth_compute(i, sa, false, in->idr_body, want) != 0)
		return false;
	is_right =
	    secret_is_equal(in->auth.data, (struct bytes){ want, prf_size(sa->suite.prf->id) });
	wipe(want, sizeof(want));
	return is_right && in->auth.method == AUTH_SHARED_KEY;
}

static int remember_identity(struct ike_sa *sa, const struct id_body *id)
{
	sa->id_octets = malloc(id->data.len > 0 ? id->data.len : 1);
	if (sa->id_octets == NULL)
		return ERR_NO_MEMORY;
	if (id->data.len > 0)
		memcpy(sa->id_octets, id->data.ptr, id->data.len);
	sa->id = (struct id_body){ id->type, { sa->id_octets, id->data.len } };
	return 0;
}

/* What the gateway has chosen for the Child SA must be what was offered, or less. */
static int take_child(struct initiator *i, struct ike_sa *sa, const struct auth_response *in,
		      struct child *child)
{
	const struct policy_connection *conn = sa->peer->connection;
	const struct attempt *a = attempt_of(sa);
	struct esp_suite suites[POLICY_MAX_SUITES];
	int err;

	for (size_t k = 0; k < conn->n_suites; k++)
		suites[k] = (struct esp_suite){ .encr = conn->suites[k].encr };
	err = sa_match_esp(&in->sa, suites, conn->n_suites, &child->suite, &child->spi_out);
	if (err != 0)
		return err;
	if (in->tsi.n == 0 || in->tsr.n == 0 || !ts_is_within(&in->tsi, &child->local) ||
	    !ts_is_within(&in->tsr, &child->remote))
		return ERR_MISMATCH;
	child->local = in->tsi;
	child->remote = in->tsr;
	return child_keys_derive(i->core.crypto, sa->suite.prf->id, key_bytes(&sa->keys.d),
				 &child->suite, (struct bytes){ NULL, 0 },
				 (struct bytes){ a->ni, sizeof(a->ni) },
				 (struct bytes){ a->nr, a->nr_len }, &child->keys);
}

static void finish(struct initiator *i, struct ike_sa *sa, uint64_t now_ms, const char *why)
{
	const struct kept *kept = kept_of(sa);
	const struct attempt *a = attempt_of(sa);
	uint64_t replaces = a->replaces, before = a->ticket != NULL ? a->ticket->spi : 0;

	ike_sa_forget_setup(&i->core, sa);
	sa->state_due_ms = NO_TIME;
	sa->since_ms = now_ms;
	ike_sa_change_state(&i->core, sa, SA_ESTABLISHED, why);
	ike_sa_schedule(&i->core, sa, now_ms);
	ike_sa_link_peer(&i->core, sa);
	action_peer(&i->core, ACTION_PEER_UP, sa, REASON_DELETED);
	if (kept != NULL && kept->ticket != NULL)
		action_ticket(&i->core, sa, kept->ticket);
	else if (kept != NULL && i->conf.want_ticket && !kept->is_denied)
		task_add(&i->core, sa, TASK_TICKET, 0);
	if (replaces != 0)
		handover_done(i, replaces, now_ms);
	else if (before != 0)
		resuming_done(i, sa, before, now_ms);
}

/* Authentic as the gateway is, we say that we want no more of it. */
static void give_up(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	finish(i, sa, now_ms, "with a Child SA that is not ours");
	core_delete_ike(&i->core, now_ms, sa->own_spi, REASON_SYNTAX);
}

static void establish(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		      const struct auth_response *in)
{
	struct child *child = child_find(&i->core, attempt_of(sa)->child_id);

	count(&i->core, COUNT_AUTH_OK);
	if (child != NULL && in->has_child && in->error == 0) {
		if (take_child(i, sa, in, child) != 0) {
			child_free(&i->core, child);
			give_up(i, sa, now_ms);
			return;
		}
		ike_sa_change_state(&i->core, sa, SA_INSTALLING, "authenticated");
		ike_sa_set_due(&i->core, sa, now_ms + i->conf.setup_timeout_ms);
		child_install(&i->core, child, false);
		return;
	}
	if (child != NULL) {
		count(&i->core, COUNT_CHILD_FAILED);
		child_free(&i->core, child);
	}
	finish(i, sa, now_ms, in->error != 0 ? notify_name(in->error) : "without Child SA");
}

/*
 * It ends here. A gateway that thinks that all is well is told so by a Delete (RFC 7296, 2.21.2);
 * one that has refused us has forgotten us already.
 */
static void end(struct initiator *i, struct ike_sa *sa, uint64_t now_ms, bool is_up_there,
		enum ike_reason reason, uint16_t notify)
{
	struct task *task;

	log_info(i->core.lg, LG_IKE, "no IKE SA: %s", ike_reason_text(reason));
	if (reason != REASON_REDIRECTED)
		attempt_report(i, sa, reason, notify);
	while (sa->children != NULL)
		child_free(&i->core, sa->children);
	ike_sa_forget_setup(&i->core, sa);
	if (!is_up_there) {
		ike_sa_change_state(&i->core, sa, SA_FAILED, ike_reason_text(reason));
		ike_sa_set_due(&i->core, sa, now_ms); /* freed by and by */
		return;
	}
	ike_sa_change_state(&i->core, sa, SA_CLOSING, ike_reason_text(reason));
	sa->state_due_ms = NO_TIME;
	task = task_add(&i->core, sa, TASK_DELETE_IKE, 0);
	if (task != NULL)
		task->reason = reason;
}

/* RFC 5685, 6: as in IKE_SA_INIT, but authentic. */
static void follow(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		   const struct gateway *gw)
{
	struct origin origin;
	struct path path;

	if (!redirect_is_possible(&attempt_of(sa)->trail, now_ms, gw, &path)) {
		end(i, sa, now_ms, true, REASON_REDIRECTS, NOTIFY_REDIRECT);
		return;
	}
	origin = attempt_origin(sa, true);
	if (attempt_begin(i, now_ms, &origin, &path) != 0)
		end(i, sa, now_ms, true, REASON_STOPPED, NOTIFY_REDIRECT);
	else
		end(i, sa, now_ms, true, REASON_REDIRECTED, 0);
}

/* What an authentic gateway says besides: tickets, its QCD token, RFC 6311. */
static void take_extensions(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
			    const struct payload_list *list)
{
	const struct attempt *a = attempt_of(sa);
	struct notify n;

	sa->lineage.is_resumed = a->ticket != NULL;
	if (a->ticket != NULL)
		count(&i->core, COUNT_RESUMED);
	sa->has_mid_sync = i->conf.message_id_sync &&
			   notify_find(list, NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED, &n);
	kept_new(sa);
	if (kept_of(sa) == NULL)
		return;
	qcd_read(kept_of(sa), list);
	if (i->conf.want_ticket)
		tickets_take(i, sa, now_ms, list);
}

void auth_take_response(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			const struct request *res)
{
	struct initiator *i = initiator_of(c);
	struct auth_response in;

	request_forget(sa);
	if (res->payloads == NULL || decode(res->payloads, &in) != 0) {
		end(i, sa, now_ms, true, REASON_SYNTAX, 0);
	} else if (in.idr_body.ptr == NULL) {
		count(c, COUNT_AUTH_FAILED);
		/* Somebody was faster with the ticket, or it was revoked: there are other ways. */
		if (attempt_of(sa)->ticket != NULL && resuming_begin_full(i, sa, now_ms) == 0)
			end(i, sa, now_ms, false, REASON_REDIRECTED, 0);
		else
			end(i, sa, now_ms, false, REASON_REFUSED, in.error);
	} else if (!is_authentic(i, sa, &in) || remember_identity(sa, &in.idr) != 0) {
		count(c, COUNT_AUTH_FAILED);
		end(i, sa, now_ms, true, REASON_UNTRUSTED, 0);
	} else if (in.is_redirected && i->conf.follow_redirects) {
		follow(i, sa, now_ms, &in.gateway);
	} else {
		take_extensions(i, sa, now_ms, res->payloads);
		establish(i, sa, now_ms, &in);
	}
}

void auth_take_first_child(struct ike_core *c, struct ike_sa *sa, struct child *child,
			   uint64_t now_ms, int err)
{
	uint64_t id = child->id;

	child_installed(c, child, now_ms);
	child->is_outbound &= err == 0;
	finish(initiator_of(c), sa, now_ms, err == 0 ? "Child SA in place" : "without data plane");
	if (err != 0)
		core_delete_child(c, now_ms, id);
}
