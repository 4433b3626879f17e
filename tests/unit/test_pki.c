/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "common/pki/pki.h"

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define NOW_S          1800000000 /* 2027-01-15 */
#define DAY_S          86400
#define A63            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct pki_pair ca, other_ca;

static struct pki_pair make_ca(const char *cluster, unsigned int days)
{
	struct pki_ca_order order = { cluster, days, NOW_S };
	struct rng rng = rng_system();
	struct pki_pair pair = { NULL, NULL };
	struct errtext why = { "" };

	if (pki_make_ca(&order, &rng, &pair, &why) != 0)
		fail_msg("%s", why.text);
	return pair;
}

static struct pki_pair make_leaf(const struct pki_pair *by, enum pki_kind kind, const char *name)
{
	static const char *const hosts[] = { "d1.example.net", "192.0.2.10", "2001:db8::1" };
	struct pki_leaf_order order = { .identity = { .kind = kind },
					.hosts = hosts,
					.n_hosts = 3,
					.days = 825,
					.now_s = NOW_S };
	struct rng rng = rng_system();
	struct pki_pair pair = { NULL, NULL };
	struct errtext why = { "" };

	snprintf(order.identity.name, sizeof(order.identity.name), "%s", name);
	if (pki_make_leaf(by, &order, &rng, &pair, &why) != 0)
		fail_msg("%s", why.text);
	return pair;
}

static int make_both_cas(void **state)
{
	(void)state;
	ca = make_ca("demo", PKI_CA_DAYS);
	other_ca = make_ca("demo", PKI_CA_DAYS);
	return 0;
}

static int free_both_cas(void **state)
{
	(void)state;
	pki_pair_free(&ca);
	pki_pair_free(&other_ca);
	return 0;
}

/* ---- chains ---- */

/* What X509_verify_cert() finds: X509_V_OK or an error. */
static int verify(X509 *cert, X509 *root, STACK_OF(X509) * between, int purpose, time_t at_s)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int err;

	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, cert, between), 1);
	assert_int_equal(X509_STORE_CTX_set_purpose(ctx, purpose), 1);
	X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
	X509_STORE_CTX_set_time(ctx, 0, at_s);
	err = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return err;
}

static void test_chains(void **state)
{
	const int client = X509_PURPOSE_SSL_CLIENT, server = X509_PURPOSE_SSL_SERVER;

	(void)state;
	for (int kind = PKI_DIRECTOR; kind <= PKI_MONITOR; kind++) {
		struct pki_pair leaf = make_leaf(&ca, (enum pki_kind)kind, "x");
		int as_server = kind <= PKI_MEMBER ? X509_V_OK : X509_V_ERR_INVALID_PURPOSE;

		assert_int_equal(verify(leaf.cert, ca.cert, NULL, client, NOW_S), X509_V_OK);
		assert_int_equal(verify(leaf.cert, ca.cert, NULL, server, NOW_S), as_server);
		assert_int_equal(verify(leaf.cert, ca.cert, NULL, client, NOW_S - PKI_SKEW_S),
				 X509_V_OK);
		assert_int_equal(verify(leaf.cert, ca.cert, NULL, client, NOW_S - PKI_SKEW_S - 1),
				 X509_V_ERR_CERT_NOT_YET_VALID);
		assert_int_equal(verify(leaf.cert, ca.cert, NULL, client, NOW_S + 825 * DAY_S - 1),
				 X509_V_OK);
		assert_int_equal(verify(leaf.cert, ca.cert, NULL, client, NOW_S + 825 * DAY_S + 1),
				 X509_V_ERR_CERT_HAS_EXPIRED);
		assert_int_not_equal(verify(leaf.cert, other_ca.cert, NULL, client, NOW_S),
				     X509_V_OK);
		assert_true(pki_is_issued_by(leaf.cert, ca.cert));
		assert_false(pki_is_issued_by(leaf.cert, other_ca.cert));
		pki_pair_free(&leaf);
	}
}

/* Nobody may issue in the CA's name: neither a leaf, nor a CA that the CA might have signed. */
static void test_leaf_cannot_issue(void **state)
{
	struct pki_pair leaf = make_leaf(&ca, PKI_MEMBER, "m1"), forged = { NULL, NULL };
	struct pki_leaf_order order = { .identity = { PKI_ADMIN, "evil" },
					.days = 1,
					.now_s = NOW_S };
	struct rng rng = rng_system();
	STACK_OF(X509) *between = sk_X509_new_null();
	struct errtext why;

	(void)state;
	assert_int_equal(pki_make_leaf(&leaf, &order, &rng, &forged, &why), ERR_BAD_STATE);
	assert_string_equal(why.text, "the certificate is not that of a CA");

	forged = make_leaf(&ca, PKI_ADMIN, "evil");
	assert_int_equal(X509_set_issuer_name(forged.cert, X509_get_subject_name(leaf.cert)), 1);
	assert_int_not_equal(X509_sign(forged.cert, leaf.key, EVP_sha256()), 0);
	assert_int_not_equal(sk_X509_push(between, leaf.cert), 0);
	assert_int_not_equal(verify(forged.cert, ca.cert, between, X509_PURPOSE_SSL_CLIENT, NOW_S),
			     X509_V_OK);
	sk_X509_free(between);
	pki_pair_free(&forged);
	pki_pair_free(&leaf);
}

static void test_contents(void **state)
{
	struct pki_pair leaf = make_leaf(&ca, PKI_DIRECTOR, "d1");
	char group[32];
	struct tm tm;
	size_t len;

	(void)state;
	assert_int_equal(X509_get_version(leaf.cert), X509_VERSION_3);
	assert_int_equal(X509_get_signature_nid(leaf.cert), NID_ecdsa_with_SHA256);
	assert_int_equal(EVP_PKEY_get_group_name(leaf.key, group, sizeof(group), &len), 1);
	assert_string_equal(group, "prime256v1");
	assert_int_equal(X509_check_host(leaf.cert, "d1.example.net", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(leaf.cert, "d2.example.net", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(leaf.cert, "192.0.2.10", 0), 1);
	assert_int_equal(X509_check_ip_asc(leaf.cert, "2001:db8::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(leaf.cert, "192.0.2.11", 0), 0);
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notBefore(leaf.cert), &tm), 1);
	assert_int_equal(timegm(&tm), NOW_S - 300);
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(leaf.cert), &tm), 1);
	assert_int_equal(timegm(&tm), NOW_S + 825 * DAY_S);
	assert_int_equal(X509_get_key_usage(leaf.cert), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_key_usage(ca.cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(X509_get_pathlen(ca.cert), 0);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf.cert),
					       X509_get0_subject_key_id(ca.cert)),
			 0);
	pki_pair_free(&leaf);
}

static void test_critical_extensions(void **state)
{
	struct pki_pair leaf = make_leaf(&ca, PKI_DIRECTOR, "d1");
	X509 *const certs[] = { ca.cert, leaf.cert };
	const int nids[] = { NID_basic_constraints, NID_key_usage };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int at = X509_get_ext_by_NID(certs[i / 2], nids[i % 2], -1);

		assert_true(at >= 0);
		assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(certs[i / 2], at)), 1);
	}
	pki_pair_free(&leaf);
}

/* Serial numbers are rng's 16 octets, as they are. */
static void test_serial_numbers(void **state)
{
	struct rng_seeded seeded = { 1 }, same = { 1 };
	struct rng rng = rng_seeded(&seeded), again = rng_seeded(&same);
	struct pki_ca_order order = { "demo", 1, NOW_S };
	struct pki_pair pair;
	struct pki_info info;
	char want[2 * 16 + 1];
	uint8_t octets[16];

	(void)state;
	for (int round = 0; round < 4; round++) {
		assert_int_equal(pki_make_ca(&order, &rng, &pair, NULL), 0);
		assert_int_equal(pki_describe(pair.cert, &info, NULL), 0);
		assert_int_equal(rng_fill(&again, octets, sizeof(octets)), 0);
		for (size_t i = 0; i < sizeof(octets); i++)
			snprintf(want + 2 * i, 3, "%02x", (unsigned int)octets[i]);
		assert_string_equal(info.serial, want);
		pki_pair_free(&pair);
		pki_pair_free(&pair);
	}
}

static void test_leaf_ends_with_its_ca(void **state)
{
	struct pki_pair short_ca = make_ca("demo", 10);
	struct pki_pair leaf = make_leaf(&short_ca, PKI_MEMBER, "m1");
	struct pki_leaf_order order = { .identity = { PKI_MEMBER, "m2" }, .days = 1 };
	struct rng rng = rng_system();
	struct pki_info info;
	struct errtext why;

	(void)state;
	assert_int_equal(pki_describe(leaf.cert, &info, &why), 0);
	assert_int_equal(info.not_after_s, NOW_S + 10 * DAY_S);
	pki_pair_free(&leaf);

	order.now_s = NOW_S + 10 * DAY_S + 1;
	assert_int_equal(pki_make_leaf(&short_ca, &order, &rng, &leaf, &why), ERR_BAD_STATE);
	assert_string_equal(why.text, "the CA has expired: make a new one");
	order.now_s = NOW_S - PKI_SKEW_S - 1;
	assert_int_equal(pki_make_leaf(&short_ca, &order, &rng, &leaf, &why), ERR_BAD_STATE);
	assert_string_equal(why.text, "the CA is not valid yet: is the clock right?");
	assert_null(leaf.cert);
	pki_pair_free(&short_ca);
}

static const struct order_case {
	const char *name;
	unsigned int days;
	const char *host;
	const char *why; /* "" if it is fine */
} order_cases[] = {
	{ "m1", 1, "a", "" },
	{ A63, PKI_DAYS_MAX, "a-b.C-d.example1", "" },
	{ "m1", 1, "1.2.3.x4", "" },
	{ "m1", 1, "::ffff:192.0.2.1", "" },
	{ "m1", 1,
	  A63 "." A63 "." A63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "" },
	{ "m1", 0, "a", "a certificate is valid for 1 to 36500 days" },
	{ "m1", PKI_DAYS_MAX + 1, "a", "a certificate is valid for 1 to 36500 days" },
	{ "", 1, "a", "a name is 1 to 63 of a-z, 0-9 and -, not ''" },
	{ "m1:x", 1, "a", "a name is 1 to 63 of a-z, 0-9 and -, not 'm1:x'" },
	{ "m1", 1, "", "'' is neither an IP address nor a host name" },
	{ "m1", 1, ".a", "'.a' is neither an IP address nor a host name" },
	{ "m1", 1, "a.", "'a.' is neither an IP address nor a host name" },
	{ "m1", 1, "a..b", "'a..b' is neither an IP address nor a host name" },
	{ "m1", 1, "-a", "'-a' is neither an IP address nor a host name" },
	{ "m1", 1, "a-.b", "'a-.b' is neither an IP address nor a host name" },
	{ "m1", 1, "a_b", "'a_b' is neither an IP address nor a host name" },
	{ "m1", 1, "*.a", "'*.a' is neither an IP address nor a host name" },
	{ "m1", 1, "a,DNS:b", "'a,DNS:b' is neither an IP address nor a host name" },
	{ "m1", 1, "192.0.2.300", "'192.0.2.300' is neither an IP address nor a host name" },
	{ "m1", 1, "192.0.2.1/24", "'192.0.2.1/24' is neither an IP address nor a host name" },
	{ "m1", 1, A63 "a", "'" A63 "a' is neither an IP address nor a host name" },
};

static void test_orders(void **state)
{
	struct rng rng = rng_system();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(order_cases); i++) {
		const struct order_case *c = &order_cases[i];
		struct pki_leaf_order order = { .identity = { .kind = PKI_MEMBER },
						.hosts = &c->host,
						.n_hosts = 1,
						.days = c->days,
						.now_s = NOW_S };
		struct pki_pair pair = { NULL, NULL };
		struct errtext why = { "" };
		int err;

		snprintf(order.identity.name, sizeof(order.identity.name), "%s", c->name);
		err = pki_make_leaf(&ca, &order, &rng, &pair, &why);
		if (err != (c->why[0] != '\0' ? ERR_VALUE : 0) || strcmp(why.text, c->why) != 0)
			fail_msg("%zu: %s: '%s'", i, err_text(err), why.text);
		pki_pair_free(&pair);
	}
}

static void test_ca_orders(void **state)
{
	struct rng rng = rng_system();
	struct pki_ca_order order = { "De mo", 1, NOW_S };
	struct pki_pair pair = { NULL, NULL };
	struct errtext why;

	(void)state;
	assert_int_equal(pki_make_ca(&order, &rng, &pair, &why), ERR_VALUE);
	assert_string_equal(why.text, "a cluster's name is 1 to 63 of a-z, 0-9 and -, not 'De mo'");
	order = (struct pki_ca_order){ A63, 0, NOW_S };
	assert_int_equal(pki_make_ca(&order, &rng, &pair, &why), ERR_VALUE);
	order.days = PKI_DAYS_MAX;
	assert_int_equal(pki_make_ca(&order, &rng, &pair, &why), 0);
	pki_pair_free(&pair);
}

/* ---- identities ---- */

static const struct identity_case {
	const char *uri;
	int err;
} identity_cases[] = {
	{ "waypost:director:d1", 0 },
	{ "waypost:member:m1", 0 },
	{ "waypost:admin:ops", 0 },
	{ "waypost:monitor:" A63, 0 },
	{ "waypost:monitor:" A63 "a", ERR_VALUE },
	{ "waypost:member:", ERR_VALUE },
	{ "waypost:member", ERR_VALUE },
	{ "waypost::m1", ERR_VALUE },
	{ "waypost:", ERR_VALUE },
	{ "", ERR_VALUE },
	{ "waypost:members:m1", ERR_VALUE },
	{ "waypost:Member:m1", ERR_VALUE },
	{ "Waypost:member:m1", ERR_VALUE },
	{ "waypost:member:m1:x", ERR_VALUE },
	{ "waypost:member:m1/", ERR_VALUE },
	{ "waypost:member: m1", ERR_VALUE },
	{ "waypost:memberrrrrrrrrrrrrrrrrrrrr:m1", ERR_VALUE },
	{ "https:member:m1", ERR_VALUE },
};

static void test_identities(void **state)
{
	char text[PKI_URI_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(identity_cases); i++) {
		const struct identity_case *c = &identity_cases[i];
		struct pki_identity identity = { .name = "untouched" };
		int err = pki_identity_parse(c->uri, &identity);

		if (err != c->err)
			fail_msg("%s: %s", c->uri, err_text(err));
		if (err == 0)
			assert_string_equal(pki_identity_format(&identity, text), c->uri);
		else
			assert_string_equal(identity.name, "untouched");
	}
	assert_string_equal(pki_kind_name((enum pki_kind)9), "unknown");
	assert_string_equal(pki_kind_name(PKI_NOBODY), "nobody");
}

static const struct alt_names_case {
	const char *name;
	const char *value; /* in OpenSSL's extension language; NULL: no such extension */
	int err;
	const char *why;
} alt_names_cases[] = {
	{ "no extension", NULL, ERR_MISSING, "the certificate has no URI waypost:KIND:NAME" },
	{ "other names", "DNS:waypost,URI:https://example.net", ERR_MISSING,
	  "the certificate has no URI waypost:KIND:NAME" },
	{ "as a DNS name", "DNS:waypost:member:m1", ERR_MISSING,
	  "the certificate has no URI waypost:KIND:NAME" },
	{ "among others", "URI:https://example.net,URI:waypost:member:m1,DNS:a", 0, "" },
	{ "twice", "URI:waypost:member:m1,URI:waypost:member:m1", ERR_DUPLICATE,
	  "the certificate has 2 URIs waypost:KIND:NAME" },
	{ "member and admin", "URI:waypost:member:m1,URI:waypost:admin:m1", ERR_DUPLICATE,
	  "the certificate has 2 URIs waypost:KIND:NAME" },
	{ "one of two malformed", "URI:waypost:member:m1,URI:waypost:x", ERR_DUPLICATE,
	  "the certificate has 2 URIs waypost:KIND:NAME" },
	{ "nobody", "URI:waypost:nobody:m1", ERR_VALUE,
	  "the certificate's URI is not waypost:KIND:NAME: waypost:nobody:m1" },
	{ "unknown kind", "URI:waypost:root:m1", ERR_VALUE,
	  "the certificate's URI is not waypost:KIND:NAME: waypost:root:m1" },
};

static void test_identity_of_certificate(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(alt_names_cases); i++) {
		const struct alt_names_case *c = &alt_names_cases[i];
		X509 *cert = X509_new();
		struct pki_identity identity = { .name = "untouched" };
		struct errtext why = { "" };
		int err;

		if (c->value != NULL) {
			X509_EXTENSION *ext =
			    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, c->value);

			assert_int_equal(X509_add_ext(cert, ext, -1), 1);
			X509_EXTENSION_free(ext);
		}
		err = pki_identity_read(cert, &identity, &why);
		if (err != c->err || strcmp(why.text, c->why) != 0)
			fail_msg("%s: %s: '%s'", c->name, err_text(err), why.text);
		assert_string_equal(identity.name, err == 0 ? "m1" : "untouched");
		X509_free(cert);
	}
}

/* A NUL inside the URI must not cut it to something that is well formed. */
static void test_identity_with_nul(void **state)
{
	static const char uri[] = "waypost:admin:m1\0.example.net";
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();
	X509 *cert = X509_new();
	struct pki_identity identity;

	(void)state;
	ASN1_STRING_set(value, uri, sizeof(uri) - 1);
	GENERAL_NAME_set0_value(name, GEN_URI, value);
	sk_GENERAL_NAME_push(names, name);
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0), 1);
	assert_int_equal(pki_identity_read(cert, &identity, NULL), ERR_VALUE);
	GENERAL_NAMES_free(names);
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_leaf_cannot_issue),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_critical_extensions),
		cmocka_unit_test(test_serial_numbers),
		cmocka_unit_test(test_leaf_ends_with_its_ca),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_ca_orders),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_identity_of_certificate),
		cmocka_unit_test(test_identity_with_nul),
	};

	return cmocka_run_group_tests(tests, make_both_cas, free_both_cas);
}
