/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_ENGINE_H
#define IO_TLS_ENGINE_H

#include <openssl/types.h>

#include "common/base/bytes.h"
#include "common/io/tls_ctx.h"
#include "common/io/tls_verify.h"

/*
 * One TLS 1.3 connection between memory buffers: octets of the network in, octets for the network
 * out, nothing sent or received by itself. tls_stream puts it on a socket. After every call there
 * may be output to be fetched, after a failed one too: the alert that tells the other side.
 */
struct tls_engine {
	SSL *ssl;
	BIO *in;  /* from the network; owned by ssl, like out */
	BIO *out; /* to the network */
	struct tls_verdict verdict;
	struct errtext why; /* set with TLS_FAILED */
	int err;            /* set with TLS_FAILED */
};

enum tls_progress {
	TLS_DONE,   /* the handshake is complete; or data was read */
	TLS_WAIT,   /* more input is needed */
	TLS_ENDED,  /* the other side said close_notify */
	TLS_FAILED, /* for good; err and why of the engine say it */
};

/*
 * The engine must not move from here on, and ctx must outlive it. expected: who the other side has
 * to be, or NULL for anybody with a good certificate. Returns 0 or ERR_NO_MEMORY.
 */
MUST_USE int tls_engine_init(struct tls_engine *e, const struct tls_ctx *ctx,
			     const struct pki_identity *expected);

/* Safe on a zeroed engine. */
void tls_engine_free(struct tls_engine *e);

/* Octets from the network, copied. ERR_NO_MEMORY if they cannot be. */
MUST_USE int tls_engine_put(struct tls_engine *e, struct bytes input);

/* Octets for the network: fills buf, returns how many, 0 when there are no more. */
size_t tls_engine_take(struct tls_engine *e, uint8_t *buf, size_t cap);

/* DONE, WAIT or FAILED. */
enum tls_progress tls_engine_handshake(struct tls_engine *e);

/* DONE and *len octets in buf, or WAIT, ENDED, FAILED. After the handshake only. */
enum tls_progress tls_engine_read(struct tls_engine *e, uint8_t *buf, size_t cap, size_t *len);

/* Encrypts all of data. After the handshake only. Returns 0 or ERR_CRYPTO. */
MUST_USE int tls_engine_write(struct tls_engine *e, struct bytes data);

/* Says close_notify. */
void tls_engine_shutdown(struct tls_engine *e);

/* The protocol agreed on; "" before the handshake is complete. Borrowed from the engine. */
struct bytes tls_engine_protocol(const struct tls_engine *e);

/* Keying material for another use of the two sides (RFC 8446, 7.5). Returns 0 or ERR_CRYPTO. */
MUST_USE int tls_engine_export(struct tls_engine *e, const char *label, struct bytes context,
			       uint8_t *out, size_t len);

#endif
