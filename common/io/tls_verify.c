/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_verify.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "common/io/tls_files.h"

/* The many ways to say that the chain does not lead to a CA that we trust. */
static bool is_foreign(int error)
{
	return error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	       error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
	       error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

/* What OpenSSL found, with the date where it is about one. */
static void explain_refusal(X509_STORE_CTX *store, struct errtext *why)
{
	const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	int error = X509_STORE_CTX_get_error(store);
	const char *whose =
	    X509_STORE_CTX_get_error_depth(store) > 0 ? "a CA certificate" : "the certificate";
	char date[PKI_TIME_MAX];

	if (error == X509_V_ERR_CERT_HAS_EXPIRED && certificate != NULL)
		errtext_set(why, "%s of the other side expired on %s", whose,
			    tls_time_format(X509_get0_notAfter(certificate), date));
	else if (error == X509_V_ERR_CERT_NOT_YET_VALID && certificate != NULL)
		errtext_set(why, "%s of the other side is valid from %s only", whose,
			    tls_time_format(X509_get0_notBefore(certificate), date));
	else if (is_foreign(error))
		errtext_set(why, "the certificate of the other side is not from our CA (%s)",
			    X509_verify_cert_error_string(error));
	else
		errtext_set(why, "%s of the other side is not accepted: %s", whose,
			    X509_verify_cert_error_string(error));
}

static bool is_same(const struct pki_identity *a, const struct pki_identity *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

/* The chain is good; is it somebody, and the right one? */
static int judge_identity(const X509 *certificate, struct tls_verdict *verdict)
{
	char got[PKI_URI_MAX], want[PKI_URI_MAX];
	struct pki_identity peer;
	int err = pki_identity_read(certificate, &peer, &verdict->why);

	if (err != 0)
		return err;
	if (verdict->expected.kind != PKI_NOBODY && !is_same(&peer, &verdict->expected)) {
		errtext_set(&verdict->why, "the other side is %s, not %s",
			    pki_identity_format(&peer, got),
			    pki_identity_format(&verdict->expected, want));
		return ERR_MISMATCH;
	}
	verdict->peer = peer;
	return 0;
}

/* Called for each fault, and once for each certificate found good, the peer's own last. */
static int on_verify(int is_good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_verdict *verdict = SSL_get_app_data(ssl);

	if (is_good != 1) {
		explain_refusal(store, &verdict->why);
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(store) > 0)
		return 1;
	if (judge_identity(X509_STORE_CTX_get_current_cert(store), verdict) != 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	return 1;
}

void tls_verify_install(SSL_CTX *ctx)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
}
