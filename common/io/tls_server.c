/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_server.h"

#include <stdlib.h>
#include <sys/queue.h>

#define STREAMS_MAX    4096
#define HANDSHAKES_MAX 128
#define BACKLOG        512

/* One connection. On the list of strangers, oldest first, until it is handed over. */
struct slot {
	TAILQ_ENTRY(slot) entry;
	struct tls_server *server;
	struct tls_stream *stream;
	size_t protocol; /* index; protocol_count: a stranger */
	bool is_evicted;
};

TAILQ_HEAD(slots, slot);

struct tls_server {
	uv_tcp_t listener;
	const struct tls_ctx *tls;
	struct tls_server_options options;
	struct tls_server_counters counters;
	struct slots strangers, guests;
	size_t stranger_count, guest_count;
	size_t *protocol_counts;
	bool is_closing, is_listener_closed;
	void (*on_closed)(void *ctx);
	void *closed_ctx;
};

static bool is_stranger(const struct slot *slot)
{
	return slot->protocol == slot->server->options.protocol_count;
}

static void free_if_empty(struct tls_server *server)
{
	if (!server->is_listener_closed || tls_server_stream_count(server) > 0)
		return;
	if (server->on_closed != NULL)
		server->on_closed(server->closed_ctx);
	free(server->protocol_counts);
	free(server);
}

/* ---- one connection ---- */

static void on_gone(void *ctx)
{
	struct slot *slot = ctx;
	struct tls_server *server = slot->server;

	if (is_stranger(slot)) {
		TAILQ_REMOVE(&server->strangers, slot, entry);
		server->stranger_count--;
	} else {
		TAILQ_REMOVE(&server->guests, slot, entry);
		server->guest_count--;
		server->protocol_counts[slot->protocol]--;
	}
	free(slot);
	free_if_empty(server);
}

static void on_refused(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct slot *slot = ctx;
	const struct tls_server_options *options = &slot->server->options;
	struct endpoint remote = tls_stream_remote(s);

	(void)err;
	slot->server->counters.refused++;
	if (options->on_refused != NULL)
		options->on_refused(options->ctx, &remote, why);
}

static void hand_over(struct slot *slot, size_t index)
{
	struct tls_server *server = slot->server;
	const struct tls_server_protocol *protocol = &server->options.protocols[index];
	static const struct tls_stream_events none = { .on_open = NULL };

	TAILQ_REMOVE(&server->strangers, slot, entry);
	server->stranger_count--;
	slot->protocol = index;
	TAILQ_INSERT_TAIL(&server->guests, slot, entry);
	server->guest_count++;
	server->protocol_counts[index]++;
	server->counters.opened++;
	tls_stream_set_events(slot->stream, &none, NULL);
	if (protocol->out_max > 0)
		tls_stream_set_out_max(slot->stream, protocol->out_max);
	tls_stream_set_idle(slot->stream, protocol->idle_ms);
	protocol->on_accept(slot->stream, protocol->ctx);
}

static void on_open(struct tls_stream *s, void *ctx)
{
	struct slot *slot = ctx;
	struct tls_server *server = slot->server;
	const struct tls_server_protocol *protocols = server->options.protocols;
	size_t i = 0;

	while (i < server->options.protocol_count && !tls_stream_is_protocol(s, protocols[i].name))
		i++;
	if (i == server->options.protocol_count)
		tls_stream_close(s, "nobody here speaks the protocol");
	else if (protocols[i].streams_max > 0 &&
		 server->protocol_counts[i] >= protocols[i].streams_max)
		tls_stream_close(s, "too many connections of this protocol");
	else
		hand_over(slot, i);
}

static const struct tls_stream_events stranger_events = {
	.on_open = on_open,
	.on_close = on_refused,
};

/* ---- the port ---- */

static void on_turned_away(uv_handle_t *handle)
{
	free(handle);
}

/* Takes a connection and closes it: left in the queue, it would stop libuv from looking on. */
static void turn_away(struct tls_server *server)
{
	uv_tcp_t *tcp = malloc(sizeof(*tcp));

	server->counters.full++;
	if (tcp == NULL)
		return;
	(void)uv_tcp_init(server->listener.loop, tcp);
	(void)uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)tcp);
	uv_close((uv_handle_t *)tcp, on_turned_away);
}

/* Those evicted before are still on the list until the loop has closed them. */
static void evict_oldest(struct tls_server *server)
{
	struct slot *slot = TAILQ_FIRST(&server->strangers);

	while (slot != NULL && slot->is_evicted)
		slot = TAILQ_NEXT(slot, entry);
	if (slot == NULL)
		return;
	slot->is_evicted = true;
	server->counters.evicted++;
	tls_stream_abort(slot->stream, "made room for a newer one");
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct tls_server *server = listener->data;
	struct tls_stream_options options = { .open_ms = server->options.handshake_ms };
	struct slot *slot;

	if (status != 0 || server->is_closing)
		return;
	server->counters.accepted++;
	slot = tls_server_stream_count(server) < server->options.streams_max
		   ? calloc(1, sizeof(*slot))
		   : NULL;
	if (slot == NULL) {
		turn_away(server);
		return;
	}
	slot->server = server;
	slot->protocol = server->options.protocol_count;
	if (tls_stream_accept(listener, server->tls, &options, &stranger_events, on_gone, slot,
			      &slot->stream) != 0) {
		free(slot);
		return;
	}
	if (server->stranger_count >= server->options.handshakes_max)
		evict_oldest(server);
	TAILQ_INSERT_TAIL(&server->strangers, slot, entry);
	server->stranger_count++;
}

static int listen_at(struct tls_server *server, const struct endpoint *local)
{
	struct sockaddr_storage sa;
	int status;

	endpoint_to_sockaddr(local, &sa);
	status = uv_tcp_bind(&server->listener, (struct sockaddr *)&sa,
			     local->ip.family == IP_V6 ? UV_TCP_IPV6ONLY : 0);
	if (status == 0)
		status = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
	return status;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct tls_server *server = handle->data;

	server->is_listener_closed = true;
	free_if_empty(server);
}

int tls_server_open(uv_loop_t *loop, const struct tls_ctx *tls, const struct endpoint *local,
		    const struct tls_server_options *options, struct tls_server **out,
		    struct errtext *why)
{
	struct tls_server *server = calloc(1, sizeof(*server));
	char text[ENDPOINT_TEXT_MAX];
	int status;

	if (server != NULL)
		server->protocol_counts = calloc(options->protocol_count + 1, sizeof(size_t));
	if (server == NULL || server->protocol_counts == NULL) {
		free(server);
		errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	server->tls = tls;
	server->options = *options;
	if (server->options.streams_max == 0)
		server->options.streams_max = STREAMS_MAX;
	if (server->options.handshakes_max == 0)
		server->options.handshakes_max = HANDSHAKES_MAX;
	TAILQ_INIT(&server->strangers);
	TAILQ_INIT(&server->guests);
	(void)uv_tcp_init(loop, &server->listener);
	server->listener.data = server;
	status = listen_at(server, local);
	if (status != 0) {
		errtext_set(why, "cannot listen at TCP %s: %s", endpoint_format(local, text),
			    uv_strerror(status));
		tls_server_close(server, NULL, NULL);
		return ERR_IO;
	}
	*out = server;
	return 0;
}

void tls_server_close(struct tls_server *server, void (*on_closed)(void *ctx), void *ctx)
{
	struct slot *slot;

	if (server->is_closing)
		return;
	server->is_closing = true;
	server->on_closed = on_closed;
	server->closed_ctx = ctx;
	uv_close((uv_handle_t *)&server->listener, on_listener_closed);
	TAILQ_FOREACH(slot, &server->strangers, entry)
	tls_stream_abort(slot->stream, "the server stops");
	TAILQ_FOREACH(slot, &server->guests, entry)
	tls_stream_close(slot->stream, "the server stops");
}

struct endpoint tls_server_local(const struct tls_server *server)
{
	struct sockaddr_storage sa;
	struct endpoint local = { .port = 0 };
	int len = sizeof(sa);

	if (uv_tcp_getsockname(&server->listener, (struct sockaddr *)&sa, &len) != 0 ||
	    endpoint_from_sockaddr(&sa, &local) != 0)
		local = (struct endpoint){ .port = 0 };
	return local;
}

const struct tls_server_counters *tls_server_counters(const struct tls_server *server)
{
	return &server->counters;
}

size_t tls_server_stream_count(const struct tls_server *server)
{
	return server->stranger_count + server->guest_count;
}
