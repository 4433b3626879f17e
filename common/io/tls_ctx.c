/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_ctx.h"

#include <signal.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/io/tls_files.h"
#include "common/io/tls_verify.h"

#define ALPN_MAX 255 /* RFC 7301, 3.1: a protocol name has a length of one octet */

struct tls_ctx {
	SSL_CTX *ssl;
	const char *const *protocols; /* server: what we speak */
	struct pki_identity identity;
	bool is_server;
};

/* What the three files hold. */
struct credentials {
	STACK_OF(X509) * cas;
	STACK_OF(X509) * chain; /* our own first */
	EVP_PKEY *key;
};

static void credentials_free(struct credentials *c)
{
	sk_X509_pop_free(c->cas, X509_free);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
}

static int check_cas(const struct tls_files *files, const struct credentials *c,
		     struct errtext *why)
{
	for (int i = 0; i < sk_X509_num(c->cas); i++) {
		X509 *ca = sk_X509_value(c->cas, i);
		int err = tls_check_dates(files->ca, ca, why);

		if (err != 0)
			return err;
		if (X509_check_ca(ca) == 0) {
			errtext_set(why, "%s: the certificate in it is not a CA's", files->ca);
			return ERR_CONFIG;
		}
	}
	return 0;
}

static int check_own(const struct tls_files *files, const struct credentials *c,
		     struct pki_identity *identity, struct errtext *why)
{
	X509 *own = sk_X509_value(c->chain, 0);
	struct errtext detail;
	int err = tls_check_dates(files->certificate, own, why);

	if (err != 0)
		return err;
	if (X509_check_private_key(own, c->key) != 1) {
		ERR_clear_error();
		errtext_set(why, "%s: not the key of the certificate in %s", files->key,
			    files->certificate);
		return ERR_CONFIG;
	}
	if (pki_identity_read(own, identity, &detail) != 0) {
		errtext_set(why, "%s: %.160s", files->certificate, detail.text);
		return ERR_CONFIG;
	}
	return 0;
}

/* Would a peer that trusts the same CA accept our certificate? */
static int check_issuer(const struct tls_files *files, const struct credentials *c,
			struct tls_ctx *ctx, struct errtext *why)
{
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	const char *purpose = ctx->is_server ? "ssl_server" : "ssl_client";
	X509 *own = sk_X509_value(c->chain, 0);
	int err = ERR_NO_MEMORY;

	if (check != NULL &&
	    X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(ctx->ssl), own, c->chain) == 1 &&
	    X509_STORE_CTX_set_default(check, purpose) == 1) {
		err = X509_verify_cert(check) == 1 ? 0 : ERR_CONFIG;
		if (err != 0)
			errtext_set(why, "%s: not accepted under the CA in %s: %s",
				    files->certificate, files->ca,
				    X509_verify_cert_error_string(X509_STORE_CTX_get_error(check)));
	}
	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return err;
}

static int install_cas(SSL_CTX *ssl, const struct credentials *c, bool is_server)
{
	for (int i = 0; i < sk_X509_num(c->cas); i++) {
		X509 *ca = sk_X509_value(c->cas, i);

		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), ca) != 1)
			return ERR_CRYPTO;
		if (is_server && SSL_CTX_add_client_CA(ssl, ca) != 1)
			return ERR_CRYPTO;
	}
	return 0;
}

static int install_own(SSL_CTX *ssl, const struct credentials *c)
{
	if (SSL_CTX_use_certificate(ssl, sk_X509_value(c->chain, 0)) != 1)
		return ERR_CRYPTO;
	for (int i = 1; i < sk_X509_num(c->chain); i++) {
		if (SSL_CTX_add1_chain_cert(ssl, sk_X509_value(c->chain, i)) != 1)
			return ERR_CRYPTO;
	}
	return SSL_CTX_use_PrivateKey(ssl, c->key) == 1 ? 0 : ERR_CRYPTO;
}

static int install(struct tls_ctx *ctx, const struct tls_files *files, const struct credentials *c,
		   struct errtext *why)
{
	int err;

	if (SSL_CTX_set_min_proto_version(ctx->ssl, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(ctx->ssl, 0) != 1)
		return ERR_CRYPTO;
	SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx->ssl, SSL_MODE_RELEASE_BUFFERS);
	tls_verify_install(ctx->ssl);
	err = install_cas(ctx->ssl, c, ctx->is_server);
	if (err == 0)
		err = check_issuer(files, c, ctx, why);
	return err != 0 ? err : install_own(ctx->ssl, c);
}

static int load(struct tls_ctx *ctx, const struct tls_files *files, struct credentials *c,
		struct errtext *why)
{
	int err;

	if ((err = tls_load_certificates(files->ca, &c->cas, why)) != 0 ||
	    (err = check_cas(files, c, why)) != 0 ||
	    (err = tls_load_certificates(files->certificate, &c->chain, why)) != 0 ||
	    (err = tls_load_key(files->key, &c->key, why)) != 0 ||
	    (err = check_own(files, c, &ctx->identity, why)) != 0)
		return err;
	return install(ctx, files, c, why);
}

/* libuv writes without MSG_NOSIGNAL: a connection that is gone would end the program. */
static void ignore_sigpipe(void)
{
	struct sigaction action;

	if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
		action.sa_handler = SIG_IGN;
		(void)sigaction(SIGPIPE, &action, NULL);
	}
}

static int new_ctx(const struct tls_files *files, bool is_server, struct tls_ctx **out,
		   struct errtext *why)
{
	struct credentials c = { NULL, NULL, NULL };
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	int err = ERR_NO_MEMORY;

	ignore_sigpipe();
	errtext_set(why, "TLS cannot be set up");
	ERR_clear_error();
	if (ctx != NULL) {
		ctx->is_server = is_server;
		ctx->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
		if (ctx->ssl != NULL)
			err = load(ctx, files, &c, why);
	}
	credentials_free(&c);
	ERR_clear_error();
	if (err != 0) {
		tls_ctx_free(ctx);
		return err;
	}
	*out = ctx;
	return 0;
}

/* One of the names in the client's list, each behind a length octet (RFC 7301, 3.1). */
static bool list_has(struct bytes list, const char *name, struct bytes *found)
{
	for (size_t i = 0; i < list.len; i += 1u + list.ptr[i]) {
		struct bytes entry = { list.ptr + i + 1, list.ptr[i] };

		if (entry.len >= list.len - i)
			return false;
		if (entry.len == strlen(name) && memcmp(entry.ptr, name, entry.len) == 0) {
			*found = entry;
			return true;
		}
	}
	return false;
}

static int on_select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			      const unsigned char *list, unsigned int list_len, void *arg)
{
	const struct tls_ctx *ctx = arg;
	struct bytes found;

	(void)ssl;
	for (const char *const *name = ctx->protocols; *name != NULL; name++) {
		if (list_has((struct bytes){ list, list_len }, *name, &found)) {
			*out = found.ptr;
			*out_len = (unsigned char)found.len;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Without the extension OpenSSL would not ask on_select_protocol(): no list is no overlap. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *list;
	size_t len;

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
				      &list, &len) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

int tls_ctx_new_server(const struct tls_files *files, const char *const *protocols,
		       struct tls_ctx **out, struct errtext *why)
{
	struct tls_ctx *ctx;
	int err = new_ctx(files, true, &ctx, why);

	if (err != 0)
		return err;
	ctx->protocols = protocols;
	SSL_CTX_set_alpn_select_cb(ctx->ssl, on_select_protocol, ctx);
	SSL_CTX_set_client_hello_cb(ctx->ssl, on_client_hello, NULL);
	*out = ctx;
	return 0;
}

int tls_ctx_new_client(const struct tls_files *files, const char *protocol, struct tls_ctx **out,
		       struct errtext *why)
{
	uint8_t list[1 + ALPN_MAX];
	size_t len = strlen(protocol);
	struct tls_ctx *ctx;
	int err;

	if (len < 1 || len > ALPN_MAX)
		return ERR_VALUE;
	err = new_ctx(files, false, &ctx, why);
	if (err != 0)
		return err;
	list[0] = (uint8_t)len;
	memcpy(list + 1, protocol, len);
	if (SSL_CTX_set_alpn_protos(ctx->ssl, list, (unsigned int)len + 1) != 0) {
		tls_ctx_free(ctx);
		return ERR_NO_MEMORY;
	}
	*out = ctx;
	return 0;
}

void tls_ctx_free(struct tls_ctx *ctx)
{
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->ssl);
	free(ctx);
}

const struct pki_identity *tls_ctx_identity(const struct tls_ctx *ctx)
{
	return &ctx->identity;
}

SSL_CTX *tls_ctx_ssl(const struct tls_ctx *ctx)
{
	return ctx->ssl;
}

bool tls_ctx_is_server(const struct tls_ctx *ctx)
{
	return ctx->is_server;
}
