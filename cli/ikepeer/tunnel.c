/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/tunnel.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/ikepeer/terms.h"
#include "cli/ikepeer/transport.h"
#include "cli/ikepeer/wallet.h"
#include "common/esp/tun/tun.h"
#include "common/ikev2/header.h"

#define PACKET_MAX      65536
#define USAGE_PERIOD_MS 10000
#define DELETES_MAX     8

struct tunnel {
	uv_loop_t *loop;
	struct tunnel_events events;
	const struct logger *lg;
	struct rng rng;
	struct crypto *crypto;
	struct initiator *initiator;
	struct esp_set *esp;
	struct transport *transport;
	struct tun *tun; /* NULL: none */
	struct terms terms;
	struct wallet wallet;
	struct ip attempt; /* the gateway that was asked last */
	uint64_t n_attempts;
	size_t n_deletes; /* not answered yet */
	uv_timer_t expiry, usage;
	int open_handles;
	bool is_closing;
	uint8_t inner[PACKET_MAX];
	uint8_t outer[PACKET_MAX];
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* ---- what the initiator wants ---- */

/* The first message of an SA to another gateway than the last one's: it was redirected. */
static void look_for_redirect(struct tunnel *t, const struct action *a)
{
	struct ike_header h;

	if (ike_header_decode(a->message, &h) != 0 || ike_header_is_response(&h) ||
	    (h.exchange != EXCHANGE_IKE_SA_INIT && h.exchange != EXCHANGE_IKE_SESSION_RESUME) ||
	    ip_is_equal(&a->path.remote.ip, &t->attempt))
		return;
	t->attempt = a->path.remote.ip;
	t->events.redirected(t->events.ctx, &t->attempt);
}

static void add_child(struct tunnel *t, const struct action *a)
{
	uint64_t id = a->child_id;
	int err = t->tun != NULL ? esp_set_add(t->esp, &a->child) : 0;

	t->events.action(t->events.ctx, a);
	/* The action is gone after this. */
	initiator_child_result(t->initiator, now_ms(), id, err);
}

static void run_child_action(struct tunnel *t, const struct action *a)
{
	int err = 0;

	if (t->tun != NULL && a->type == ACTION_CHILD_REMOVE)
		err = esp_set_remove(t->esp, a->child_id);
	else if (t->tun != NULL && a->type == ACTION_CHILD_MOVE)
		err = esp_set_update_remote(t->esp, a->child_id, &a->path.remote);
	else if (t->tun != NULL && a->type == ACTION_CHILD_OUTBOUND)
		err = esp_set_outbound(t->esp, a->child_id, a->is_outbound);
	if (err != 0)
		log_warn(t->lg, LG_ESP, "a Child SA that changes: %s", err_text(err));
	t->events.action(t->events.ctx, a);
}

static void run_action(struct tunnel *t, const struct action *a)
{
	switch (a->type) {
	case ACTION_SEND:
		look_for_redirect(t, a);
		transport_send_ike(t->transport, &a->path, a->message);
		break;
	case ACTION_KEEPALIVE:
		transport_send_keepalive(t->transport, &a->path);
		break;
	case ACTION_CHILD_ADD:
		add_child(t, a);
		break;
	case ACTION_CHILD_REMOVE:
	case ACTION_CHILD_MOVE:
	case ACTION_CHILD_OUTBOUND:
		run_child_action(t, a);
		break;
	case ACTION_TICKET:
		wallet_put(&t->wallet, a->resumption);
		t->events.action(t->events.ctx, a);
		break;
	case ACTION_TICKET_GONE:
		wallet_drop(&t->wallet, a->peer.spi);
		t->events.action(t->events.ctx, a);
		break;
	default: /* PEER_* */
		t->events.action(t->events.ctx, a);
	}
}

static void on_expiry(uv_timer_t *timer);

static void arm(struct tunnel *t)
{
	uint64_t due = initiator_next_expiry(t->initiator), now = now_ms();

	if (t->is_closing || due == UINT64_MAX) {
		uv_timer_stop(&t->expiry);
		return;
	}
	uv_update_time(t->loop);
	uv_timer_start(&t->expiry, on_expiry, due > now ? due - now : 0, 0);
}

/* After every call into the initiator. */
static void drain(struct tunnel *t)
{
	struct action action;

	while (!t->is_closing && initiator_next_action(t->initiator, &action))
		run_action(t, &action);
	arm(t);
}

static void on_expiry(uv_timer_t *timer)
{
	struct tunnel *t = timer->data;

	initiator_expire(t->initiator, now_ms());
	drain(t);
}

static void tell_usage(void *ctx, uint64_t id, const struct esp_stats *stats)
{
	struct tunnel *t = ctx;

	initiator_child_usage(t->initiator, now_ms(), id, stats);
}

static void on_usage(uv_timer_t *timer)
{
	struct tunnel *t = timer->data;

	esp_set_each(t->esp, tell_usage, t);
	drain(t);
}

/* ---- what comes in ---- */

static void on_ike(void *ctx, const struct path *path, struct bytes message)
{
	struct tunnel *t = ctx;
	struct ike_header h;

	bool is_last;

	is_last = t->n_deletes > 0 && ike_header_decode(message, &h) == 0 &&
		  ike_header_is_response(&h) && h.exchange == EXCHANGE_INFORMATIONAL &&
		  --t->n_deletes == 0;
	initiator_datagram(t->initiator, now_ms(), path, message);
	drain(t);
	if (is_last)
		t->events.over(t->events.ctx);
}

static void on_esp(void *ctx, const struct endpoint *remote, struct bytes packet)
{
	struct tunnel *t = ctx;
	struct bytes inner;
	uint64_t id;
	bool is_moved = false;

	if (t->tun == NULL || esp_inbound(t->esp, now_ms(), remote, packet, t->inner, &inner, &id,
					  &is_moved) != ESP_OK)
		return;
	if (tun_write(t->tun, inner) != 0)
		log_debug(t->lg, LG_ESP, "the device did not take a packet");
	if (initiator_child_heard(t->initiator, now_ms(), id, is_moved ? remote : NULL))
		drain(t);
}

static void on_inner_packet(void *ctx, struct bytes packet)
{
	struct tunnel *t = ctx;
	struct endpoint local, remote;
	struct bytes outer;

	if (esp_outbound(t->esp, now_ms(), packet, t->outer, sizeof(t->outer), &outer, &local,
			 &remote) != ESP_OK)
		return;
	transport_cork(t->transport, true);
	transport_send_esp(t->transport, &remote, outer);
}

static void on_device_drained(void *ctx)
{
	struct tunnel *t = ctx;

	transport_cork(t->transport, false);
}

static void on_device_lost(void *ctx)
{
	struct tunnel *t = ctx;

	t->events.lost(t->events.ctx);
}

/* ---- orders ---- */

const struct resumption *tunnel_ticket(const struct tunnel *t)
{
	return wallet_best(&t->wallet, now_ms());
}

void tunnel_give_ticket(struct tunnel *t, const struct resumption *ticket)
{
	wallet_put(&t->wallet, ticket);
}

/* Used or of no use: in either case it is nobody's from now on. */
static int resume(struct tunnel *t, const struct path *path)
{
	const struct resumption *best = tunnel_ticket(t);
	struct resumption ticket;
	int err;

	if (best == NULL)
		return ERR_NOT_FOUND;
	ticket = *best;
	wallet_drop(&t->wallet, ticket.spi);
	err =
	    initiator_resume(t->initiator, now_ms(), &t->terms.peer, path, t->n_attempts, &ticket);
	if (err != 0)
		log_warn(t->lg, LG_IKE, "the ticket is of no use: %s", err_text(err));
	resumption_wipe(&ticket);
	return err;
}

int tunnel_connect(struct tunnel *t, const struct ip *gateway, bool is_resume)
{
	struct path path = transport_path(t->transport, gateway);
	int err = ERR_NOT_FOUND;

	t->attempt = *gateway;
	t->n_attempts++;
	if (is_resume)
		err = resume(t, &path);
	if (err != 0)
		err =
		    initiator_connect(t->initiator, now_ms(), &t->terms.peer, &path, t->n_attempts);
	drain(t);
	return err;
}

struct spis {
	size_t n;
	uint64_t items[DELETES_MAX];
};

static void collect(void *ctx, const struct peer_info *peer)
{
	struct spis *spis = ctx;

	if (spis->n < DELETES_MAX)
		spis->items[spis->n++] = peer->spi;
}

bool tunnel_delete(struct tunnel *t)
{
	struct spis spis = { .n = 0 };

	initiator_each_peer(t->initiator, collect, &spis);
	for (size_t i = 0; i < spis.n; i++)
		t->n_deletes += initiator_delete_ike(t->initiator, now_ms(), spis.items[i]);
	drain(t);
	return t->n_deletes > 0;
}

/* ---- opening and closing ---- */

static int make_initiator(struct tunnel *t, const struct peer_options *o)
{
	struct ip source = transport_source(t->transport);
	int err = terms_fill(&t->terms, o, &source);

	if (err != 0)
		return err;
	t->initiator = initiator_new(&t->terms.conf, t->crypto, &t->rng, t->lg);
	return t->initiator != NULL ? 0 : ERR_NO_MEMORY;
}

static int make_parts(struct tunnel *t, const struct peer_options *o, struct errtext *why)
{
	const struct transport_events events = { on_ike, on_esp, t };
	int err = transport_open(t->loop, &o->gateway, &o->source, &events, &t->transport, why);

	if (err != 0)
		return err;
	t->rng = rng_system();
	t->crypto = crypto_new();
	t->esp = t->crypto != NULL ? esp_set_new(t->crypto) : NULL;
	err = t->esp != NULL ? make_initiator(t, o) : ERR_CRYPTO;
	if (err != 0)
		errtext_set(why, "cannot begin: %s", err_text(err));
	return err;
}

static int start_device(struct tunnel *t, int tun_fd, struct errtext *why)
{
	const struct tun_events events = { on_inner_packet, on_device_drained, on_device_lost, t };
	int err = tun_start(t->loop, tun_fd, &events, &t->tun);

	if (err == 0)
		t->open_handles++;
	else
		errtext_set(why, "cannot read from the TUN device: %s", err_text(err));
	return err;
}

int tunnel_open(uv_loop_t *loop, const struct peer_options *options, int tun_fd,
		const struct logger *lg, const struct tunnel_events *events, struct tunnel **out,
		struct errtext *why)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	int err;

	errtext_set(why, "out of memory");
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->loop = loop;
	t->lg = lg;
	t->events = *events;
	uv_timer_init(loop, &t->expiry);
	uv_timer_init(loop, &t->usage);
	t->expiry.data = t->usage.data = t;
	t->open_handles = 2;
	err = make_parts(t, options, why);
	if (err == 0 && tun_fd >= 0)
		err = start_device(t, tun_fd, why);
	if (err != 0) {
		tunnel_close(t);
		return err;
	}
	uv_timer_start(&t->usage, on_usage, USAGE_PERIOD_MS, USAGE_PERIOD_MS);
	*out = t;
	return 0;
}

static void free_if_closed(struct tunnel *t)
{
	if (--t->open_handles > 0)
		return;
	initiator_free(t->initiator);
	esp_set_free(t->esp);
	crypto_free(t->crypto);
	wipe(t, sizeof(*t));
	free(t);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free_if_closed(handle->data);
}

static void on_tun_closed(void *ctx)
{
	free_if_closed(ctx);
}

void tunnel_close(struct tunnel *t)
{
	if (t == NULL || t->is_closing)
		return;
	t->is_closing = true;
	transport_close(t->transport);
	t->transport = NULL;
	if (t->tun != NULL)
		tun_close(t->tun, on_tun_closed);
	uv_close((uv_handle_t *)&t->expiry, on_timer_closed);
	uv_close((uv_handle_t *)&t->usage, on_timer_closed);
}
