/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_PKI_H
#define PKI_PKI_H

#include "common/base/rng.h"
#include "common/pki/identity.h"

/*
 * Makes the cluster's CA and the certificates that it issues (RFC 5280): P-256 keys, signatures
 * with SHA-256, random serial numbers of 128 bits. Pure: no files, no clock; keys come from
 * OpenSSL's generator, serial numbers from rng.
 */
#define PKI_CA_DAYS   3650 /* defaults */
#define PKI_LEAF_DAYS 825
#define PKI_DAYS_MAX  36500
#define PKI_HOSTS_MAX 32

/* Certificates hold from this long ago, because the clocks of other hosts may be behind. */
#define PKI_SKEW_S 300

/* A certificate and its private key; the key may be NULL. */
struct pki_pair {
	X509 *cert;
	EVP_PKEY *key;
};

void pki_pair_free(struct pki_pair *pair); /* wipes the key; twice is fine */

struct pki_ca_order {
	const char *cluster; /* a name */
	unsigned int days;   /* 1 to PKI_DAYS_MAX */
	int64_t now_s;       /* wall clock */
};

/* A new CA, valid for leaves only. ERR_VALUE for the order, ERR_CRYPTO. */
MUST_USE int pki_make_ca(const struct pki_ca_order *order, const struct rng *rng,
			 struct pki_pair *out, struct errtext *why);

struct pki_leaf_order {
	struct pki_identity identity;
	const char *const *hosts; /* DNS names and IP addresses that it shall be good for too */
	size_t n_hosts;
	unsigned int days;
	int64_t now_s;
};

/* ERR_VALUE if a host is neither an IP address nor a DNS name. */
MUST_USE int pki_check_host(const char *host, struct errtext *why);

/*
 * A certificate of ca: good for TLS clients, and for servers too if it is a director's or a
 * member's. It ends with the CA's at the latest. ERR_VALUE for the order, ERR_BAD_STATE if the CA's
 * certificate is not valid now, ERR_CRYPTO.
 */
MUST_USE int pki_make_leaf(const struct pki_pair *ca, const struct pki_leaf_order *order,
			   const struct rng *rng, struct pki_pair *out, struct errtext *why);

/* What there is to show of a certificate. */
#define PKI_SERIAL_MAX 41 /* hexadecimal, with terminator */

struct pki_info {
	bool is_ca;
	struct pki_identity identity; /* not of a CA */
	char cluster[NAME_TEXT_MAX + 1];
	char serial[PKI_SERIAL_MAX];
	int64_t not_before_s;
	int64_t not_after_s;
};

/* ERR_MISSING, ERR_DUPLICATE or ERR_VALUE: neither a CA nor issued for somebody of a cluster. */
MUST_USE int pki_describe(const X509 *cert, struct pki_info *out, struct errtext *why);

/* The cluster's name, as it stands in the subject of its CA and its leaves; "" if there is none. */
void pki_read_cluster(const X509 *cert, char out[NAME_TEXT_MAX + 1]);

/* "2026-11-23T18:05:00Z"; returns out. */
#define PKI_TIME_MAX 32
const char *pki_time_format(int64_t time_s, char out[PKI_TIME_MAX]);

/* True if ca's key signed the certificate. */
bool pki_is_issued_by(X509 *cert, const X509 *ca);

#endif
