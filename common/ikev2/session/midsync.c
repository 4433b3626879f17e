/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/notify.h"
#include "common/ikev2/session/fragments.h"
#include "common/ikev2/session/payloads.h"

#include <inttypes.h>

/*
 * Message ID synchronization (RFC 6311, 5.1), the side of a cluster's peer: another member goes on
 * with our IKE SA and knows for the next message IDs only what they were a while ago. Its request
 * has ID 0, outside the window, so that only what it says keeps it from being played back: it must
 * begin above all that we have seen of the cluster, its earlier requests of this kind included.
 */

/* Beyond that no number is one that was counted up to. */
#define NUMBER_MAX (UINT32_MAX / 2)

static bool is_new(const struct ike_sa *sa, const struct message_id_sync *in)
{
	return in->send >= sa->rx_next && (!sa->has_synced || in->send > sa->synced) &&
	       in->send <= NUMBER_MAX && in->recv <= NUMBER_MAX;
}

static int answer(struct ike_core *c, struct ike_sa *sa, const struct request *req,
		  const struct message_id_sync *in, uint32_t next)
{
	const struct message_id_sync out = { in->nonce, .send = next, .recv = in->send };
	struct notify n = { .type = NOTIFY_IKEV2_MESSAGE_ID_SYNC };
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);

	payload_open(&chain, PAYLOAD_NOTIFY);
	notify_encode(chain.w, &n);
	message_id_sync_encode(chain.w, &out);
	payload_close(&chain);
	return respond_once(c, sa, req, &chain);
}

static int synchronize(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		       const struct request *req, const struct message_id_sync *in)
{
	uint32_t next = in->recv > sa->tx_next ? in->recv : sa->tx_next;
	struct stored again = { .ptr = NULL };
	int err = 0;

	if (sa->outstanding.len > 0)
		err = request_seal_again(c, sa, next, &again);
	if (err == 0)
		err = answer(c, sa, req, in, next);
	if (err != 0) {
		stored_free(&again);
		return err;
	}
	/* What was answered before is forgotten there, so here. */
	stored_free(&sa->last_response);
	fragments_forget(c, sa, false);
	fragments_forget(c, sa, true);
	sa->rx_next = sa->synced = in->send;
	sa->has_synced = true;
	sa->heard_ms = now_ms;
	request_renumber(c, sa, now_ms, next, &again);
	ike_sa_arm(c, sa);
	return 0;
}

bool midsync_take(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, const struct request *req,
		  const struct payload_list *payloads)
{
	const struct ike_header *h = &req->header;
	struct message_id_sync in;
	struct notify n;
	int err;

	if (!sa->has_mid_sync || sa->state != SA_ESTABLISHED || ike_header_is_response(h) ||
	    h->exchange != EXCHANGE_INFORMATIONAL || h->message_id != 0 ||
	    !notify_find(payloads, NOTIFY_IKEV2_MESSAGE_ID_SYNC, &n))
		return false;
	err = message_id_sync_decode(n.data, &in);
	/* While the data plane is waited for there is an answer to a number that is no more. */
	if (err == 0 && (!is_new(sa, &in) || sa->answer.message.len > 0))
		err = ERR_REPLAY;
	if (err == 0)
		err = synchronize(c, sa, now_ms, req, &in);
	if (err != 0) {
		count(c, COUNT_DROP_SYNC);
		return true;
	}
	count(c, COUNT_MID_SYNCED);
	log_info(c->lg, LG_IKE, "%016" PRIx64 " another member goes on: message IDs %u, %u",
		 sa->own_spi, (unsigned int)sa->tx_next, (unsigned int)sa->rx_next);
	return true;
}
