/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

/* CREATE_CHILD_SA asked by the peer (RFC 7296, 1.3): what is wanted, and how it is refused. */
static const struct bytes nothing = { NULL, 0 };

void create_child_error(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			uint16_t type, struct bytes data)
{
	count(c, COUNT_CREATE_REFUSED);
	respond_notify(c, sa, req->path, EXCHANGE_CREATE_CHILD_SA, req->header.message_id, type,
		       data);
}

void create_child_wrong_group(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			      uint16_t group)
{
	const uint8_t data[2] = { (uint8_t)(group >> 8), (uint8_t)group };

	create_child_error(c, sa, req, NOTIFY_INVALID_KE_PAYLOAD, (struct bytes){ data, 2 });
}

void create_child_malformed(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			    const struct request *req)
{
	count(c, COUNT_SYNTAX);
	create_child_error(c, sa, req, NOTIFY_INVALID_SYNTAX, nothing);
	ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
}

/* RFC 7296, 2.25.2: an SA that is replaced, or that we have asked to delete. */
void create_child_refuse(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			 const struct request *req)
{
	(void)now_ms;
	create_child_error(c, sa, req, NOTIFY_TEMPORARY_FAILURE, nothing);
}

void create_child_request(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			  const struct request *req)
{
	struct create_child in;

	if (sa->state == SA_HEIR) {
		if (!heir_is_undecided(c, sa)) {
			create_child_refuse(c, sa, now_ms, req);
			return;
		}
		/* The peer uses it: so it is the one that lives on. */
		heir_inherit(c, ike_sa_find(c, sa->old_spi), sa, now_ms);
	}
	if (create_child_decode(req->payloads, false, &in) != 0) {
		create_child_malformed(c, sa, now_ms, req);
		return;
	}
	if (in.has_ts)
		child_answer(c, sa, now_ms, req, &in);
	else if (in.sa.proposals[0].protocol == PROTOCOL_IKE && !in.has_rekey)
		ike_rekey_answer(c, sa, now_ms, req, &in);
	else
		create_child_malformed(c, sa, now_ms, req);
}
