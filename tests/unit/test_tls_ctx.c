/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/io/tls_ctx.h"
#include "tests/lib/testpki.h"

/* Identities as text, and what is said about files that cannot be used. */

#define HOUR_S 3600

static const char name_63[] = "a23456789012345678901234567890123456789012345678901234567890123";

static const struct identity_case {
	const char *uri;
	size_t len;          /* 0: the text's */
	enum peer_kind kind; /* PEER_NONE: refused */
	const char *name;
} identity_cases[] = {
	{ "waypost:director:d1", 0, PEER_DIRECTOR, "d1" },
	{ "waypost:member:gw-1.site_a", 0, PEER_MEMBER, "gw-1.site_a" },
	{ "waypost:admin:Z", 0, PEER_ADMIN, "Z" },
	{ "waypost:monitor:0", 0, PEER_MONITOR, "0" },
	{ "waypost:member:a23456789012345678901234567890123456789012345678901234567890123", 0,
	  PEER_MEMBER, name_63 },
	{ "waypost:member:a234567890123456789012345678901234567890123456789012345678901234", 0,
	  PEER_NONE, NULL },
	{ "", 0, PEER_NONE, NULL },
	{ "waypost:", 0, PEER_NONE, NULL },
	{ "waypost:member", 0, PEER_NONE, NULL },
	{ "waypost:member:", 0, PEER_NONE, NULL },
	{ "waypost::m1", 0, PEER_NONE, NULL },
	{ "waypost:nobody:m1", 0, PEER_NONE, NULL },
	{ "waypost:Member:m1", 0, PEER_NONE, NULL },
	{ "Waypost:member:m1", 0, PEER_NONE, NULL },
	{ " waypost:member:m1", 0, PEER_NONE, NULL },
	{ "waypost:member:m1:x", 0, PEER_NONE, NULL },
	{ "waypost:member:../m1", 0, PEER_NONE, NULL },
	{ "waypost:member:.m1", 0, PEER_NONE, NULL },
	{ "waypost:member:-m1", 0, PEER_NONE, NULL },
	{ "waypost:member:m 1", 0, PEER_NONE, NULL },
	{ "waypost:member:m\xc3\xa4", 0, PEER_NONE, NULL },
	{ "waypost:member:m1\0", 18, PEER_NONE, NULL },
	{ "waypost:member:m1\0:x", 20, PEER_NONE, NULL },
};

static void test_identity_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(identity_cases) / sizeof(identity_cases[0]); i++) {
		const struct identity_case *c = &identity_cases[i];
		size_t len = c->len > 0 ? c->len : strlen(c->uri);
		struct peer_identity id = { PEER_NONE, "untouched" };
		char text[PEER_IDENTITY_TEXT_MAX];
		int err = peer_identity_parse((struct bytes){ (const uint8_t *)c->uri, len }, &id);

		if (err != (c->kind == PEER_NONE ? ERR_VALUE : 0))
			fail_msg("%s: %d", c->uri, err);
		assert_int_equal(id.kind, c->kind);
		assert_string_equal(id.name, c->name != NULL ? c->name : "untouched");
		if (c->kind != PEER_NONE)
			assert_string_equal(peer_identity_format(&id, text), c->uri);
	}
	assert_string_equal(peer_kind_name(PEER_NONE), "nobody");
	assert_string_equal(peer_kind_name((enum peer_kind)99), "nobody");
}

/* Which file of the three is replaced, and by what. */
static const struct file_case {
	const char *name;
	char which; /* 'a': ca, 'c': certificate, 'k': key */
	const char *file;
	int err;
	const char *why; /* %s: the folder */
} file_cases[] = {
	{ "no CA", 'a', "none", ERR_IO, "%s/none: No such file or directory" },
	{ "no certificate", 'c', "none", ERR_IO, "%s/none: No such file or directory" },
	{ "no key", 'k', "none", ERR_IO, "%s/none: No such file or directory" },
	{ "a folder", 'c', ".", ERR_IO, "%s/.: Is a directory" },
	{ "CA is not PEM", 'a', "text", ERR_CONFIG, "%s/text: no PEM certificate in it" },
	{ "certificate is not PEM", 'c', "text", ERR_CONFIG, "%s/text: no PEM certificate in it" },
	{ "certificate is a key", 'c', "m1.key", ERR_CONFIG,
	  "%s/m1.key: no PEM certificate in it" },
	{ "key is a certificate", 'k', "m1.crt", ERR_CONFIG,
	  "%s/m1.crt: no PEM private key in it" },
	{ "key is empty", 'k', "empty", ERR_CONFIG, "%s/empty: no PEM private key in it" },
	{ "certificate is broken", 'c', "broken", ERR_CONFIG,
	  "%s/broken: a certificate in it is broken" },
	{ "key is encrypted", 'k', "encrypted", ERR_CONFIG,
	  "%s/encrypted: the key is encrypted; store it without passphrase" },
	{ "key of another", 'k', "m2.key", ERR_CONFIG,
	  "%s/m2.key: not the key of the certificate in %s/m1.crt" },
	{ "CA is no CA", 'a', "m2.crt", ERR_CONFIG,
	  "%s/m2.crt: the certificate in it is not a CA's" },
	{ "expired", 'c', "old.crt", ERR_CONFIG, "%s/old.crt: the certificate expired on 20" },
	{ "not valid yet", 'c', "new.crt", ERR_CONFIG,
	  "%s/new.crt: the certificate is valid from 20" },
	{ "nobody", 'c', "nobody.crt", ERR_CONFIG,
	  "%s/nobody.crt: the certificate names no identity" },
	{ "two", 'c', "two.crt", ERR_CONFIG, "%s/two.crt: the certificate names 2 identities" },
};

static const char broken[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi5ZV18mO6oDwICCAAw\n"
				"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJEfpfl/dHwfUUAE833K4OMEQNpP\n"
				"S6WvTabbkjTtxmQxwgefzsxT7F7sZfEQz1FylJfLz6ZpmejuAuYx3P5AArv6ClEp\n"
				"SmXr8hMGgkmpvN5P7gM=\n"
				"-----END ENCRYPTED PRIVATE KEY-----\n";

static struct testpki *new_pki(void)
{
	struct testpki *pki = testpki_new();
	const char *const two[TESTPKI_URIS] = { "waypost:member:m1", "waypost:member:m2" };
	const char *const one[TESTPKI_URIS] = { "waypost:member:m1" };
	const char *const web[TESTPKI_URIS] = { "https://test.example/" };

	(void)testpki_issue(pki, "m1", "waypost:member:m1");
	(void)testpki_issue(pki, "m2", "waypost:member:m2");
	(void)testpki_issue_odd(pki, "old", one, -2 * HOUR_S, -HOUR_S);
	(void)testpki_issue_odd(pki, "new", one, HOUR_S, 2 * HOUR_S);
	(void)testpki_issue_odd(pki, "two", two, -HOUR_S, HOUR_S);
	(void)testpki_issue_odd(pki, "nobody", web, -HOUR_S, HOUR_S);
	(void)testpki_write(pki, "text", "not a certificate\n");
	(void)testpki_write(pki, "empty", "");
	(void)testpki_write(pki, "broken", broken);
	(void)testpki_write(pki, "encrypted", encrypted);
	return pki;
}

/* The paths of a case; the key goes with the certificate unless it is the key that is wrong. */
struct paths {
	char ca[128], certificate[128], key[128];
};

static struct tls_files case_files(const char *dir, const struct file_case *c, struct paths *paths)
{
	const char *dot = strrchr(c->file, '.');
	bool is_issued = c->which == 'c' && dot != NULL && strcmp(dot, ".crt") == 0;

	snprintf(paths->ca, sizeof(paths->ca), "%s/%s", dir, c->which == 'a' ? c->file : "ca.crt");
	snprintf(paths->certificate, sizeof(paths->certificate), "%s/%s", dir,
		 c->which == 'c' ? c->file : "m1.crt");
	if (is_issued)
		snprintf(paths->key, sizeof(paths->key), "%s/%.*s.key", dir, (int)(dot - c->file),
			 c->file);
	else
		snprintf(paths->key, sizeof(paths->key), "%s/%s", dir,
			 c->which == 'k' ? c->file : "m1.key");
	return (struct tls_files){ paths->ca, paths->certificate, paths->key };
}

/* Replaces each %s in a pattern by the folder. */
static void expand(const char *pattern, const char *dir, char *out, size_t cap)
{
	size_t len = 0;

	for (; *pattern != '\0'; pattern++) {
		if (strncmp(pattern, "%s", 2) == 0) {
			len += (size_t)snprintf(out + len, cap - len, "%s", dir);
			pattern++;
		} else {
			out[len++] = *pattern;
		}
		assert_true(len < cap);
	}
	out[len] = '\0';
}

static void test_bad_files(void **state)
{
	static const char *const protocols[] = { "waypost/1", NULL };
	struct testpki *pki = new_pki();

	(void)state;
	for (size_t i = 0; i < sizeof(file_cases) / sizeof(file_cases[0]); i++) {
		const struct file_case *c = &file_cases[i];
		struct paths paths;
		struct tls_files files = case_files(testpki_dir(pki), c, &paths);
		struct tls_ctx *ctx = NULL;
		struct errtext why;
		char want[ERRTEXT_MAX];

		expand(c->why, testpki_dir(pki), want, sizeof(want));
		assert_int_equal(tls_ctx_new_client(&files, "waypost/1", &ctx, &why), c->err);
		if (strncmp(why.text, want, strlen(want)) != 0)
			fail_msg("%s: '%s', not '%s'", c->name, why.text, want);
		assert_int_equal(tls_ctx_new_server(&files, protocols, &ctx, NULL), c->err);
		assert_null(ctx);
	}
	testpki_free(pki);
}

static void test_other_authority(void **state)
{
	struct testpki *ours = testpki_new(), *theirs = testpki_new();
	struct tls_files files = testpki_issue(theirs, "m1", "waypost:member:m1");
	struct tls_ctx *ctx = NULL;
	struct errtext why;

	(void)state;
	files.ca = testpki_issue(ours, "m1", "waypost:member:m1").ca;
	assert_int_equal(tls_ctx_new_client(&files, "waypost/1", &ctx, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, "/m1.crt: not accepted under the CA in "));
	assert_non_null(strstr(why.text, "unable to get local issuer certificate"));
	testpki_free(ours);
	testpki_free(theirs);
}

static void test_good_files(void **state)
{
	struct testpki *pki = testpki_new();
	struct tls_files files = testpki_issue(pki, "m1", "waypost:member:m1");
	struct tls_ctx *ctx;
	char long_name[257] = "";

	(void)state;
	assert_int_equal(tls_ctx_new_client(&files, "waypost/1", &ctx, NULL), 0);
	assert_int_equal(tls_ctx_identity(ctx)->kind, PEER_MEMBER);
	assert_string_equal(tls_ctx_identity(ctx)->name, "m1");
	assert_false(tls_ctx_is_server(ctx));
	tls_ctx_free(ctx);
	tls_ctx_free(NULL);
	assert_int_equal(tls_ctx_new_client(&files, "", &ctx, NULL), ERR_VALUE);
	memset(long_name, 'a', sizeof(long_name) - 1);
	assert_int_equal(tls_ctx_new_client(&files, long_name, &ctx, NULL), ERR_VALUE);
	testpki_free(pki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity_text),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_other_authority),
		cmocka_unit_test(test_good_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
