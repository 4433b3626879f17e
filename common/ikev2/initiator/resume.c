/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <stdlib.h>

/*
 * Resumption (RFC 5723, 4.3): what is not as in IKE_SA_INIT and IKE_AUTH, and when the ticket is
 * given up. Anybody can say TICKET_NACK: as long as we would wait before we ask again, a genuine
 * answer may still come. A gateway that is silent may not know the exchange at all.
 */
#define NACK_PATIENCE_MS 1000
#define TRIES            3 /* 7 s */

void resuming_put_ticket(const struct ike_sa *sa, struct payload_writer *chain)
{
	const struct resumption *t = attempt_of(sa)->ticket;

	chain_put_notify(chain, NOTIFY_TICKET_OPAQUE, (struct bytes){ t->ticket, t->ticket_len });
}

int resuming_take_keys(struct initiator *i, struct ike_sa *sa, const struct request *res,
		       const struct init_response *in)
{
	struct attempt *a = attempt_of(sa);
	int err = stored_set(&a->response, res->message);

	if (err != 0)
		return err;
	init_take_nonce(sa, res, in);
	sa->suite = a->ticket->suite;
	return ike_keys_resume(i->core.crypto, key_bytes(&a->ticket->sk_d), &sa->suite,
			       (struct bytes){ a->ni, sizeof(a->ni) }, in->nr, sa->spi_i, sa->spi_r,
			       &sa->keys);
}

int resuming_auth(struct initiator *i, const struct ike_sa *sa, bool is_ours, struct bytes id_body,
		  uint8_t *out)
{
	const struct attempt *a = attempt_of(sa);
	const struct stored *message = is_ours ? &a->request : &a->response;
	struct bytes nonce =
	    is_ours ? (struct bytes){ a->nr, a->nr_len } : (struct bytes){ a->ni, sizeof(a->ni) };

	return auth_resume_compute(i->core.crypto, sa->suite.prf->id,
				   i->conf.short_auth ? AUTH_FORM_SHORT : AUTH_FORM_RFC,
				   (struct bytes){ message->ptr, message->len }, nonce,
				   key_bytes(is_ours ? &sa->keys.pi : &sa->keys.pr), id_body, out);
}

/* RFC 5723, 4.3.2: the gateway has deleted it without a word; so do we. */
void resuming_done(struct initiator *i, const struct ike_sa *sa, uint64_t before, uint64_t now_ms)
{
	struct ike_sa *old = ike_sa_find(&i->core, before);

	if (old != NULL && old != sa && old->state == SA_ESTABLISHED && old->peer == sa->peer)
		ike_sa_close(&i->core, old, now_ms, REASON_RESUMED);
}

/* ---- the ticket is given up ---- */

void resuming_refused(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	struct attempt *a = attempt_of(sa);

	if (a->is_nacked)
		return;
	a->is_nacked = true;
	sa->retransmit_due_ms = now_ms + NACK_PATIENCE_MS;
	log_info(i->core.lg, LG_IKE, "the ticket is refused, if by the gateway");
}

bool resuming_is_over(const struct ike_sa *sa, uint64_t now_ms)
{
	const struct attempt *a = attempt_of(sa);

	return sa->state == SA_INIT_SENT && a->ticket != NULL &&
	       (a->is_nacked || sa->transmissions >= TRIES ||
		!resumption_is_good(a->ticket, now_ms));
}

int resuming_begin_full(struct initiator *i, const struct ike_sa *sa, uint64_t now_ms)
{
	const struct origin origin = attempt_origin(sa, false);

	return attempt_begin(i, now_ms, &origin, &sa->path);
}

void resuming_fall_back(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	bool is_refused = attempt_of(sa)->is_nacked;

	count(&i->core, is_refused ? COUNT_TICKET_REFUSED : COUNT_TICKET_SILENCE);
	log_info(i->core.lg, LG_IKE, "%s: IKE_SA_INIT instead",
		 is_refused ? "the ticket is refused" : "no answer to the ticket");
	if (resuming_begin_full(i, sa, now_ms) != 0)
		attempt_fail(i, sa, REASON_STOPPED, 0);
	else
		ike_sa_free(&i->core, sa);
}

/* ---- what a caller wants ---- */

static int check(const struct initiator *i, uint64_t now_ms, const struct policy_peer *peer,
		 const struct resumption *t)
{
	const struct id_body idi = resumption_idi(t), idr = resumption_idr(t);

	if (t->ticket_len == 0 || t->ticket_len > sizeof(t->ticket))
		return ERR_VALUE;
	if (now_ms >= t->expires_ms)
		return ERR_TIMEOUT;
	if (!id_is_equal(&idi, &i->conf.id) ||
	    (peer->id.data.len > 0 && !id_is_equal(&idr, &peer->id)))
		return ERR_MISMATCH;
	return 0;
}

/* The SA that it was given for may still be there: its copy must not be used again. */
static void spend_copy(struct initiator *i, const struct resumption *t)
{
	const struct ike_sa *sa = ike_sa_find(&i->core, t->spi);
	struct kept *kept = sa != NULL ? kept_of(sa) : NULL;

	if (kept != NULL && kept->ticket != NULL &&
	    bytes_is_equal((struct bytes){ kept->ticket->ticket, kept->ticket->ticket_len },
			   (struct bytes){ t->ticket, t->ticket_len }))
		tickets_free(&kept->ticket);
}

int initiator_resume(struct initiator *i, uint64_t now_ms, const struct policy_peer *peer,
		     const struct path *path, uint64_t ref, struct resumption *ticket)
{
	int err = check(i, now_ms, peer, ticket);
	struct resumption *copy;
	const struct origin origin = { .peer = peer, .ref = ref, .ticket = &copy };

	i->core.now_ms = now_ms;
	if (err == ERR_TIMEOUT)
		resumption_wipe(ticket);
	if (err != 0)
		return err;
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return ERR_NO_MEMORY;
	*copy = *ticket;
	err = attempt_begin(i, now_ms, &origin, path);
	tickets_free(&copy);
	if (err != 0)
		return err;
	spend_copy(i, ticket);
	resumption_wipe(ticket);
	return 0;
}
