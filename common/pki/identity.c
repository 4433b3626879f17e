/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pki/identity.h"

#include <openssl/x509v3.h>
#include <stdio.h>

#define SCHEME      "waypost:"
#define SCHEME_SIZE (sizeof(SCHEME) - 1)

static const char *const kinds[] = { "nobody",
#define PKI_TEXT(name, text) text,
				     PKI_KINDS(PKI_TEXT)
#undef PKI_TEXT
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *pki_kind_name(enum pki_kind kind)
{
	return (size_t)kind < N_KINDS ? kinds[kind] : "unknown";
}

int pki_kind_parse(const char *text, enum pki_kind *out)
{
	for (size_t i = PKI_NOBODY + 1; i < N_KINDS; i++) {
		if (strcmp(kinds[i], text) == 0) {
			*out = (enum pki_kind)i;
			return 0;
		}
	}
	return ERR_VALUE;
}

const char *pki_identity_format(const struct pki_identity *identity, char out[PKI_URI_MAX])
{
	snprintf(out, PKI_URI_MAX, SCHEME "%s:%s", pki_kind_name(identity->kind), identity->name);
	return out;
}

int pki_identity_parse(const char *uri, struct pki_identity *out)
{
	struct pki_identity identity;
	char kind[16];
	const char *colon;
	size_t len;

	if (strncmp(uri, SCHEME, SCHEME_SIZE) != 0)
		return ERR_VALUE;
	uri += SCHEME_SIZE;
	colon = strchr(uri, ':');
	if (colon == NULL || !text_is_name(colon + 1))
		return ERR_VALUE;
	len = (size_t)(colon - uri);
	if (len >= sizeof(kind))
		return ERR_VALUE;
	memcpy(kind, uri, len);
	kind[len] = '\0';
	if (pki_kind_parse(kind, &identity.kind) != 0)
		return ERR_VALUE;
	snprintf(identity.name, sizeof(identity.name), "%s", colon + 1);
	*out = identity;
	return 0;
}

/* Whether a subject alternative name is a URI of ours, be it well formed or not. */
static bool is_ours(const GENERAL_NAME *name, struct bytes *uri)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	if (type != GEN_URI)
		return false;
	uri->ptr = ASN1_STRING_get0_data(value);
	uri->len = (size_t)ASN1_STRING_length(value);
	return uri->len >= SCHEME_SIZE && memcmp(uri->ptr, SCHEME, SCHEME_SIZE) == 0;
}

static int read_uri(struct bytes uri, struct pki_identity *out, struct errtext *why)
{
	char text[PKI_URI_MAX];

	/* A NUL inside must not hide the rest. */
	if (uri.len < sizeof(text) && memchr(uri.ptr, '\0', uri.len) == NULL) {
		memcpy(text, uri.ptr, uri.len);
		text[uri.len] = '\0';
		if (pki_identity_parse(text, out) == 0)
			return 0;
	}
	errtext_set(why, "the certificate's URI is not " SCHEME "KIND:NAME: %.*s", (int)uri.len,
		    (const char *)uri.ptr);
	return ERR_VALUE;
}

int pki_identity_read(const X509 *cert, struct pki_identity *out, struct errtext *why)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	struct bytes uri = { NULL, 0 }, ours;
	size_t found = 0;
	int err;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		if (is_ours(sk_GENERAL_NAME_value(names, i), &ours)) {
			uri = ours;
			found++;
		}
	}
	if (found == 1) {
		err = read_uri(uri, out, why);
	} else if (found == 0) {
		errtext_set(why, "the certificate has no URI " SCHEME "KIND:NAME");
		err = ERR_MISSING;
	} else {
		errtext_set(why, "the certificate has %zu URIs " SCHEME "KIND:NAME", found);
		err = ERR_DUPLICATE;
	}
	GENERAL_NAMES_free(names);
	return err;
}
