/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_VERIFY_H
#define IO_TLS_VERIFY_H

#include <openssl/types.h>

#include "common/base/errtext.h"
#include "common/pki/identity.h"

/*
 * The judgement on the other side's certificate: inside the handshake, so that a refusal is an
 * alert and no octet of application data passes before it. It needs a struct tls_verdict as the app
 * data (SSL_set_app_data) of every SSL object made from the context.
 */
struct tls_verdict {
	struct pki_identity expected; /* PKI_NOBODY: anybody with a valid certificate */
	struct pki_identity peer;     /* PKI_NOBODY until the certificate is accepted */
	struct errtext why;           /* empty until it is refused */
};

/* Every connection of ctx will ask for a certificate, require one and judge it. */
void tls_verify_install(SSL_CTX *ctx);

#endif
