/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_IDENTITY_H
#define PKI_IDENTITY_H

#include <openssl/types.h>

#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/base/text.h"

/*
 * Who a certificate of the cluster's CA speaks for: a kind and a name, held by the one URI
 * "waypost:KIND:NAME" among its subject alternative names (RFC 5280, 4.2.1.6). Its subject is for
 * people; nothing is decided by it.
 */
#define PKI_KINDS(X)            \
	X(DIRECTOR, "director") \
	X(MEMBER, "member")     \
	X(ADMIN, "admin")       \
	X(MONITOR, "monitor")

#define PKI_ENUMERATOR(name, text) PKI_##name,
enum pki_kind {
	PKI_NOBODY = 0, /* the zero value; no certificate says it */
	PKI_KINDS(PKI_ENUMERATOR)
};
#undef PKI_ENUMERATOR

struct pki_identity {
	enum pki_kind kind;
	char name[NAME_TEXT_MAX + 1]; /* as text_is_name() has it */
};

#define PKI_URI_MAX 84 /* with terminator */

/* "nobody", "director", ...; "unknown" for numbers outside the table. Never NULL. */
const char *pki_kind_name(enum pki_kind kind);

/* ERR_VALUE if text names no kind. */
MUST_USE int pki_kind_parse(const char *text, enum pki_kind *out);

/* "waypost:member:m1"; returns out. */
const char *pki_identity_format(const struct pki_identity *identity, char out[PKI_URI_MAX]);

/* Exactly what pki_identity_format() writes, else ERR_VALUE. */
MUST_USE int pki_identity_parse(const char *uri, struct pki_identity *out);

/*
 * The identity in a certificate, which the caller has verified. ERR_MISSING: there is none.
 * ERR_DUPLICATE: there are several URIs of this scheme. ERR_VALUE: it is malformed.
 */
MUST_USE int pki_identity_read(const X509 *cert, struct pki_identity *out, struct errtext *why);

#endif
