/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/ikev2/session/tasks.h"

/*
 * Tickets asked for and kept (RFC 5723, 4.1, 4.2): in IKE_AUTH, with our rekeys of the IKE SA, and
 * in an INFORMATIONAL of its own after a rekey by the gateway, after TICKET_ACK, or when the caller
 * wants one. A gateway that does not say anything gives none.
 */

/* TICKET_OPAQUE says nothing of its life: that of an IKE SA, or this. */
#define LIFETIME_MS 3600000

bool tickets_add_request(struct ike_core *c, struct ike_sa *sa, bool is_rekey,
			 struct payload_writer *chain)
{
	const struct initiator *i = initiator_of(c);
	const struct kept *kept = kept_of(sa);

	if (kept == NULL || (!i->conf.want_ticket && !kept->is_asked))
		return false;
	if (!is_rekey && !kept->is_asked && (kept->ticket != NULL || kept->is_denied))
		return false;
	chain_put_notify(chain, NOTIFY_TICKET_REQUEST, (struct bytes){ NULL, 0 });
	return true;
}

void tickets_free(struct resumption **ticket)
{
	if (*ticket != NULL)
		resumption_wipe(*ticket);
	free(*ticket);
	*ticket = NULL;
}

void tickets_drop(struct ike_core *c, const struct ike_sa *sa)
{
	struct kept *kept = kept_of(sa);

	if (kept == NULL || kept->ticket == NULL)
		return;
	tickets_free(&kept->ticket);
	action_ticket(c, sa, NULL);
}

/* NULL: it is unusable, or there is no memory. */
static struct resumption *make(struct initiator *i, const struct ike_sa *sa, uint64_t now_ms,
			       struct bytes ticket, uint64_t life_ms)
{
	struct resumption *r;

	if (ticket.len == 0 || ticket.len > RESUMPTION_TICKET_MAX || life_ms == 0)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		count(&i->core, COUNT_DROP_LIMIT);
		return NULL;
	}
	memcpy(r->ticket, ticket.ptr, ticket.len);
	r->ticket_len = ticket.len;
	r->expires_ms = now_ms + life_ms;
	r->spi = sa->own_spi;
	r->sk_d = sa->keys.d;
	r->suite = sa->suite;
	r->auth_method = AUTH_SHARED_KEY;
	if (resumption_set_id(&i->conf.id, &r->idi_type, r->idi, &r->idi_len) != 0 ||
	    resumption_set_id(&sa->id, &r->idr_type, r->idr, &r->idr_len) != 0)
		tickets_free(&r);
	return r;
}

static struct resumption *read_ticket(struct initiator *i, const struct ike_sa *sa, uint64_t now_ms,
				      const struct payload_list *list)
{
	uint64_t life_ms = i->conf.rekey_ike_ms != 0 ? i->conf.rekey_ike_ms : LIFETIME_MS;
	struct ticket_lt lt;
	struct notify n;

	if (notify_find(list, NOTIFY_TICKET_LT_OPAQUE, &n) && ticket_lt_decode(n.data, &lt) == 0)
		return make(i, sa, now_ms, lt.ticket, (uint64_t)lt.lifetime_s * 1000);
	if (notify_find(list, NOTIFY_TICKET_OPAQUE, &n))
		return make(i, sa, now_ms, n.data, life_ms);
	return NULL;
}

void tickets_take(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		  const struct payload_list *list)
{
	struct kept *kept = kept_of(sa);
	struct resumption *ticket = read_ticket(i, sa, now_ms, list);
	struct notify n;

	kept->is_asked = false;
	if (ticket == NULL) {
		/* "Later" by INFORMATIONAL (RFC 5723, 4.1), which is for good the second time. */
		kept->is_denied =
		    sa->state == SA_ESTABLISHED || !notify_find(list, NOTIFY_TICKET_ACK, &n);
		return;
	}
	count(&i->core, COUNT_TICKET_TAKEN);
	kept->is_denied = false;
	tickets_free(&kept->ticket);
	kept->ticket = ticket;
	if (sa->state == SA_ESTABLISHED)
		action_ticket(&i->core, sa, ticket);
}

bool initiator_request_ticket(struct initiator *i, uint64_t now_ms, uint64_t spi)
{
	struct ike_sa *sa = ike_sa_find(&i->core, spi);

	i->core.now_ms = now_ms;
	if (sa == NULL || sa->state != SA_ESTABLISHED || kept_of(sa) == NULL)
		return false;
	kept_of(sa)->is_asked = true;
	task_add(&i->core, sa, TASK_TICKET, 0);
	tasks_start(&i->core, sa, now_ms);
	ike_sa_arm(&i->core, sa);
	return true;
}
