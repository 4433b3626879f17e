/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_STORE_H
#define PKI_STORE_H

#include "common/pki/pki.h"

/*
 * Certificates and keys as PEM files of a folder: NAME.crt (mode 0644) and NAME.key (0600). A file
 * is there whole or not at all: it is written under another name, synced, and then given its own.
 */
#define PKI_FILE_MAX 65536 /* octets of a file that is read */
#define PKI_STEM_MAX 80    /* of NAME, with terminator */

/* "ca", and for a leaf "member-m1"; returns out. */
#define PKI_CA_STEM "ca"
const char *pki_stem_format(const struct pki_identity *identity, char out[PKI_STEM_MAX]);

/* Makes the folder, mode 0700, if it is not there. ERR_IO. */
MUST_USE int pki_make_folder(const char *dir, struct errtext *why);

/*
 * Writes the key, then the certificate. Without force, ERR_EXISTS if there is either already, and
 * then nothing is changed, whoever else writes at the same time. ERR_IO, ERR_CRYPTO.
 */
MUST_USE int pki_write_pair(const char *dir, const char *stem, const struct pki_pair *pair,
			    bool force, struct errtext *why);

/* ERR_EXISTS if there is a certificate or a key of this name: to be asked before making one. */
MUST_USE int pki_check_absent(const char *dir, const char *stem, struct errtext *why);

/*
 * Both files; ERR_NOT_FOUND, ERR_IO, ERR_VALUE (not PEM, or the key is encrypted), ERR_MISMATCH if
 * the key is not the certificate's.
 */
MUST_USE int pki_read_pair(const char *dir, const char *stem, struct pki_pair *out,
			   struct errtext *why);

/* The certificate alone: out->key is NULL. Errors as above. */
MUST_USE int pki_read_cert(const char *dir, const char *stem, struct pki_pair *out,
			   struct errtext *why);

#endif
