/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

/* Delete, asked by us (RFC 7296, 1.4.1). */

int delete_child_write(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		       struct payload_writer *chain)
{
	struct child *child = child_find(c, task->child_id);

	(void)sa;
	if (child == NULL || (child->state != CHILD_INSTALLED && child->state != CHILD_REKEYED &&
			      child->state != CHILD_DELETING))
		return ERR_NOT_FOUND;
	if (child->unconfirmed_until_ms > now_ms)
		return ERR_BAD_STATE;
	chain_put_delete_esp(chain, &child->spi_in, 1);
	/* The peer takes its end out as soon as it reads this: nothing more is sent to there. */
	child_set_outbound(c, child, false);
	child->state = CHILD_DELETING;
	child->rekey_due_ms = child->over_due_ms = child->state_due_ms = NO_TIME;
	return 0;
}

/*
 * Whatever the answer says: the peer has it no longer. There is no Delete in it if both ends
 * deleted the same SA at once.
 */
void delete_child_take(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		       const struct request *response)
{
	struct child *child = child_find(c, task->child_id);

	(void)response;
	if (child != NULL && child_deleted(c, child, now_ms) && sa->state == SA_ESTABLISHED)
		action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
}

/* From here on the SA is nobody's: its Child SAs go, and the peer is told until it answers. */
int delete_ike_write(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		     struct payload_writer *chain)
{
	(void)now_ms;
	if (sa->state == SA_CLOSED)
		return ERR_NOT_FOUND;
	chain_put_delete_ike(chain);
	if (sa->state != SA_CLOSING)
		ike_sa_leave(c, sa, task->reason);
	return 0;
}

void delete_ike_take(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		     const struct request *response)
{
	(void)response;
	ike_sa_close(c, sa, now_ms, task->reason);
}
