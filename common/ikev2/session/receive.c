/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/notify.h"
#include "common/ikev2/session/fragments.h"
#include "common/ikev2/session/tasks.h"

/*
 * A message with SK comes in: which SA, authentic, in window, well-formed, listed in the transition
 * table; only then does anything change.
 */
#define MOVE_INTERVAL_MS 1000

bool core_read_header(struct ike_core *c, uint64_t now_ms, struct request *req)
{
	c->now_ms = now_ms;
	count(c, COUNT_RX);
	if (ike_header_decode(req->message, &req->header) != 0 || req->header.spi_i == 0) {
		count(c, COUNT_DROP_HEADER);
		return false;
	}
	if (req->header.version >> 4 != IKE_VERSION >> 4) {
		count(c, COUNT_DROP_VERSION);
		return false;
	}
	return true;
}

/*
 * RFC 7296, 2.23: a peer that moved behind its NAT is followed, on authentic fresh messages. Not
 * more than once in a while, because every move is told to the director: a peer that sends each
 * packet from another port must not make messages of them all.
 */
static void follow(struct ike_core *c, struct ike_sa *sa, const struct path *path)
{
	if (sa->state != SA_ESTABLISHED || sa->is_behind_nat ||
	    endpoint_is_equal(&sa->path.remote, &path->remote))
		return;
	if (sa->has_moved && c->now_ms - sa->moved_ms < MOVE_INTERVAL_MS)
		return;
	sa->has_moved = true;
	sa->moved_ms = c->now_ms;
	sa->path = *path;
	for (struct child *child = sa->children; child != NULL; child = child->next) {
		if (child->state != CHILD_RESERVED)
			action_child_move(c, child);
	}
	action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
}

bool core_child_heard(struct ike_core *c, uint64_t now_ms, uint64_t child_id,
		      const struct endpoint *remote)
{
	struct child *child = child_find(c, child_id);

	c->now_ms = now_ms;
	if (child == NULL)
		return false;
	child->sa->heard_ms = now_ms;
	child->unconfirmed_until_ms = 0;
	/* RFC 7296, 2.8: so the peer has it, and we may send on it. */
	if (!child->is_outbound && !child->is_redundant &&
	    (child->state == CHILD_INSTALLED || child->state == CHILD_REKEYED))
		child_set_outbound(c, child, true);
	if (remote != NULL) {
		struct path path = { child->sa->path.local, *remote };

		follow(c, child->sa, &path);
	}
	return c->first != NULL;
}

/* The peer itself sent something that cannot be read: RFC 7296, 2.5 and 2.21.3. */
static void take_malformed(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			   const struct request *req, int err, uint8_t critical)
{
	struct bytes data = { &critical, 1 };
	bool is_critical = err == ERR_CRITICAL;

	count(c, COUNT_SYNTAX);
	if (ike_header_is_response(&req->header)) {
		/* Nobody answers a response: the SA goes without a word. */
		if (sa->setup != NULL)
			c->role->take_setup(c, sa, now_ms, req);
		else
			ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	sa->rx_next++;
	stored_free(&sa->last_response);
	respond_notify(c, sa, req->path, req->header.exchange, req->header.message_id,
		       is_critical ? NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD : NOTIFY_INVALID_SYNTAX,
		       is_critical ? data : (struct bytes){ NULL, 0 });
	if (sa->state == SA_HALF_OPEN)
		ike_sa_fail(c, sa, now_ms, "malformed IKE_AUTH");
	else if (!is_critical)
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
}

enum place {
	PLACE_NEXT,   /* the one that we wait for */
	PLACE_BEFORE, /* a request that was answered, the last one */
	PLACE_OUTSIDE,
};

/* RFC 7296, 2.2, 2.3: a window of one, in both directions. */
static enum place place_of(const struct ike_sa *sa, const struct ike_header *h)
{
	if (ike_header_is_response(h))
		return sa->outstanding.len > 0 && h->message_id == sa->tx_next - 1 ? PLACE_NEXT
										   : PLACE_OUTSIDE;
	/* The request before is not answered yet. */
	if (sa->answer.message.len > 0)
		return PLACE_OUTSIDE;
	if (h->message_id == sa->rx_next)
		return PLACE_NEXT;
	return h->message_id == sa->rx_next - 1 && sa->last_response.len > 0 ? PLACE_BEFORE
									     : PLACE_OUTSIDE;
}

/* True if the message is the next one that we wait for; retransmissions are answered here. */
static bool is_in_window(struct ike_core *c, const struct ike_sa *sa, const struct request *req)
{
	enum place place = place_of(sa, &req->header);

	if (place == PLACE_BEFORE) {
		count(c, COUNT_RETRANSMIT);
		stored_send(c, req->path, &sa->last_response);
	} else if (place == PLACE_OUTSIDE) {
		count(c, COUNT_DROP_WINDOW);
	}
	return place == PLACE_NEXT;
}

/* The SA that both SPIs name, if the sender is its other end; not one that has no keys yet. */
static struct ike_sa *find_sa(const struct ike_core *c, const struct ike_header *h)
{
	bool is_ours_initiator = !ike_header_is_initiator(h);
	struct ike_sa *sa = ike_sa_find(c, is_ours_initiator ? h->spi_i : h->spi_r);

	if (sa == NULL || sa->spi_i != h->spi_i || sa->spi_r != h->spi_r ||
	    sa->is_initiator != is_ours_initiator || sa->keys.d.len == 0 || sa->is_taken)
		return NULL;
	return sa;
}

static bool is_listed(const struct ike_core *c, const struct ike_sa *sa, const struct ike_header *h)
{
	if (ike_header_is_response(h) && sa->current != NULL && !tasks_is_expected(sa, h->exchange))
		return false;
	return transition_find(c, sa->state, h) != NULL;
}

/* A whole message, authentic: from SK, or from all its fragments. err says what is wrong inside. */
static void take_message(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			 const struct request *req, int err, uint8_t critical)
{
	sa->heard_ms = now_ms;
	if (!is_listed(c, sa, &req->header)) {
		count(c, COUNT_DROP_STATE);
		return;
	}
	fragments_forget(c, sa, ike_header_is_response(&req->header));
	if (err != 0) {
		take_malformed(c, sa, now_ms, req, err, critical);
		tasks_start(c, sa, now_ms);
		ike_sa_arm(c, sa);
		return;
	}
	follow(c, sa, req->path);
	if (!ike_header_is_response(&req->header)) {
		sa->rx_next++;
		stored_free(&sa->last_response);
		child_confirm_all(sa);
	}
	transition_find(c, sa->state, &req->header)(c, sa, now_ms, req);
	tasks_start(c, sa, now_ms);
	ike_sa_arm(c, sa);
}

/*
 * RFC 7383, 2.6: authentic before it is kept. Of a request that was answered only fragment 1 brings
 * the answer again, so that one repetition is one answer.
 */
static void take_fragment(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			  const struct request *req)
{
	struct request whole = *req;
	struct payload_list list;
	struct fragment f;
	struct bytes chain;
	bool is_authentic;
	uint8_t critical = 0, first;
	int err = skf_open(c->crypto, sa->suite.encr,
			   key_bytes(sa->is_initiator ? &sa->keys.er : &sa->keys.ei), req->message,
			   c->plain, &f, &critical, &is_authentic);

	if (err != 0) {
		count(c, is_authentic || err != ERR_AUTH ? COUNT_DROP_PAYLOAD : COUNT_DROP_ICV);
		return;
	}
	if (place_of(sa, &req->header) != PLACE_NEXT) {
		if (f.at.number == 1)
			is_in_window(c, sa, req);
		return;
	}
	if (!is_listed(c, sa, &req->header)) {
		count(c, COUNT_DROP_STATE);
		return;
	}
	if (!fragments_add(c, sa, &req->header, &f, &chain, &first))
		return;
	err = payload_list_decode(first, chain, &list, &critical);
	whole.payloads = err == 0 ? &list : NULL;
	take_message(c, sa, now_ms, &whole, err, critical);
}

void core_take_protected(struct ike_core *c, uint64_t now_ms, const struct request *req)
{
	struct request inner = *req;
	struct ike_sa *sa = find_sa(c, &req->header);
	struct payload_list list;
	bool is_authentic = false;
	uint8_t critical = 0;
	int err;

	if (sa == NULL) {
		count(c, COUNT_DROP_UNKNOWN_SPI);
		if (c->role->unknown_spi != NULL)
			c->role->unknown_spi(c, now_ms, req);
		return;
	}
	err = req->message.len <= sizeof(c->plain)
		  ? sk_open(c->crypto, sa->suite.encr,
			    key_bytes(sa->is_initiator ? &sa->keys.er : &sa->keys.ei), req->message,
			    c->plain, &list, &critical, &is_authentic)
		  : ERR_LIMIT;
	if (err == ERR_MISSING && !is_authentic && sa->has_fragmentation) {
		take_fragment(c, sa, now_ms, req);
		return;
	}
	if (!is_authentic) {
		count(c, err == ERR_AUTH ? COUNT_DROP_ICV : COUNT_DROP_PAYLOAD);
		return;
	}
	if (err == 0 && midsync_take(c, sa, now_ms, req, &list))
		return;
	if (!is_in_window(c, sa, req))
		return;
	inner.payloads = err == 0 ? &list : NULL;
	take_message(c, sa, now_ms, &inner, err, critical);
}
