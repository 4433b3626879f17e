/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/shard/shard.h"

#include <stdlib.h>
#include <time.h>

#include "common/esp/tun/tun.h"
#include "common/ikev2/const.h"
#include "common/io/udp.h"

#define MARKER_SIZE    4
#define PORTS          2
#define PACKET_MAX     65536
#define TRIM_PERIOD_MS 10000
#define TRIM_IDLE_MS   60000

/* The sockets of one service address. */
struct home {
	struct ip ip;
	struct udp *sockets[PORTS]; /* 500, 4500 */
};

struct shard {
	uv_loop_t *loop;
	const struct logger *lg;
	struct shard_events events;
	struct crypto *crypto;
	struct responder *responder;
	struct esp_set *esp;
	struct tun *tun;
	size_t n_homes;
	struct home *homes;
	uv_timer_t expiry; /* the responder's next deadline */
	uv_timer_t trim;
	int open_handles; /* timers and device that are not closed yet */
	bool is_closing;
	bool is_dropping; /* and dropped is to be told */
	bool is_corked;   /* the 4500 sockets collect what a batch from the device makes */
	struct shard_traffic traffic;
	uint8_t inner[PACKET_MAX]; /* decrypted packet on its way to the device */
	uint8_t outer[PACKET_MAX]; /* ESP packet or marked IKE message on its way to the peer */
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static struct home *find_home(struct shard *s, const struct ip *ip)
{
	for (size_t i = 0; i < s->n_homes; i++) {
		if (ip_is_equal(&s->homes[i].ip, ip))
			return &s->homes[i];
	}
	return NULL;
}

static struct udp *socket_of(struct shard *s, const struct endpoint *local)
{
	struct home *home = find_home(s, &local->ip);

	return home != NULL ? home->sockets[local->port == IKE_NATT_PORT] : NULL;
}

static void send_ike(struct shard *s, const struct path *path, struct bytes message)
{
	struct udp *u = socket_of(s, &path->local);

	if (u == NULL || message.len + MARKER_SIZE > sizeof(s->outer))
		return;
	if (path->local.port == IKE_NATT_PORT) {
		/* The non-ESP marker, RFC 3948, 2.2. */
		memset(s->outer, 0, MARKER_SIZE);
		memcpy(s->outer + MARKER_SIZE, message.ptr, message.len);
		message = (struct bytes){ s->outer, MARKER_SIZE + message.len };
	}
	udp_send(u, NULL, &path->remote, message);
}

/* RFC 3948, 2.3: for the NAT that we are behind. */
static void send_keepalive(struct shard *s, const struct path *path)
{
	static const uint8_t octet = 0xff;
	struct udp *u = socket_of(s, &path->local);

	if (u != NULL)
		udp_send(u, NULL, &path->remote, (struct bytes){ &octet, 1 });
}

static void add_child(struct shard *s, const struct action *a)
{
	struct ts_list inner = a->child.ts_remote;
	uint64_t id = a->child_id;
	const struct policy_connection *connection = a->connection;
	bool is_outbound = !a->child.is_inbound_only;
	int err = esp_set_add(s->esp, &a->child);

	/* The action is gone after the next call: what is needed of it was copied. */
	responder_child_result(s->responder, now_ms(), id, err);
	if (err == 0 && is_outbound)
		s->events.child_up(s->events.ctx, id, connection, &inner);
}

/* The return path follows what is sent on, not what only receives. */
static void turn_child(struct shard *s, const struct action *a)
{
	if (esp_set_outbound(s->esp, a->child_id, a->is_outbound) != 0) {
		log_warn(s->lg, LG_ESP, "cannot turn a Child SA %s", a->is_outbound ? "on" : "off");
		return;
	}
	if (a->is_outbound)
		s->events.child_up(s->events.ctx, a->child_id, a->connection, &a->child.ts_remote);
}

static void remove_child(struct shard *s, uint64_t id)
{
	if (esp_set_remove(s->esp, id) == 0)
		s->events.child_down(s->events.ctx, id);
}

static void run_action(struct shard *s, const struct action *a)
{
	switch (a->type) {
	case ACTION_SEND:
		send_ike(s, &a->path, a->message);
		break;
	case ACTION_KEEPALIVE:
		send_keepalive(s, &a->path);
		break;
	case ACTION_CHILD_ADD:
		add_child(s, a);
		break;
	case ACTION_CHILD_REMOVE:
		remove_child(s, a->child_id);
		break;
	case ACTION_CHILD_MOVE:
		if (esp_set_update_remote(s->esp, a->child_id, &a->path.remote) != 0)
			log_warn(s->lg, LG_ESP, "a Child SA to be moved is not there");
		break;
	case ACTION_CHILD_OUTBOUND:
		turn_child(s, a);
		break;
	case ACTION_PEER_FAILED: /* of initiators, as tickets are */
	case ACTION_TICKET:
	case ACTION_TICKET_GONE:
		break;
	case ACTION_PEER_UP:
	case ACTION_PEER_CHANGED:
	case ACTION_PEER_DOWN:
		s->events.peer(s->events.ctx, a->type, &a->peer, a->reason);
		break;
	}
}

static void on_expiry(uv_timer_t *timer);

static void arm(struct shard *s)
{
	uint64_t due = responder_next_expiry(s->responder), now = now_ms();

	if (due == UINT64_MAX) {
		uv_timer_stop(&s->expiry);
		return;
	}
	uv_update_time(s->loop);
	/* Never at once: what comes in slices would leave the loop no time between them. */
	uv_timer_start(&s->expiry, on_expiry, due > now ? due - now : 1, 0);
}

/* After every call into the responder. */
static void drain(struct shard *s)
{
	struct action action;

	while (responder_next_action(s->responder, &action))
		run_action(s, &action);
	arm(s);
}

static void tell_dropped(struct shard *s)
{
	if (!s->is_dropping || responder_is_dropping(s->responder))
		return;
	s->is_dropping = false;
	s->events.dropped(s->events.ctx);
}

static void on_expiry(uv_timer_t *timer)
{
	struct shard *s = timer->data;

	responder_expire(s->responder, now_ms());
	drain(s);
	tell_dropped(s);
}

static void tell_usage(void *ctx, uint64_t id, const struct esp_stats *stats)
{
	struct shard *s = ctx;

	responder_child_usage(s->responder, now_ms(), id, stats);
}

/* Tickets outlive boots and are shown to other members: they have the time of the day. */
static void tell_time(struct shard *s)
{
	responder_set_time(s->responder, now_ms(), (uint64_t)time(NULL));
}

static void on_trim(uv_timer_t *timer)
{
	struct shard *s = timer->data;

	tell_time(s);
	esp_set_each(s->esp, tell_usage, s);
	drain(s);
	esp_set_trim(s->esp, now_ms(), TRIM_IDLE_MS);
}

static void take_esp(struct shard *s, const struct endpoint *remote, struct bytes packet)
{
	struct bytes inner;
	uint64_t id;
	bool is_moved = false;
	enum esp_verdict v =
	    esp_inbound(s->esp, now_ms(), remote, packet, s->inner, &inner, &id, &is_moved);

	if (v != ESP_OK)
		return; /* counted by verdict in the set */
	if (tun_write(s->tun, inner) == 0) {
		s->traffic.packets_in++;
		s->traffic.octets_in += inner.len;
	} else {
		s->traffic.dropped_tun++;
	}
	if (responder_child_heard(s->responder, now_ms(), id, is_moved ? remote : NULL))
		drain(s);
}

/* On 4500: four zero octets are IKE, one octet 0xff is a keepalive, all else is ESP (RFC 3948). */
static bool strip_marker(struct bytes *data)
{
	static const uint8_t marker[MARKER_SIZE];

	if (data->len < MARKER_SIZE || memcmp(data->ptr, marker, MARKER_SIZE) != 0)
		return false;
	data->ptr += MARKER_SIZE;
	data->len -= MARKER_SIZE;
	return true;
}

static void on_datagram(void *ctx, const struct endpoint *remote, const struct endpoint *local,
			struct bytes data)
{
	struct shard *s = ctx;
	struct path path = { *local, *remote };

	if (s->responder == NULL) {
		s->traffic.dropped_not_ready++;
		return;
	}
	if (data.len == 1 && data.ptr[0] == 0xff)
		return;
	if (local->port == IKE_NATT_PORT && !strip_marker(&data)) {
		take_esp(s, remote, data);
		return;
	}
	responder_datagram(s->responder, now_ms(), &path, data);
	drain(s);
}

static void cork(struct shard *s, bool on)
{
	if (s->is_corked == on)
		return;
	s->is_corked = on;
	for (size_t i = 0; i < s->n_homes; i++) {
		if (on)
			udp_cork(s->homes[i].sockets[1]);
		else
			udp_uncork(s->homes[i].sockets[1]);
	}
}

static void on_device_drained(void *ctx)
{
	cork(ctx, false);
}

/* A packet from the protected network for a peer. */
static void on_inner_packet(void *ctx, struct bytes packet)
{
	struct shard *s = ctx;
	struct endpoint local, remote;
	struct bytes outer;
	struct udp *u;

	if (s->responder == NULL) {
		s->traffic.dropped_not_ready++;
		return;
	}
	if (esp_outbound(s->esp, now_ms(), packet, s->outer, sizeof(s->outer), &outer, &local,
			 &remote) != ESP_OK)
		return;
	u = socket_of(s, &local);
	if (u == NULL)
		return;
	cork(s, true);
	udp_send(u, NULL, &remote, outer);
	s->traffic.packets_out++;
	s->traffic.octets_out += packet.len;
}

static void on_tun_lost(void *ctx)
{
	struct shard *s = ctx;

	log_error(s->lg, LG_ESP, "the TUN device was deleted");
	s->events.lost(s->events.ctx);
}

static int open_home(struct shard *s, struct home *home, struct errtext *why)
{
	static const uint16_t ports[PORTS] = { IKE_PORT, IKE_NATT_PORT };
	const struct udp_options options = { .freebind = true, .rcvbuf = 4 << 20 };

	for (size_t i = 0; i < PORTS; i++) {
		struct endpoint local = { home->ip, ports[i] };
		int err =
		    udp_open(s->loop, &local, &options, on_datagram, s, &home->sockets[i], why);

		if (err != 0)
			return err;
	}
	return 0;
}

static void free_if_closed(struct shard *s)
{
	if (--s->open_handles > 0)
		return;
	esp_set_free(s->esp);
	responder_free(s->responder);
	free(s->homes);
	wipe(s->inner, sizeof(s->inner));
	wipe(s->outer, sizeof(s->outer));
	free(s);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free_if_closed(handle->data);
}

static void on_tun_closed(void *ctx)
{
	free_if_closed(ctx);
}

void shard_close(struct shard *s)
{
	if (s == NULL || s->is_closing)
		return;
	s->is_closing = true;
	for (size_t i = 0; s->homes != NULL && i < s->n_homes; i++) {
		for (size_t k = 0; k < PORTS; k++)
			udp_close(s->homes[i].sockets[k]);
	}
	if (s->tun != NULL)
		tun_close(s->tun, on_tun_closed);
	uv_close((uv_handle_t *)&s->expiry, on_timer_closed);
	uv_close((uv_handle_t *)&s->trim, on_timer_closed);
}

int shard_new(uv_loop_t *loop, const struct ip *addresses, size_t n_addresses, int tun_fd,
	      struct crypto *crypto, const struct logger *lg, const struct shard_events *events,
	      struct shard **out, struct errtext *why)
{
	struct shard *s = calloc(1, sizeof(*s));
	struct tun_events tun_events = {
		.packet = on_inner_packet,
		.drained = on_device_drained,
		.lost = on_tun_lost,
	};
	int err = ERR_NO_MEMORY;

	if (s == NULL) {
		errtext_set(why, "out of memory");
		return ERR_NO_MEMORY;
	}
	s->loop = loop;
	s->lg = lg;
	s->events = *events;
	s->crypto = crypto;
	uv_timer_init(loop, &s->expiry);
	uv_timer_init(loop, &s->trim);
	s->expiry.data = s->trim.data = s;
	s->open_handles = 2;
	s->homes = calloc(n_addresses, sizeof(*s->homes));
	s->esp = esp_set_new(crypto);
	errtext_set(why, "out of memory");
	if (s->homes == NULL || s->esp == NULL)
		goto fail;
	for (; s->n_homes < n_addresses; s->n_homes++) {
		s->homes[s->n_homes].ip = addresses[s->n_homes];
		err = open_home(s, &s->homes[s->n_homes], why);
		if (err != 0) {
			s->n_homes++; /* its first socket may be open */
			goto fail;
		}
	}
	tun_events.ctx = s;
	err = tun_start(loop, tun_fd, &tun_events, &s->tun);
	if (err != 0) {
		errtext_set(why, "cannot read from the TUN device: %s", err_text(err));
		goto fail;
	}
	s->open_handles++;
	*out = s;
	return 0;
fail:
	shard_close(s);
	return err;
}

int shard_begin(struct shard *s, const struct responder_conf *conf, const struct policy *policy,
		const struct rng *rng)
{
	if (s->responder != NULL)
		return ERR_BAD_STATE;
	s->responder = responder_new(conf, policy, s->crypto, rng, s->lg);
	if (s->responder == NULL)
		return ERR_CONFIG;
	tell_time(s);
	uv_timer_start(&s->trim, on_trim, TRIM_PERIOD_MS, TRIM_PERIOD_MS);
	return 0;
}

void shard_set_redirect(struct shard *s, const struct ip *local, const struct ip *target)
{
	char text[IP_TEXT_MAX];

	if (s->responder != NULL && responder_set_redirect(s->responder, local, target) != 0)
		log_error(s->lg, LG_IKE, "cannot redirect from %s", ip_format(local, text));
}

void shard_drop_local(struct shard *s, const struct ip *local)
{
	if (s->is_closing)
		return;
	if (s->responder == NULL) {
		s->events.dropped(s->events.ctx);
		return;
	}
	s->is_dropping = true;
	responder_drop_local(s->responder, now_ms(), local);
	drain(s);
	tell_dropped(s);
}

void shard_supersede(struct shard *s, uint64_t spi, const char *identity)
{
	if (s->responder == NULL || s->is_closing)
		return;
	if (!responder_supersede(s->responder, now_ms(), spi, identity))
		log_debug(s->lg, LG_IKE, "an IKE SA to be given up is gone already");
	drain(s);
}

void shard_set_qcd(struct shard *s, uint8_t number, const struct qcd_secrets *secrets)
{
	if (s->responder != NULL && responder_set_qcd(s->responder, number, secrets) != 0)
		log_error(s->lg, LG_IKE, "no tokens for member number %u", number);
}

void shard_set_dead(struct shard *s, const struct ip *local, uint8_t number)
{
	if (s->responder != NULL && responder_set_dead(s->responder, local, number) != 0)
		log_error(s->lg, LG_IKE, "no tokens for member number %u", number);
}

const struct responder *shard_responder(const struct shard *s)
{
	return s->responder;
}

const struct esp_set *shard_esp(const struct shard *s)
{
	return s->esp;
}

struct shard_traffic shard_traffic(const struct shard *s)
{
	return s->traffic;
}
