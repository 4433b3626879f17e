/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pki/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/secret.h"

#define NAME_SIZE      264 /* of any name in a folder, with ".crt" */
#define TEMPORARY_SIZE (NAME_SIZE + 24)

const char *pki_stem_format(const struct pki_identity *identity, char out[PKI_STEM_MAX])
{
	snprintf(out, PKI_STEM_MAX, "%s-%s", pki_kind_name(identity->kind), identity->name);
	return out;
}

static int refuse_io(struct errtext *why, const char *dir, const char *name)
{
	int err = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;

	errtext_set(why, "%s/%s: %m", dir, name);
	return err;
}

int pki_make_folder(const char *dir, struct errtext *why)
{
	struct stat st;

	if (mkdir(dir, 0700) == 0 ||
	    (errno == EEXIST && stat(dir, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	errtext_set(why, "%s: %m", dir);
	return ERR_IO;
}

static int open_folder(const char *dir, int *out, struct errtext *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		int err = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;

		errtext_set(why, "%s: %m", dir);
		return err;
	}
	*out = fd;
	return 0;
}

/* ---- writing ---- */

static int write_all(int fd, struct bytes data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.ptr, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		data.ptr += n;
		data.len -= (size_t)n;
	}
	return 0;
}

/* A new file that no one else has; its mode does not depend on the umask. */
static int write_temporary(int folder, const char *name, struct bytes data, mode_t mode)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return ERR_IO;
	err = write_all(fd, data);
	if (err == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		err = ERR_IO;
	if (close(fd) != 0 && err == 0)
		err = ERR_IO;
	return err;
}

/* link() refuses to replace, rename() replaces: either way in one step. */
static int publish(int folder, const char *temporary, const char *name, bool force)
{
	if (force)
		return renameat(folder, temporary, folder, name) == 0 ? 0 : ERR_IO;
	if (linkat(folder, temporary, folder, name, 0) != 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_IO;
	(void)unlinkat(folder, temporary, 0);
	return 0;
}

static int refuse_existing(struct errtext *why, const char *dir, const char *name)
{
	errtext_set(why, "%s/%s is there already", dir, name);
	return ERR_EXISTS;
}

static int write_file(int folder, const char *dir, const char *name, struct bytes data, mode_t mode,
		      bool force, struct errtext *why)
{
	struct rng rng = rng_system();
	char temporary[TEMPORARY_SIZE];
	uint64_t suffix;
	int err = rng_u64(&rng, &suffix);
	int saved;

	if (err != 0)
		return err;
	snprintf(temporary, sizeof(temporary), ".%s.%016" PRIx64, name, suffix);
	err = write_temporary(folder, temporary, data, mode);
	if (err == 0)
		err = publish(folder, temporary, name, force);
	if (err == 0 && fsync(folder) != 0)
		err = ERR_IO;
	if (err == 0)
		return 0;
	saved = errno;
	(void)unlinkat(folder, temporary, 0);
	errno = saved;
	return err == ERR_EXISTS ? refuse_existing(why, dir, name) : refuse_io(why, dir, name);
}

/* PEM in memory; the caller frees it, which wipes it. */
static int encode_pem(const struct pki_pair *pair, bool is_key, BIO **out, struct errtext *why)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int done = 0;

	if (bio != NULL && is_key)
		done = PEM_write_bio_PrivateKey(bio, pair->key, NULL, NULL, 0, NULL, NULL);
	else if (bio != NULL)
		done = PEM_write_bio_X509(bio, pair->cert);
	if (done != 1) {
		BIO_free(bio);
		errtext_set(why, "%s", err_text(ERR_CRYPTO));
		return ERR_CRYPTO;
	}
	*out = bio;
	return 0;
}

static int write_part(int folder, const char *dir, const char *stem, const struct pki_pair *pair,
		      bool is_key, bool force, struct errtext *why)
{
	char name[NAME_SIZE];
	char *data;
	BIO *bio;
	long len;
	int err = encode_pem(pair, is_key, &bio, why);

	if (err != 0)
		return err;
	snprintf(name, sizeof(name), "%s.%s", stem, is_key ? "key" : "crt");
	len = BIO_get_mem_data(bio, &data);
	err = write_file(folder, dir, name, (struct bytes){ (const uint8_t *)data, (size_t)len },
			 is_key ? 0600 : 0644, force, why);
	BIO_free(bio);
	return err;
}

int pki_write_pair(const char *dir, const char *stem, const struct pki_pair *pair, bool force,
		   struct errtext *why)
{
	char key[NAME_SIZE];
	int folder = -1;
	int err = force ? 0 : pki_check_absent(dir, stem, why);

	if (err == 0)
		err = open_folder(dir, &folder, why);
	if (err != 0)
		return err;
	err = write_part(folder, dir, stem, pair, true, force, why);
	if (err == 0) {
		err = write_part(folder, dir, stem, pair, false, force, why);
		if (err != 0 && !force) {
			snprintf(key, sizeof(key), "%s.key", stem);
			(void)unlinkat(folder, key, 0);
		}
	}
	(void)close(folder);
	return err;
}

int pki_check_absent(const char *dir, const char *stem, struct errtext *why)
{
	static const char *const endings[] = { "crt", "key" };
	char name[NAME_SIZE];
	struct stat st;
	int folder = -1;
	int err = open_folder(dir, &folder, why);

	for (size_t i = 0; err == 0 && i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(name, sizeof(name), "%s.%s", stem, endings[i]);
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			err = refuse_existing(why, dir, name);
		else if (errno != ENOENT)
			err = refuse_io(why, dir, name);
	}
	if (folder >= 0)
		(void)close(folder);
	return err;
}

/* ---- reading ---- */

/* Up to cap octets of a file; ERR_TOO_LONG if there are more. */
static int read_all(int fd, uint8_t *buf, size_t cap, size_t *len)
{
	*len = 0;
	while (*len < cap) {
		ssize_t n = read(fd, buf + *len, cap - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return 0;
		*len += (size_t)n;
	}
	return ERR_TOO_LONG;
}

/* Without it OpenSSL would ask at the terminal. */
static int refuse_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

static int decode_pem(struct bytes data, bool is_key, struct pki_pair *pair)
{
	BIO *bio = BIO_new_mem_buf(data.ptr, (int)data.len);
	bool is_found;

	if (bio == NULL)
		return ERR_NO_MEMORY;
	if (is_key)
		is_found = PEM_read_bio_PrivateKey(bio, &pair->key, refuse_password, NULL) != NULL;
	else
		is_found = PEM_read_bio_X509(bio, &pair->cert, refuse_password, NULL) != NULL;
	BIO_free(bio);
	ERR_clear_error();
	return is_found ? 0 : ERR_VALUE;
}

static int read_part(int folder, const char *dir, const char *stem, bool is_key,
		     struct pki_pair *pair, struct errtext *why)
{
	char name[NAME_SIZE];
	uint8_t *buf = malloc(PKI_FILE_MAX);
	size_t len = 0;
	int fd, err;

	if (buf == NULL)
		return ERR_NO_MEMORY;
	snprintf(name, sizeof(name), "%s.%s", stem, is_key ? "key" : "crt");
	fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not block */
	err = fd < 0 ? ERR_IO : read_all(fd, buf, PKI_FILE_MAX, &len);
	if (err == ERR_IO)
		err = refuse_io(why, dir, name);
	else if (err == 0)
		err = decode_pem((struct bytes){ buf, len }, is_key, pair);
	if (err == ERR_VALUE || err == ERR_TOO_LONG) {
		errtext_set(why, "%s/%s is not %s in PEM", dir, name,
			    is_key ? "an unencrypted private key" : "a certificate");
		err = ERR_VALUE;
	}
	if (fd >= 0)
		(void)close(fd);
	wipe(buf, len);
	free(buf);
	return err;
}

static int read_parts(const char *dir, const char *stem, bool with_key, struct pki_pair *out,
		      struct errtext *why)
{
	struct pki_pair pair = { NULL, NULL };
	int folder;
	int err = open_folder(dir, &folder, why);

	if (err != 0)
		return err;
	err = read_part(folder, dir, stem, false, &pair, why);
	if (err == 0 && with_key)
		err = read_part(folder, dir, stem, true, &pair, why);
	if (err == 0 && with_key && X509_check_private_key(pair.cert, pair.key) != 1) {
		errtext_set(why, "%s/%s.key does not belong to %s.crt", dir, stem, stem);
		ERR_clear_error();
		err = ERR_MISMATCH;
	}
	(void)close(folder);
	if (err != 0)
		pki_pair_free(&pair);
	else
		*out = pair;
	return err;
}

int pki_read_pair(const char *dir, const char *stem, struct pki_pair *out, struct errtext *why)
{
	return read_parts(dir, stem, true, out, why);
}

int pki_read_cert(const char *dir, const char *stem, struct pki_pair *out, struct errtext *why)
{
	return read_parts(dir, stem, false, out, why);
}
