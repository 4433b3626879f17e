/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <stdlib.h>

#include "common/ikev2/session/tasks.h"

/*
 * What is kept of an established SA beyond what session/ knows, and the hooks by which it follows
 * the SA from rekey to rekey and to its end.
 */

void kept_new(struct ike_sa *sa)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	/* Without memory the SA does without tickets, tokens and redirects. */
	if (kept == NULL)
		return;
	kept->trail = attempt_of(sa)->trail;
	sa->kept = kept;
}

void kept_forget(struct ike_sa *sa)
{
	struct kept *kept = kept_of(sa);

	tickets_free(&kept->ticket);
	wipe(kept, sizeof(*kept));
	free(kept);
	sa->kept = NULL;
}

/* The attempt that is to take its place elsewhere, if there is one. */
static struct attempt *handover_of(struct ike_core *c, const struct kept *kept)
{
	const struct ike_sa *sa = kept->handover != 0 ? ike_sa_find(c, kept->handover) : NULL;

	return sa != NULL ? attempt_of(sa) : NULL;
}

/* RFC 5723, 4.1: the ticket is void; RFC 6290, 4.3: the token too. Others are to be had. */
void kept_inherited(struct ike_core *c, struct ike_sa *old, struct ike_sa *heir)
{
	struct kept *kept = kept_of(old);
	struct attempt *handover;

	if (kept == NULL)
		return;
	tickets_drop(c, old);
	kept->token_len = 0;
	kept->is_denied = false;
	handover = handover_of(c, kept);
	if (handover != NULL)
		handover->replaces = heir->own_spi;
	if (initiator_of(c)->conf.want_ticket)
		task_add(c, heir, TASK_TICKET, 0);
}

/* Only what went without anybody wanting it can be resumed. */
static bool is_resumable(enum ike_reason reason)
{
	return reason == REASON_DEAD || reason == REASON_CRASHED;
}

enum ike_reason kept_down(struct ike_core *c, struct ike_sa *sa, enum ike_reason reason)
{
	struct kept *kept = kept_of(sa);
	struct attempt *handover;

	if (kept == NULL)
		return reason;
	if (!is_resumable(reason))
		tickets_drop(c, sa);
	handover = handover_of(c, kept);
	if (handover == NULL)
		return reason;
	/* It goes on there, and has nobody to go back to. */
	handover->replaces = 0;
	return REASON_REDIRECTED;
}

void kept_informed(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		   const struct request *req)
{
	struct initiator *i = initiator_of(c);
	struct gateway gw;
	struct notify n;

	if (kept_of(sa) == NULL)
		return;
	qcd_read(kept_of(sa), req->payloads);
	/* RFC 5685, 5: only who was called sends elsewhere; authentic, so without a nonce. */
	if (!sa->is_gateway && i->conf.follow_redirects &&
	    notify_find(req->payloads, NOTIFY_REDIRECT, &n) &&
	    redirect_decode(n.data, (struct bytes){ NULL, 0 }, &gw) == 0)
		handover_begin(i, sa, now_ms, &gw);
}

void kept_answered(struct ike_core *c, struct ike_sa *keyed, uint64_t now_ms,
		   const struct payload_list *response)
{
	struct kept *kept = kept_of(keyed);

	if (kept == NULL)
		return;
	qcd_read(kept, response);
	if (initiator_of(c)->conf.want_ticket || kept->is_asked)
		tickets_take(initiator_of(c), keyed, now_ms, response);
}
