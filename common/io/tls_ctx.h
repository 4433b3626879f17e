/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_CTX_H
#define IO_TLS_CTX_H

#include <openssl/types.h>

#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/pki/identity.h"

/*
 * What all connections of one role share: our certificate and key, the CA that both sides trust,
 * and the protocols spoken (ALPN, RFC 7301). TLS 1.3 only (RFC 8446); both sides always show a
 * certificate; no session tickets, so that a connection always means a fresh look at it. One
 * context serves any number of connections and must outlive them. Not for use by several threads.
 * Making one sets SIGPIPE to be ignored, unless the program handles it already.
 */
struct tls_ctx;

/* The protocols between our programs (ALPN): control messages, and the API. */
#define ALPN_CONTROL "waypost/1"
#define ALPN_HTTP    "http/1.1"

/* PEM files. certificate may hold intermediate certificates after our own; ca one or more CAs. */
struct tls_files {
	const char *ca;
	const char *certificate;
	const char *key;
};

/*
 * protocols: what we speak, the preferred one first, ended by NULL; borrowed for the life of the
 * context. A client that offers none of them is refused in the handshake.
 *
 * Returns 0, ERR_IO or ERR_CONFIG with the file and what is wrong with it (missing, not PEM, key of
 * another certificate, expired, not from this CA, without an identity), or ERR_NO_MEMORY.
 */
MUST_USE int tls_ctx_new_server(const struct tls_files *files, const char *const *protocols,
				struct tls_ctx **out, struct errtext *why);

/* protocol: the one that the server must agree to; borrowed for the life of the context. */
MUST_USE int tls_ctx_new_client(const struct tls_files *files, const char *protocol,
				struct tls_ctx **out, struct errtext *why);

/* NULL is fine. */
void tls_ctx_free(struct tls_ctx *ctx);

/* Who our own certificate says that we are. */
const struct pki_identity *tls_ctx_identity(const struct tls_ctx *ctx);

/* For tls_engine, and for tests that want a certificate which the constructors refuse. */
SSL_CTX *tls_ctx_ssl(const struct tls_ctx *ctx);
bool tls_ctx_is_server(const struct tls_ctx *ctx);

#endif
