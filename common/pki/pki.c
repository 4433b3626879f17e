/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pki/pki.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "common/base/ip.h"

#define SERIAL_SIZE   16
#define DNS_NAME_MAX  253
#define DNS_LABEL_MAX 63

void pki_pair_free(struct pki_pair *pair)
{
	X509_free(pair->cert);
	EVP_PKEY_free(pair->key);
	pair->cert = NULL;
	pair->key = NULL;
}

static int refuse_crypto(struct errtext *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	errtext_set(why, "%s: %s", what, reason != NULL ? reason : err_text(ERR_CRYPTO));
	ERR_clear_error();
	return ERR_CRYPTO;
}

/* ---- the parts of a certificate ---- */

static int set_serial(X509 *cert, const struct rng *rng)
{
	uint8_t octets[SERIAL_SIZE];
	BIGNUM *number;
	int err = rng_fill(rng, octets, sizeof(octets));

	if (err != 0)
		return err;
	number = BN_bin2bn(octets, sizeof(octets), NULL);
	if (number == NULL || BN_is_zero(number) ||
	    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) == NULL)
		err = ERR_CRYPTO;
	BN_free(number);
	return err;
}

static int set_validity(X509 *cert, int64_t now_s, unsigned int days)
{
	time_t now = (time_t)now_s;

	if (X509_time_adj_ex(X509_getm_notBefore(cert), 0, -PKI_SKEW_S, &now) == NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, &now) == NULL)
		return ERR_CRYPTO;
	return 0;
}

static int add_name_part(X509_NAME *name, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const uint8_t *)text, -1, -1,
					  0) == 1
		   ? 0
		   : ERR_CRYPTO;
}

/* value is one of our own constants: nothing of an order gets into OpenSSL's extension language. */
static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	int err = 0;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (extension == NULL || X509_add_ext(cert, extension, -1) != 1)
		err = ERR_CRYPTO;
	X509_EXTENSION_free(extension);
	return err;
}

/* A certificate with everything that both sorts have, not yet signed. */
static int make_blank(const struct rng *rng, int64_t now_s, unsigned int days, struct pki_pair *out)
{
	struct pki_pair pair = { X509_new(), EVP_EC_gen("P-256") };
	int err = 0;

	if (pair.cert == NULL || pair.key == NULL ||
	    X509_set_version(pair.cert, X509_VERSION_3) != 1 ||
	    X509_set_pubkey(pair.cert, pair.key) != 1)
		err = ERR_CRYPTO;
	if (err == 0)
		err = set_serial(pair.cert, rng);
	if (err == 0)
		err = set_validity(pair.cert, now_s, days);
	if (err != 0)
		pki_pair_free(&pair);
	else
		*out = pair;
	return err;
}

static int check_days(unsigned int days, struct errtext *why)
{
	if (days >= 1 && days <= PKI_DAYS_MAX)
		return 0;
	errtext_set(why, "a certificate is valid for 1 to %d days", PKI_DAYS_MAX);
	return ERR_VALUE;
}

/* ---- the CA ---- */

static int fill_ca(X509 *cert, const char *cluster)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int err = add_name_part(name, "O", cluster);

	if (err == 0)
		err = add_name_part(name, "CN", "Waypost CA");
	if (err == 0 && X509_set_issuer_name(cert, name) != 1)
		err = ERR_CRYPTO;
	if (err == 0)
		err =
		    add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	if (err == 0)
		err = add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (err == 0)
		err = add_extension(cert, cert, NID_subject_key_identifier, "hash");
	return err;
}

int pki_make_ca(const struct pki_ca_order *order, const struct rng *rng, struct pki_pair *out,
		struct errtext *why)
{
	struct pki_pair pair = { NULL, NULL };
	int err = check_days(order->days, why);

	if (err != 0)
		return err;
	if (!text_is_name(order->cluster)) {
		errtext_set(why, "a cluster's name is 1 to %d of a-z, 0-9 and -, not '%s'",
			    NAME_TEXT_MAX, order->cluster);
		return ERR_VALUE;
	}
	err = make_blank(rng, order->now_s, order->days, &pair);
	if (err == 0)
		err = fill_ca(pair.cert, order->cluster);
	if (err == 0 && X509_sign(pair.cert, pair.key, EVP_sha256()) == 0)
		err = ERR_CRYPTO;
	if (err != 0) {
		pki_pair_free(&pair);
		return refuse_crypto(why, "making a CA");
	}
	*out = pair;
	return 0;
}

/* ---- subject alternative names ---- */

/*
 * Letters, digits and inner hyphens in labels of 1 to 63 (RFC 1123, 2.1). The last one may not be
 * all digits: that is a mistyped address.
 */
static bool is_dns_name(const char *text)
{
	size_t len = strlen(text), label = 0;
	bool is_number = true;

	if (len == 0 || len > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool is_digit = c >= '0' && c <= '9';
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool is_inner = label > 0 && text[i + 1] != '.' && text[i + 1] != '\0';

		if (c == '.' && label > 0) {
			label = 0;
			is_number = true;
			continue;
		}
		if (!is_digit && !is_letter && !(c == '-' && is_inner))
			return false;
		if (++label > DNS_LABEL_MAX)
			return false;
		is_number = is_number && is_digit;
	}
	return label > 0 && !is_number;
}

int pki_check_host(const char *host, struct errtext *why)
{
	struct ip ip;

	if (ip_parse(host, &ip) == 0 || is_dns_name(host))
		return 0;
	errtext_set(why, "'%s' is neither an IP address nor a host name", host);
	return ERR_VALUE;
}

static int check_hosts(const struct pki_leaf_order *order, struct errtext *why)
{
	int err = 0;

	if (order->n_hosts > PKI_HOSTS_MAX) {
		errtext_set(why, "a certificate is for at most %d hosts", PKI_HOSTS_MAX);
		return ERR_VALUE;
	}
	for (size_t i = 0; err == 0 && i < order->n_hosts; i++)
		err = pki_check_host(order->hosts[i], why);
	return err;
}

/* Adds octets as a name of a type; the string type follows from it. */
static int add_general_name(GENERAL_NAMES *names, int type, struct bytes octets)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value =
	    ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	if (name == NULL || value == NULL ||
	    ASN1_STRING_set(value, octets.ptr, (int)octets.len) != 1) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return ERR_CRYPTO;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) == 0) {
		GENERAL_NAME_free(name);
		return ERR_CRYPTO;
	}
	return 0;
}

static int add_host(GENERAL_NAMES *names, const char *host)
{
	struct ip ip;

	if (ip_parse(host, &ip) == 0)
		return add_general_name(names, GEN_IPADD, ip_bytes(&ip));
	return add_general_name(names, GEN_DNS,
				(struct bytes){ (const uint8_t *)host, strlen(host) });
}

static int add_alt_names(X509 *cert, const struct pki_leaf_order *order)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	char uri[PKI_URI_MAX];
	int err = names == NULL ? ERR_CRYPTO : 0;

	pki_identity_format(&order->identity, uri);
	if (err == 0)
		err = add_general_name(names, GEN_URI,
				       (struct bytes){ (const uint8_t *)uri, strlen(uri) });
	for (size_t i = 0; err == 0 && i < order->n_hosts; i++)
		err = add_host(names, order->hosts[i]);
	if (err == 0 &&
	    X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
		err = ERR_CRYPTO;
	GENERAL_NAMES_free(names);
	return err;
}

/* ---- leaves ---- */

static int fill_subject(X509 *cert, const X509 *ca, const struct pki_identity *identity)
{
	X509_NAME *name = X509_get_subject_name(cert);
	char cluster[NAME_TEXT_MAX + 1];
	int err = 0;

	pki_read_cluster(ca, cluster);
	if (cluster[0] != '\0')
		err = add_name_part(name, "O", cluster);
	if (err == 0)
		err = add_name_part(name, "OU", pki_kind_name(identity->kind));
	if (err == 0)
		err = add_name_part(name, "CN", identity->name);
	if (err == 0 && X509_set_issuer_name(cert, X509_get_subject_name(ca)) != 1)
		err = ERR_CRYPTO;
	return err;
}

static int fill_leaf(X509 *cert, X509 *ca, const struct pki_leaf_order *order)
{
	bool is_server = order->identity.kind == PKI_DIRECTOR || order->identity.kind == PKI_MEMBER;
	int err = fill_subject(cert, ca, &order->identity);

	if (err == 0)
		err = add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE");
	if (err == 0)
		err = add_extension(cert, ca, NID_key_usage, "critical,digitalSignature");
	if (err == 0)
		err = add_extension(cert, ca, NID_ext_key_usage,
				    is_server ? "clientAuth,serverAuth" : "clientAuth");
	if (err == 0)
		err = add_extension(cert, ca, NID_subject_key_identifier, "hash");
	if (err == 0)
		err = add_extension(cert, ca, NID_authority_key_identifier, "keyid:always");
	if (err == 0)
		err = add_alt_names(cert, order);
	if (err == 0 && ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(ca)) > 0 &&
	    X509_set1_notAfter(cert, X509_get0_notAfter(ca)) != 1)
		err = ERR_CRYPTO;
	return err;
}

static int check_ca(const struct pki_pair *ca, int64_t now_s, struct errtext *why)
{
	time_t now = (time_t)now_s;

	if (X509_check_ca(ca->cert) != 1) {
		errtext_set(why, "the certificate is not that of a CA");
		return ERR_BAD_STATE;
	}
	if (X509_cmp_time(X509_get0_notBefore(ca->cert), &now) > 0) {
		errtext_set(why, "the CA is not valid yet: is the clock right?");
		return ERR_BAD_STATE;
	}
	if (X509_cmp_time(X509_get0_notAfter(ca->cert), &now) <= 0) {
		errtext_set(why, "the CA has expired: make a new one");
		return ERR_BAD_STATE;
	}
	return 0;
}

int pki_make_leaf(const struct pki_pair *ca, const struct pki_leaf_order *order,
		  const struct rng *rng, struct pki_pair *out, struct errtext *why)
{
	struct pki_pair pair = { NULL, NULL };
	int err = check_days(order->days, why);

	if (err == 0)
		err = check_hosts(order, why);
	if (err == 0 && !text_is_name(order->identity.name)) {
		errtext_set(why, "a name is 1 to %d of a-z, 0-9 and -, not '%s'", NAME_TEXT_MAX,
			    order->identity.name);
		err = ERR_VALUE;
	}
	if (err == 0)
		err = check_ca(ca, order->now_s, why);
	if (err != 0)
		return err;
	err = make_blank(rng, order->now_s, order->days, &pair);
	if (err == 0)
		err = fill_leaf(pair.cert, ca->cert, order);
	if (err == 0 && X509_sign(pair.cert, ca->key, EVP_sha256()) == 0)
		err = ERR_CRYPTO;
	if (err != 0) {
		pki_pair_free(&pair);
		return refuse_crypto(why, "issuing a certificate");
	}
	*out = pair;
	return 0;
}
