/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/peer_identity.h"

#include <stdio.h>

#include <openssl/x509v3.h>

#define SCHEME     "waypost:"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

#define KIND_TEXT(name, text) [PEER_##name] = text,
static const char *const kind_names[] = { [PEER_NONE] = "nobody", PEER_KINDS(KIND_TEXT) };
#undef KIND_TEXT
#define KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

const char *peer_kind_name(enum peer_kind kind)
{
	return (size_t)kind < KINDS ? kind_names[kind] : kind_names[PEER_NONE];
}

int peer_kind_parse(const char *text, enum peer_kind *out)
{
	for (size_t i = PEER_NONE + 1; i < KINDS; i++) {
		if (strcmp(text, kind_names[i]) == 0) {
			*out = (enum peer_kind)i;
			return 0;
		}
	}
	return ERR_VALUE;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool peer_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > PEER_NAME_MAX || !is_alphanumeric(name[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_alphanumeric(name[i]) && strchr("-_.", name[i]) == NULL)
			return false;
	}
	return true;
}

bool peer_identity_is_equal(const struct peer_identity *a, const struct peer_identity *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

static bool has_scheme(struct bytes uri)
{
	return uri.len >= SCHEME_LEN && memcmp(uri.ptr, SCHEME, SCHEME_LEN) == 0;
}

int peer_identity_parse(struct bytes uri, struct peer_identity *out)
{
	struct peer_identity id;
	char text[PEER_IDENTITY_TEXT_MAX];
	char *kind = text + SCHEME_LEN, *name;

	if (!has_scheme(uri) || uri.len >= sizeof(text) || memchr(uri.ptr, '\0', uri.len) != NULL)
		return ERR_VALUE;
	memcpy(text, uri.ptr, uri.len);
	text[uri.len] = '\0';
	name = strchr(kind, ':');
	if (name == NULL)
		return ERR_VALUE;
	*name++ = '\0';
	if (peer_kind_parse(kind, &id.kind) != 0 || !peer_name_is_valid(name))
		return ERR_VALUE;
	memcpy(id.name, name, strlen(name) + 1);
	*out = id;
	return 0;
}

const char *peer_identity_format(const struct peer_identity *id, char out[PEER_IDENTITY_TEXT_MAX])
{
	snprintf(out, PEER_IDENTITY_TEXT_MAX, SCHEME "%s:%s", peer_kind_name(id->kind), id->name);
	return out;
}

/* Looks through the names of a certificate; *found counts the URIs with our scheme. */
static int find_identity(const GENERAL_NAMES *names, struct peer_identity *out, size_t *found)
{
	int err = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *text;
		struct bytes uri;

		if (name->type != GEN_URI)
			continue;
		text = name->d.uniformResourceIdentifier;
		uri =
		    (struct bytes){ ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text) };
		if (!has_scheme(uri))
			continue;
		*found += 1;
		err = peer_identity_parse(uri, out);
	}
	return err;
}

int peer_identity_from_certificate(const X509 *certificate, struct peer_identity *out,
				   struct errtext *why)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	struct peer_identity id;
	size_t found = 0;
	int err = find_identity(names, &id, &found);

	GENERAL_NAMES_free(names);
	if (found == 0) {
		errtext_set(why, "the certificate names no identity (URI waypost:KIND:NAME)");
		return ERR_MISSING;
	}
	if (found > 1) {
		errtext_set(why, "the certificate names %zu identities, not one", found);
		return ERR_DUPLICATE;
	}
	if (err != 0) {
		errtext_set(why, "the identity in the certificate is not waypost:KIND:NAME");
		return err;
	}
	*out = id;
	return 0;
}
