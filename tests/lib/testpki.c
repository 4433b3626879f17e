/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testpki.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define PATHS_MAX 128
#define HOUR_S    3600

struct testpki {
	char dir[64];
	char *paths[PATHS_MAX];
	size_t path_count;
	long serial;
	EVP_PKEY *ca_key;
	X509 *ca;
	const char *ca_path;
};

#define check(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			fprintf(stderr, "testpki: line %d: %s\n", __LINE__, #condition); \
			abort();                                                         \
		}                                                                        \
	} while (0)

static const char *add_path(struct testpki *pki, const char *name, const char *suffix)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s%s", pki->dir, name, suffix);
	check(pki->path_count < PATHS_MAX);
	pki->paths[pki->path_count] = strdup(path);
	check(pki->paths[pki->path_count] != NULL);
	return pki->paths[pki->path_count++];
}

static FILE *create(const char *path)
{
	FILE *f = fopen(path, "w");

	check(f != NULL);
	return f;
}

static const char *write_certificate(struct testpki *pki, const char *name, X509 *certificate)
{
	const char *path = add_path(pki, name, ".crt");
	FILE *f = create(path);

	check(PEM_write_X509(f, certificate) == 1);
	fclose(f);
	return path;
}

static const char *write_key(struct testpki *pki, const char *name, EVP_PKEY *key)
{
	const char *path = add_path(pki, name, ".key");
	FILE *f = create(path);

	check(PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	return path;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	check(extension != NULL);
	check(X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *new_certificate(struct testpki *pki, const char *name, EVP_PKEY *key, long from_s,
			     long to_s)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();

	check(certificate != NULL && subject != NULL);
	check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
					 -1, -1, 0) == 1);
	check(X509_set_version(certificate, 2) == 1);
	check(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++pki->serial) == 1);
	check(X509_set_subject_name(certificate, subject) == 1);
	check(X509_gmtime_adj(X509_getm_notBefore(certificate), from_s) != NULL);
	check(X509_gmtime_adj(X509_getm_notAfter(certificate), to_s) != NULL);
	check(X509_set_pubkey(certificate, key) == 1);
	X509_NAME_free(subject);
	return certificate;
}

struct testpki *testpki_new(void)
{
	struct testpki *pki = calloc(1, sizeof(*pki));

	check(pki != NULL);
	snprintf(pki->dir, sizeof(pki->dir), "/tmp/waypost-test-XXXXXX");
	check(mkdtemp(pki->dir) != NULL);
	pki->ca_key = EVP_EC_gen("P-256");
	check(pki->ca_key != NULL);
	pki->ca = new_certificate(pki, pki->dir, pki->ca_key, -10 * HOUR_S, 10 * HOUR_S);
	check(X509_set_issuer_name(pki->ca, X509_get_subject_name(pki->ca)) == 1);
	add_extension(pki->ca, pki->ca, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(pki->ca, pki->ca, NID_key_usage, "critical,keyCertSign");
	check(X509_sign(pki->ca, pki->ca_key, EVP_sha256()) > 0);
	pki->ca_path = write_certificate(pki, "ca", pki->ca);
	return pki;
}

void testpki_free(struct testpki *pki)
{
	for (size_t i = 0; i < pki->path_count; i++) {
		unlink(pki->paths[i]);
		free(pki->paths[i]);
	}
	rmdir(pki->dir);
	X509_free(pki->ca);
	EVP_PKEY_free(pki->ca_key);
	free(pki);
}

const char *testpki_dir(const struct testpki *pki)
{
	return pki->dir;
}

static void add_uris(X509 *certificate, const char *const uris[TESTPKI_URIS])
{
	char value[512] = "DNS:test.example";
	size_t len = strlen(value);

	for (size_t i = 0; i < TESTPKI_URIS && uris[i] != NULL; i++)
		len += (size_t)snprintf(value + len, sizeof(value) - len, ",URI:%s", uris[i]);
	check(len < sizeof(value));
	add_extension(certificate, certificate, NID_subject_alt_name, value);
}

struct tls_files testpki_issue_odd(struct testpki *pki, const char *name,
				   const char *const uris[TESTPKI_URIS], long from_s, long to_s)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct tls_files files = { .ca = pki->ca_path };
	X509 *certificate;

	check(key != NULL);
	certificate = new_certificate(pki, name, key, from_s, to_s);
	check(X509_set_issuer_name(certificate, X509_get_subject_name(pki->ca)) == 1);
	add_uris(certificate, uris);
	check(X509_sign(certificate, pki->ca_key, EVP_sha256()) > 0);
	files.certificate = write_certificate(pki, name, certificate);
	files.key = write_key(pki, name, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return files;
}

struct tls_files testpki_issue(struct testpki *pki, const char *name, const char *uri)
{
	const char *const uris[TESTPKI_URIS] = { uri };

	return testpki_issue_odd(pki, name, uris, -HOUR_S, HOUR_S);
}

const char *testpki_write(struct testpki *pki, const char *name, const char *text)
{
	const char *path = add_path(pki, name, "");
	FILE *f = create(path);

	fputs(text, f);
	fclose(f);
	return path;
}
