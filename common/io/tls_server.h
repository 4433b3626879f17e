/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_SERVER_H
#define IO_TLS_SERVER_H

#include <uv.h>

#include "common/io/tls_stream.h"

/*
 * A TCP port that speaks TLS, and hands each connection, once its certificate is accepted, to the
 * protocol that it asked for (ALPN). Bounds how many there are, and how many strangers may be in
 * the middle of a handshake: the oldest of these makes room for a new one, so that idle strangers
 * cannot lock members out.
 */
struct tls_server;

struct tls_server_protocol {
	const char *name;   /* as in the context's list */
	size_t streams_max; /* 0: only the server's limit */
	size_t out_max;     /* see struct tls_stream_options; 0: default */
	uint64_t idle_ms;   /* 0: none */

	/*
	 * A stream of this protocol is open. It has to be taken with tls_stream_set_events(), or
	 * closed: what comes on it until then is dropped.
	 */
	void (*on_accept)(struct tls_stream *s, void *ctx);
	void *ctx;
};

/* Zero means the default. */
struct tls_server_options {
	size_t streams_max;                          /* connections of all kinds; 4096 */
	size_t handshakes_max;                       /* of these not yet authenticated; 128 */
	uint64_t handshake_ms;                       /* 5000 */
	const struct tls_server_protocol *protocols; /* borrowed for the life of the server */
	size_t protocol_count;

	/* A connection ended before it was handed over. For the log at debug, or with a limiter. */
	void (*on_refused)(void *ctx, const struct endpoint *remote, const char *why);
	void *ctx;
};

struct tls_server_counters {
	uint64_t accepted; /* TCP connections */
	uint64_t opened;   /* handed to a protocol */
	uint64_t full;     /* closed at once: streams_max */
	uint64_t evicted;  /* unauthenticated, made room for another: handshakes_max */
	uint64_t refused;  /* ended before they were handed over, evicted ones too */
};

/*
 * Listens at local (port 0: any, see tls_server_local()). Returns 0, ERR_NO_MEMORY, or ERR_IO with
 * the reason in why.
 */
MUST_USE int tls_server_open(uv_loop_t *loop, const struct tls_ctx *tls,
			     const struct endpoint *local, const struct tls_server_options *options,
			     struct tls_server **out, struct errtext *why);

struct endpoint tls_server_local(const struct tls_server *server);
const struct tls_server_counters *tls_server_counters(const struct tls_server *server);

/* Connections that are there now, in all states. */
size_t tls_server_stream_count(const struct tls_server *server);

/*
 * Stops listening and closes all connections in due form; each gets its on_close. When the last is
 * gone on_closed is called (NULL is fine), from the loop, and the server is freed.
 */
void tls_server_close(struct tls_server *server, void (*on_closed)(void *ctx), void *ctx);

#endif
