/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_engine.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

int tls_engine_init(struct tls_engine *e, const struct tls_ctx *ctx,
		    const struct pki_identity *expected)
{
	*e = (struct tls_engine){ .ssl = SSL_new(tls_ctx_ssl(ctx)) };
	e->in = BIO_new(BIO_s_mem());
	e->out = BIO_new(BIO_s_mem());
	if (e->ssl == NULL || e->in == NULL || e->out == NULL) {
		BIO_free(e->in);
		BIO_free(e->out);
		SSL_free(e->ssl);
		*e = (struct tls_engine){ .ssl = NULL };
		return ERR_NO_MEMORY;
	}
	if (expected != NULL)
		e->verdict.expected = *expected;
	SSL_set_app_data(e->ssl, &e->verdict);
	SSL_set_bio(e->ssl, e->in, e->out);
	if (tls_ctx_is_server(ctx))
		SSL_set_accept_state(e->ssl);
	else
		SSL_set_connect_state(e->ssl);
	return 0;
}

void tls_engine_free(struct tls_engine *e)
{
	SSL_free(e->ssl);
	e->ssl = NULL;
}

int tls_engine_put(struct tls_engine *e, struct bytes input)
{
	while (input.len > 0) {
		int chunk = input.len < INT_MAX ? (int)input.len : INT_MAX;

		if (BIO_write(e->in, input.ptr, chunk) != chunk)
			return ERR_NO_MEMORY;
		input.ptr += chunk;
		input.len -= (size_t)chunk;
	}
	return 0;
}

size_t tls_engine_take(struct tls_engine *e, uint8_t *buf, size_t cap)
{
	int len = BIO_read(e->out, buf, cap < INT_MAX ? (int)cap : INT_MAX);

	return len > 0 ? (size_t)len : 0;
}

/* RFC 8446, 6.2: what the other side may have against us. */
static const char *alert_text(int alert)
{
	switch (alert) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
		return "it does not accept our certificate";
	case SSL_AD_CERTIFICATE_EXPIRED:
		return "our certificate has expired";
	case SSL_AD_CERTIFICATE_REVOKED:
		return "our certificate is revoked";
	case SSL_AD_CERTIFICATE_REQUIRED:
		return "it wants a certificate";
	case SSL_AD_UNKNOWN_CA:
		return "it does not know the CA of our certificate";
	case SSL_AD_NO_APPLICATION_PROTOCOL:
		return "it does not speak this protocol here";
	case SSL_AD_PROTOCOL_VERSION:
		return "it does not speak TLS 1.3";
	default:
		return SSL_alert_desc_string_long(alert);
	}
}

/* Our own findings, as ERR_* and words. */
static int judge_reason(int reason, struct errtext *why)
{
	switch (reason) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		errtext_set(why, "the other side shows no certificate");
		return ERR_AUTH;
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_CALLBACK_FAILED: /* by on_client_hello() */
		errtext_set(why, "the other side speaks none of our protocols");
		return ERR_UNSUPPORTED;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_WRONG_SSL_VERSION:
		errtext_set(why, "the other side does not speak TLS 1.3");
		return ERR_UNSUPPORTED;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		errtext_set(why, "the other side does not speak TLS");
		return ERR_VALUE;
	default:
		errtext_set(why, "TLS error: %s", ERR_reason_error_string(ERR_peek_error()));
		return ERR_VALUE;
	}
}

static enum tls_progress fail(struct tls_engine *e)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);

	if (e->verdict.why.text[0] != '\0') {
		e->why = e->verdict.why;
		e->err = ERR_AUTH;
	} else if (code == 0) {
		errtext_set(&e->why, "TLS error");
		e->err = ERR_VALUE;
	} else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
		int alert = reason - SSL_AD_REASON_OFFSET;

		errtext_set(&e->why, "the other side refused: %s", alert_text(alert));
		e->err = ERR_AUTH;
	} else {
		e->err = judge_reason(reason, &e->why);
	}
	ERR_clear_error();
	return TLS_FAILED;
}

static enum tls_progress judge(struct tls_engine *e, int result)
{
	switch (SSL_get_error(e->ssl, result)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_ENDED;
	default:
		return fail(e);
	}
}

enum tls_progress tls_engine_handshake(struct tls_engine *e)
{
	enum tls_progress progress;

	ERR_clear_error();
	progress = judge(e, SSL_do_handshake(e->ssl));
	/* A server that ignores ALPN would leave us with a protocol nobody agreed on. */
	if (progress == TLS_DONE && tls_engine_protocol(e).len == 0) {
		errtext_set(&e->why, "the other side agreed on no protocol");
		e->err = ERR_UNSUPPORTED;
		return TLS_FAILED;
	}
	return progress;
}

enum tls_progress tls_engine_read(struct tls_engine *e, uint8_t *buf, size_t cap, size_t *len)
{
	ERR_clear_error();
	return judge(e, SSL_read_ex(e->ssl, buf, cap, len));
}

int tls_engine_write(struct tls_engine *e, struct bytes data)
{
	size_t written;

	if (data.len == 0)
		return 0;
	ERR_clear_error();
	if (SSL_write_ex(e->ssl, data.ptr, data.len, &written) == 1)
		return 0;
	ERR_clear_error();
	return ERR_CRYPTO;
}

void tls_engine_shutdown(struct tls_engine *e)
{
	ERR_clear_error();
	(void)SSL_shutdown(e->ssl); /* the answer to it is not waited for */
	ERR_clear_error();
}

struct bytes tls_engine_protocol(const struct tls_engine *e)
{
	unsigned int len = 0;
	struct bytes name = { NULL, 0 };

	SSL_get0_alpn_selected(e->ssl, &name.ptr, &len);
	name.len = len;
	return name;
}

int tls_engine_export(struct tls_engine *e, const char *label, struct bytes context, uint8_t *out,
		      size_t len)
{
	int result;

	ERR_clear_error();
	result = SSL_export_keying_material(e->ssl, out, len, label, strlen(label), context.ptr,
					    context.len, 1);
	ERR_clear_error();
	return result == 1 ? 0 : ERR_CRYPTO;
}
