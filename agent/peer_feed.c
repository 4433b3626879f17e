/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer_feed.h"

#include <stdlib.h>

#include "agent/agent_report.h"
#include "agent/peer_batch.h"

/* Between two frames of many that tell of all peers: a frame takes 2 or 3 ms to make. */
#define PEERS_MS       5
/* Ends of so many peers in one go are told one by one. */
#define ONE_BY_ONE_MAX 256

struct peer_feed {
	const struct logger *lg;
	struct uplink *uplink;
	struct peer_batch *batch; /* all peers, while the director is told of them */
	uv_timer_t timer;
	bool is_many; /* between begin and end */
	size_t n_many;
	bool is_closing;
};

void peer_feed_one(struct peer_feed *f, struct uplink *u, enum action_type what,
		   const struct peer_info *peer)
{
	struct ip_prefix inner[MSG_INNER_MAX];
	struct msg_peer entry;

	if (f->is_closing || (f->is_many && ++f->n_many > ONE_BY_ONE_MAX))
		return;
	report_fill_peer(what, peer, uv_hrtime() / 1000000, inner, &entry);
	uplink_send_peers(u, false, &entry, 1);
	if (f->batch != NULL)
		peer_batch_drop(f->batch, peer->spi);
}

struct collecting {
	struct peer_batch *batch;
	uint64_t now_ms;
};

static void collect_peer(void *ctx, const struct peer_info *peer)
{
	const struct collecting *c = ctx;

	peer_batch_add(c->batch, peer, c->now_ms);
}

static void forget_batch(struct peer_feed *f)
{
	peer_batch_free(f->batch);
	f->batch = NULL;
	uv_timer_stop(&f->timer);
}

static void send_from_batch(struct peer_feed *f, bool reset)
{
	size_t n;
	const struct msg_peer *rest = peer_batch_rest(f->batch, &n);

	peer_batch_skip(f->batch, uplink_send_peers(f->uplink, reset, rest, n));
	peer_batch_rest(f->batch, &n);
	if (n == 0)
		forget_batch(f);
}

static void on_timer(uv_timer_t *timer)
{
	struct peer_feed *f = timer->data;

	if (!uplink_is_up(f->uplink))
		forget_batch(f);
	else if (!uplink_is_full(f->uplink))
		send_from_batch(f, false);
}

void peer_feed_all(struct peer_feed *f, struct uplink *u, const struct responder *r)
{
	struct collecting c = { .now_ms = uv_hrtime() / 1000000 };

	f->uplink = u;
	forget_batch(f);
	c.batch = peer_batch_new(r != NULL ? responder_count_established(r) : 0);
	if (c.batch == NULL) {
		log_error(f->lg, LG_CONTROL, "no memory to tell the director about peers");
		return;
	}
	if (r != NULL)
		responder_each_peer(r, collect_peer, &c);
	f->batch = c.batch;
	uv_timer_start(&f->timer, on_timer, PEERS_MS, PEERS_MS);
	send_from_batch(f, true);
}

void peer_feed_begin_many(struct peer_feed *f)
{
	if (!f->is_many)
		f->n_many = 0;
	f->is_many = true;
}

void peer_feed_end_many(struct peer_feed *f, struct uplink *u, const struct responder *r)
{
	f->is_many = false;
	if (!f->is_closing && f->n_many > ONE_BY_ONE_MAX)
		peer_feed_all(f, u, r);
}

struct peer_feed *peer_feed_new(uv_loop_t *loop, const struct logger *lg)
{
	struct peer_feed *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->lg = lg;
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	return f;
}

static void on_closed(uv_handle_t *handle)
{
	struct peer_feed *f = handle->data;

	peer_batch_free(f->batch);
	free(f);
}

void peer_feed_close(struct peer_feed *f)
{
	if (f == NULL || f->is_closing)
		return;
	f->is_closing = true;
	uv_close((uv_handle_t *)&f->timer, on_closed);
}
