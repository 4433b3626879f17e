/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/secret.h"

#define FILE_SIZE_MAX (1 << 20)

/* A whole file, to be released with file_free(). */
struct file {
	char *data;
	size_t len;
};

static void file_free(struct file *file)
{
	if (file->data != NULL)
		wipe(file->data, file->len);
	free(file->data);
}

static int file_read(const char *path, struct file *out, struct errtext *why)
{
	FILE *f = fopen(path, "re");
	struct file file = { malloc(FILE_SIZE_MAX), 0 };
	bool is_failed;

	if (f == NULL || file.data == NULL) {
		errtext_set(why, "%s: %s", path, strerror(errno));
		free(file.data);
		if (f != NULL)
			fclose(f);
		return ERR_IO;
	}
	setvbuf(f, NULL, _IONBF, 0); /* no copy of a key in a buffer that nobody wipes */
	file.len = fread(file.data, 1, FILE_SIZE_MAX, f);
	is_failed = ferror(f) != 0;
	if (is_failed)
		errtext_set(why, "%s: %s", path, strerror(errno));
	else if (file.len == FILE_SIZE_MAX)
		errtext_set(why, "%s: larger than %d octets", path, FILE_SIZE_MAX - 1);
	fclose(f);
	if (is_failed || file.len == FILE_SIZE_MAX) {
		file_free(&file);
		return ERR_IO;
	}
	*out = file;
	return 0;
}

/* The certificates in a file's text; NULL if one of them is broken. */
static STACK_OF(X509) * parse_certificates(const struct file *file)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	X509 *certificate;
	bool is_at_end;

	ERR_clear_error();
	while (list != NULL && bio != NULL &&
	       (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(list, certificate) == 0) {
			X509_free(certificate);
			break;
		}
	}
	is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	if (!is_at_end) {
		sk_X509_pop_free(list, X509_free);
		return NULL;
	}
	return list;
}

int tls_load_certificates(const char *path, STACK_OF(X509) * *out, struct errtext *why)
{
	STACK_OF(X509) * list;
	struct file file;
	int err = file_read(path, &file, why);

	if (err != 0)
		return err;
	list = parse_certificates(&file);
	file_free(&file);
	if (list == NULL) {
		errtext_set(why, "%s: a certificate in it is broken", path);
		return ERR_CONFIG;
	}
	if (sk_X509_num(list) == 0) {
		errtext_set(why, "%s: no PEM certificate in it", path);
		sk_X509_free(list);
		return ERR_CONFIG;
	}
	*out = list;
	return 0;
}

/* Nobody is there to be asked: without it OpenSSL would read from the terminal. */
static int no_passphrase(char *buf, int size, int is_writing, void *ctx)
{
	bool *was_asked = ctx;

	(void)buf;
	(void)size;
	(void)is_writing;
	*was_asked = true;
	return -1;
}

int tls_load_key(const char *path, EVP_PKEY **out, struct errtext *why)
{
	bool was_asked = false;
	struct file file;
	EVP_PKEY *key;
	BIO *bio;
	int err = file_read(path, &file, why);

	if (err != 0)
		return err;
	bio = BIO_new_mem_buf(file.data, (int)file.len);
	key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &was_asked) : NULL;
	BIO_free(bio);
	file_free(&file);
	ERR_clear_error();
	if (key == NULL) {
		errtext_set(why,
			    was_asked ? "%s: the key is encrypted; store it without passphrase"
				      : "%s: no PEM private key in it",
			    path);
		return ERR_CONFIG;
	}
	*out = key;
	return 0;
}

const char *tls_time_format(const ASN1_TIME *t, char out[PKI_TIME_MAX])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) == 1)
		return pki_time_format((int64_t)timegm(&tm), out);
	snprintf(out, PKI_TIME_MAX, "?");
	return out;
}

int tls_check_dates(const char *path, const X509 *certificate, struct errtext *why)
{
	const ASN1_TIME *first = X509_get0_notBefore(certificate);
	const ASN1_TIME *last = X509_get0_notAfter(certificate);
	char text[PKI_TIME_MAX];

	if (X509_cmp_current_time(first) >= 0) {
		errtext_set(why, "%s: the certificate is valid from %s only", path,
			    tls_time_format(first, text));
		return ERR_CONFIG;
	}
	if (X509_cmp_current_time(last) <= 0) {
		errtext_set(why, "%s: the certificate expired on %s", path,
			    tls_time_format(last, text));
		return ERR_CONFIG;
	}
	return 0;
}
