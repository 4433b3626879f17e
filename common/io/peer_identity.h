/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_PEER_IDENTITY_H
#define IO_PEER_IDENTITY_H

#include <openssl/types.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"

/*
 * Who speaks: the subject alternative name URI "waypost:KIND:NAME" of a certificate (RFC 5280,
 * 4.2.1.6). Common names and host names say nothing here.
 */
#define PEER_KINDS(X)           \
	X(DIRECTOR, "director") \
	X(MEMBER, "member")     \
	X(ADMIN, "admin")       \
	X(MONITOR, "monitor")

#define PEER_ENUMERATOR(name, text) PEER_##name,
enum peer_kind {
	PEER_NONE = 0, /* the zero value: nobody */
	PEER_KINDS(PEER_ENUMERATOR)
};
#undef PEER_ENUMERATOR

#define PEER_NAME_MAX          63
#define PEER_IDENTITY_TEXT_MAX 96

struct peer_identity {
	enum peer_kind kind;
	char name[PEER_NAME_MAX + 1];
};

/* "member", ...; "nobody" for PEER_NONE. Never NULL. */
const char *peer_kind_name(enum peer_kind kind);

/* ERR_VALUE if text names no kind. */
MUST_USE int peer_kind_parse(const char *text, enum peer_kind *out);

/* 1 to 63 letters, digits, '-', '_' and '.', the first a letter or digit: safe in logs and paths.
 */
bool peer_name_is_valid(const char *name);

bool peer_identity_is_equal(const struct peer_identity *a, const struct peer_identity *b);

/* "waypost:member:m1" to a value and back; ERR_VALUE for all that is not exactly of that form. */
MUST_USE int peer_identity_parse(struct bytes uri, struct peer_identity *out);
const char *peer_identity_format(const struct peer_identity *id, char out[PEER_IDENTITY_TEXT_MAX]);

/*
 * The identity that a certificate names. URIs of other schemes do not count. Returns 0 or, with the
 * reason in why,
 *   ERR_MISSING    no URI that begins with "waypost:"
 *   ERR_DUPLICATE  more than one
 *   ERR_VALUE      one of another form
 */
MUST_USE int peer_identity_from_certificate(const X509 *certificate, struct peer_identity *out,
					    struct errtext *why);

#endif
