/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_TLS_FILES_H
#define IO_TLS_FILES_H

#include <openssl/x509.h>

#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/pki/pki.h"

/*
 * Certificates and keys from PEM files (RFC 7468). Whatever is wrong is said with the file's name:
 * these texts are what an operator sees when a program does not start.
 */

/*
 * All certificates of a file, in its order, at least one; the caller frees them with
 * sk_X509_pop_free(list, X509_free). Returns 0, ERR_IO (cannot be read) or ERR_CONFIG (not PEM, no
 * certificate in it, a broken one).
 */
MUST_USE int tls_load_certificates(const char *path, STACK_OF(X509) * *out, struct errtext *why);

/* A private key without passphrase; the caller frees it with EVP_PKEY_free(). Errors as above. */
MUST_USE int tls_load_key(const char *path, EVP_PKEY **out, struct errtext *why);

/* Returns 0, or ERR_CONFIG with the date if the certificate is not valid now. path is for why. */
MUST_USE int tls_check_dates(const char *path, const X509 *certificate, struct errtext *why);

/* "2027-01-31T12:00:00Z", or "?" for a time that cannot be read. Returns out. */
const char *tls_time_format(const ASN1_TIME *t, char out[PKI_TIME_MAX]);

#endif
