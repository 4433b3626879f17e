/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_STREAM_IMPL_H
#define IO_TLS_STREAM_IMPL_H

#include "common/io/tls_engine.h"
#include "common/io/tls_stream.h"

/*
 * Inside tls_stream: its life is in tls_stream.c, what goes over the socket in tls_stream_io.c.
 *
 * DOC: CONNECTING -> HANDSHAKE -> OPEN -> LEAVING -> GONE
 *
 * tls_stream_leave() is the way out of every state, taken once: it keeps the reason. In LEAVING
 * what waits is sent, then FIN, and what still comes is thrown away until the other side has closed
 * too: a socket closed with unread input sends a reset, which would destroy an alert or the last
 * answer on its way. GONE has closed the handles; the last close callback frees. One timer serves
 * all states.
 */
#define TLS_CHUNK 16384 /* a TLS record (RFC 8446, 5.1) */

enum tls_state {
	STATE_CONNECTING,
	STATE_HANDSHAKE,
	STATE_OPEN,
	STATE_LEAVING,
	STATE_GONE,
};

struct tls_stream {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_connect_t connect;
	uv_shutdown_t shutdown;
	struct tls_engine tls;
	const struct tls_stream_events *events;
	void *ctx;
	void (*on_gone)(void *ctx);
	void *gone_ctx;
	struct tls_stream_options options;
	struct endpoint remote, local;
	enum tls_state state;
	size_t pending; /* octets in uv_write requests */
	unsigned handles;
	bool is_paused;
	bool is_pumping; /* tls_stream_pump() is on the stack */
	bool has_sent_fin, has_seen_fin;
	int err; /* for on_close, with why */
	struct errtext why;
	uint8_t input[TLS_CHUNK];
};

/* How a stream leaves. */
enum tls_leaving {
	LEAVE_NOW,      /* the socket is of no more use */
	LEAVE_FLUSHED,  /* send what TLS has to say: an alert, or nothing */
	LEAVE_FAREWELL, /* send what waits, and close_notify */
};

/* Callbacks come later, from the loop. When it is called again, only LEAVE_NOW has an effect. */
void tls_stream_leave(struct tls_stream *s, int err, const char *why, enum tls_leaving how);

/* After an end of the connection in either direction: closes the handles if both are there. */
void tls_stream_leave_if_finished(struct tls_stream *s);

/* Gives the other side some more time to take the rest and to close. */
void tls_stream_linger(struct tls_stream *s);

/* Sends what TLS has for the network. If that fails, the stream is GONE when it returns. */
int tls_stream_flush(struct tls_stream *s);

/* Takes the engine as far as its input goes. Not entered again from its own callbacks. */
void tls_stream_pump(struct tls_stream *s);

/* Returns a libuv status. */
int tls_stream_start_reading(struct tls_stream *s);

#endif
