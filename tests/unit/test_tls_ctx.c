/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/tls_ctx.h"
#include "common/pki/store.h"
#include "tests/lib/testpki.h"

/* What is said about files that cannot be used. */

#define HOUR_S 3600

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
	  "%s/nobody.crt: the certificate has no URI waypost:KIND:NAME" },
	{ "two", 'c', "two.crt", ERR_CONFIG,
	  "%s/two.crt: the certificate has 2 URIs waypost:KIND:NAME" },
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

/* A leaf as "clusteradm pki issue" makes it, in the folder of a CA. */
static void issue(const char *dir, const struct pki_pair *ca, enum pki_kind kind)
{
	struct pki_leaf_order order = { { kind, "x" }, NULL, 0, 30, (int64_t)time(NULL) };
	struct pki_pair pair = { NULL, NULL };
	struct rng rng = rng_system();
	char stem[PKI_STEM_MAX];

	assert_int_equal(pki_make_leaf(ca, &order, &rng, &pair, NULL), 0);
	assert_int_equal(
	    pki_write_pair(dir, pki_stem_format(&order.identity, stem), &pair, true, NULL), 0);
	pki_pair_free(&pair);
}

/* Ours are good for clients of every kind, and for servers that are directors or members. */
static void check_own_pki(const char *dir, enum pki_kind kind)
{
	static const char *const protocols[] = { ALPN_CONTROL, NULL };
	bool is_server = kind == PKI_DIRECTOR || kind == PKI_MEMBER;
	struct pki_identity identity = { kind, "x" };
	char ca[128], certificate[160], key[160], stem[PKI_STEM_MAX];
	struct tls_files files = { ca, certificate, key };
	struct tls_ctx *ctx;
	struct errtext why;

	pki_stem_format(&identity, stem);
	snprintf(ca, sizeof(ca), "%s/own.crt", dir);
	snprintf(certificate, sizeof(certificate), "%s/%s.crt", dir, stem);
	snprintf(key, sizeof(key), "%s/%s.key", dir, stem);
	if (tls_ctx_new_client(&files, ALPN_CONTROL, &ctx, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(tls_ctx_identity(ctx)->kind, kind);
	tls_ctx_free(ctx);
	assert_int_equal(tls_ctx_new_server(&files, protocols, &ctx, &why),
			 is_server ? 0 : ERR_CONFIG);
	if (is_server)
		tls_ctx_free(ctx);
	else
		assert_non_null(strstr(why.text, "certificate purpose"));
	unlink(certificate);
	unlink(key);
}

static void test_own_pki(void **state)
{
	struct pki_ca_order order = { "demo", 30, (int64_t)time(NULL) };
	struct testpki *folder = testpki_new();
	struct pki_pair ca = { NULL, NULL };
	struct rng rng = rng_system();
	char path[128];

	(void)state;
	assert_int_equal(pki_make_ca(&order, &rng, &ca, NULL), 0);
	assert_int_equal(pki_write_pair(testpki_dir(folder), "own", &ca, false, NULL), 0);
	for (int kind = PKI_DIRECTOR; kind <= PKI_MONITOR; kind++) {
		issue(testpki_dir(folder), &ca, (enum pki_kind)kind);
		check_own_pki(testpki_dir(folder), (enum pki_kind)kind);
	}
	pki_pair_free(&ca);
	snprintf(path, sizeof(path), "%s/own.crt", testpki_dir(folder));
	unlink(path);
	snprintf(path, sizeof(path), "%s/own.key", testpki_dir(folder));
	unlink(path);
	testpki_free(folder);
}

static void test_good_files(void **state)
{
	struct testpki *pki = testpki_new();
	struct tls_files files = testpki_issue(pki, "m1", "waypost:member:m1");
	struct tls_ctx *ctx;
	char long_name[257] = "";

	(void)state;
	assert_int_equal(tls_ctx_new_client(&files, "waypost/1", &ctx, NULL), 0);
	assert_int_equal(tls_ctx_identity(ctx)->kind, PKI_MEMBER);
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
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_other_authority),
		cmocka_unit_test(test_own_pki),
		cmocka_unit_test(test_good_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
