/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_STREAM_H
#define IO_TLS_STREAM_H

#include <uv.h>

#include "common/base/ip.h"
#include "common/pki/identity.h"
#include "common/io/tls_ctx.h"

/*
 * A byte stream over TLS 1.3 and TCP on a libuv loop, client or server side, certificates on both.
 *
 * Life: made by tls_stream_connect() or by a tls_server; on_open at most once; then on_data and
 * on_drain; on_close exactly once and last, from the loop, never from inside another call. When it
 * returns, the stream is gone. What the handlers use has to live until then. Every function here
 * may be called from every callback, tls_stream_close() and tls_stream_abort() too.
 *
 * A client's on_open is provisional: in TLS 1.3 the server judges the client's certificate after
 * the client's handshake is complete. Only the first on_data tells that the server has accepted.
 */
struct tls_stream;

/* Any of them may be NULL. ctx is the pointer given with the handlers. */
struct tls_stream_events {
	void (*on_open)(struct tls_stream *s, void *ctx);

	/* data is borrowed until the call returns; never empty. */
	void (*on_data)(struct tls_stream *s, struct bytes data, void *ctx);

	/* All pending output has gone to the kernel, after tls_stream_pending() was not 0. */
	void (*on_drain)(struct tls_stream *s, void *ctx);

	/*
	 * err: 0           we closed it
	 *      ERR_CLOSED  the other side did, in due form
	 *      ERR_IO      cut off: refused, unreachable, reset, or ended without close_notify
	 *      ERR_TIMEOUT connect, handshake or idle time is over
	 *      ERR_AUTH    one side does not accept the other's certificate
	 *      ERR_UNSUPPORTED  no common protocol or version
	 *      ERR_LIMIT   the other side reads too slowly, or tls_server has no room
	 *      ERR_VALUE   not TLS
	 *      another     we cannot go on
	 * why is a phrase for the log that says it better; it may repeat what the other side's
	 * certificate says once that is authentic, nothing else of strangers.
	 */
	void (*on_close)(struct tls_stream *s, int err, const char *why, void *ctx);
};

/* Zero means the default. */
struct tls_stream_options {
	size_t out_max;       /* octets that may wait for a slow reader; 1 MiB */
	uint64_t open_ms;     /* from the start to on_open; 5000 */
	uint64_t idle_ms;     /* without data either way; 0: no limit */
	unsigned keepalive_s; /* silence before TCP asks (RFC 1122, 4.2.3.6); 15 */
};

/*
 * Connects to remote; server is the identity that must answer, or NULL for any (tests). Returns 0,
 * and then every failure comes by on_close, or ERR_NO_MEMORY. events, server's text and ctx: events
 * and ctx are borrowed for the life of the stream, server is copied.
 */
MUST_USE int tls_stream_connect(uv_loop_t *loop, const struct tls_ctx *tls,
				const struct endpoint *remote, const struct pki_identity *server,
				const struct tls_stream_options *options,
				const struct tls_stream_events *events, void *ctx,
				struct tls_stream **out);

/*
 * For tls_server: takes the connection that waits at listener. on_gone comes after on_close and is
 * not replaced by tls_stream_set_events(). Returns 0, ERR_NO_MEMORY or ERR_IO.
 */
MUST_USE int tls_stream_accept(uv_stream_t *listener, const struct tls_ctx *tls,
			       const struct tls_stream_options *options,
			       const struct tls_stream_events *events, void (*on_gone)(void *ctx),
			       void *ctx, struct tls_stream **out);

/* Hands the stream to somebody else, who gets the events from now on, the on_close too. */
void tls_stream_set_events(struct tls_stream *s, const struct tls_stream_events *events, void *ctx);

/* See struct tls_stream_options. */
void tls_stream_set_out_max(struct tls_stream *s, size_t out_max);
void tls_stream_set_idle(struct tls_stream *s, uint64_t idle_ms);

/*
 * Sends all of data, in order; it is copied. Returns 0, ERR_BAD_STATE before on_open, ERR_CLOSED
 * when the stream is on its way out, or ERR_LIMIT when more than out_max octets (as encrypted)
 * would wait: then the stream is aborted.
 */
MUST_USE int tls_stream_write(struct tls_stream *s, struct bytes data);

/* Octets, as encrypted, that the kernel has not taken yet. */
size_t tls_stream_pending(const struct tls_stream *s);

/*
 * No on_data until resume, which may call it before it returns. TCP then slows the sender down.
 * While paused, the end of the stream is not seen either (the idle time still runs).
 */
void tls_stream_pause(struct tls_stream *s);
void tls_stream_resume(struct tls_stream *s);

/*
 * Ends the stream in due form: what was written is sent, then close_notify and FIN, as long as
 * the other side takes some of it every two seconds. No on_data from now on. The first reason
 * counts; nothing happens if it is closing already. why is copied.
 */
void tls_stream_close(struct tls_stream *s, const char *why);

/* Ends the stream at once, whatever waits. */
void tls_stream_abort(struct tls_stream *s, const char *why);

/* True from the first reason to close on. */
bool tls_stream_is_closing(const struct tls_stream *s);

/* True from on_open until the stream begins to close. */
bool tls_stream_is_open(const struct tls_stream *s);

/* Who is on the other side; PKI_NOBODY until the certificate is accepted. */
const struct pki_identity *tls_stream_peer(const struct tls_stream *s);

/* True if name is the protocol that both sides agreed on (ALPN). */
bool tls_stream_is_protocol(const struct tls_stream *s, const char *name);

/* Both ends; family IP_NONE when they are not known (yet). */
struct endpoint tls_stream_remote(const struct tls_stream *s);
struct endpoint tls_stream_local(const struct tls_stream *s);

/*
 * Keying material that only the two ends know (RFC 8446, 7.5): the same on both for the same label,
 * context and length. Returns 0, ERR_BAD_STATE unless the stream is open, or ERR_CRYPTO.
 */
MUST_USE int tls_stream_export(struct tls_stream *s, const char *label, struct bytes context,
			       uint8_t *out, size_t len);

#endif
