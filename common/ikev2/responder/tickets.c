/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include "common/ikev2/session/payloads.h"

/*
 * Giving tickets (RFC 5723, 4.1, 4.2): to whoever asks, in the answer to what it asks with. Never
 * unasked, and never two at once.
 */

int tickets_policy(struct responder *r, const struct policy_peer *peer, uint64_t *out)
{
	static const char label[] = "waypost policy 1";
	const struct bytes parts[] = {
		{ (const uint8_t *)label, sizeof(label) - 1 },
		{ (const uint8_t *)peer->connection->name, strlen(peer->connection->name) },
	};
	uint8_t digest[PRF_MAX_SIZE];
	int err = prf_compute(r->core.crypto, PRF_HMAC_SHA2_256, peer->psk, parts, 2, digest);

	if (err == 0)
		memcpy(out, digest, sizeof(*out));
	wipe(digest, sizeof(digest));
	return err;
}

/* What the IKE SA is, as far as the peer's next gateway needs it. */
static int describe(struct responder *r, const struct ike_sa *sa, const struct ike_sa *keyed,
		    struct ticket *out)
{
	const char *connection = sa->peer->connection->name;

	*out = (struct ticket){
		.auth_s = sa->lineage.auth_s,
		.idi = sa->id,
		.idr = r->conf.id,
		.auth_method = AUTH_SHARED_KEY,
		.suite = keyed->suite,
		.sk_d = keyed->keys.d,
		.spi_i = keyed->spi_i,
		.spi_r = keyed->spi_r,
		.is_gateway_r = !keyed->is_initiator,
		.is_redirectable = sa->is_redirectable,
		.ledger = sa->lineage.ledger,
	};
	if (strlen(connection) >= sizeof(out->connection))
		return ERR_TOO_LONG;
	memcpy(out->connection, connection, strlen(connection) + 1);
	return tickets_policy(r, sa->peer, &out->policy);
}

static int issue(struct responder *r, struct ike_sa *sa, struct ike_sa *keyed,
		 struct payload_writer *chain)
{
	uint64_t now_s = responder_now_s(r), latest_s = 0;
	uint8_t sealed[TICKET_MAX_SIZE], data[4 + TICKET_MAX_SIZE];
	struct wr w = wr_init(data, sizeof(data));
	struct ticket_lt lt;
	struct bytes written;
	struct ticket t;
	size_t len = 0;
	int err;

	if (r->conf.tickets == NULL || now_s == 0 || sa->lineage.auth_s == 0)
		return ERR_NOT_FOUND;
	/* No chain of resumptions puts off an authentication for ever. */
	if (r->conf.resumable_s != 0)
		latest_s = sa->lineage.auth_s + r->conf.resumable_s;
	err = describe(r, sa, keyed, &t);
	if (err == 0)
		err = ticket_office_issue(r->conf.tickets, r->core.crypto, r->core.rng, now_s,
					  latest_s, &t, sealed, &len);
	if (err == 0) {
		lt = (struct ticket_lt){ (uint32_t)(t.expires_s - now_s), { sealed, len } };
		ticket_lt_encode(&w, &lt);
		err = wr_finish(&w, &written);
	}
	if (err == 0) {
		chain_put_notify(chain, NOTIFY_TICKET_LT_OPAQUE, written);
		memcpy(keyed->lineage.ticket, t.id, sizeof(t.id));
		keyed->lineage.ticket_expires_s = t.expires_s;
	}
	ticket_wipe(&t);
	return err;
}

void tickets_put(struct responder *r, struct ike_sa *sa, struct ike_sa *keyed,
		 struct payload_writer *chain)
{
	int err = issue(r, sa, keyed, chain);

	if (err == 0) {
		count(&r->core, COUNT_TICKET_ISSUED);
		return;
	}
	if (err != ERR_NOT_FOUND && err != ERR_TIMEOUT)
		log_warn(r->core.lg, LG_IKE, "cannot issue a ticket: %s", err_text(err));
	count(&r->core, COUNT_TICKET_DENIED);
	chain_put_notify(chain, NOTIFY_TICKET_NACK, (struct bytes){ NULL, 0 });
}

static bool has_request(const struct payload_list *list)
{
	struct notify n;

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].type == PAYLOAD_NOTIFY &&
		    notify_decode(list->items[i].body, &n) == 0 && n.type == NOTIFY_TICKET_REQUEST)
			return true;
	}
	return false;
}

void tickets_answer(struct ike_core *c, struct ike_sa *sa, struct ike_sa *keyed,
		    const struct payload_list *request, struct payload_writer *chain)
{
	struct responder *r = responder_of(c);

	if (sa->peer != NULL && sa->is_gateway && has_request(request))
		tickets_put(r, sa, keyed, chain);
	if (keyed != sa)
		qcd_put(r, keyed, chain);
}

/* RFC 5723, 6.2: with the IKE SA its ticket is void, at least here. */
void tickets_deleted(struct ike_core *c, struct ike_sa *sa)
{
	struct responder *r = responder_of(c);
	struct ticket t = { .expires_s = sa->lineage.ticket_expires_s };

	if (!r->conf.delete_voids_ticket || r->conf.tickets == NULL || t.expires_s == 0)
		return;
	memcpy(t.id, sa->lineage.ticket, sizeof(t.id));
	if (!ticket_office_spend(r->conf.tickets, &t, responder_now_s(r)))
		log_debug(r->core.lg, LG_IKE, "a ticket that was used is void");
}
