/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/secret.h"

#define MODE_OTHERS 0007
#define MODE_OPEN   (MODE_OTHERS | S_IWGRP)

static const struct conf_pos whole_file = { 0, 0 };

static int fail_errno(const char *path, struct conf_errors *errs)
{
	int err = errno == ENOMEM ? ERR_NO_MEMORY : ERR_IO;

	conf_errors_add(errs, path, whole_file, "cannot be read: %s", strerror(errno));
	return err;
}

static int check_kind(const char *path, const struct stat *st, struct conf_errors *errs)
{
	if (S_ISREG(st->st_mode))
		return 0;
	conf_errors_add(errs, path, whole_file, "is %s, not a file",
			S_ISDIR(st->st_mode) ? "a folder" : "a device or a pipe");
	return ERR_IO;
}

static int check_mode(const char *path, const struct stat *st, struct conf_errors *errs)
{
	if ((st->st_mode & MODE_OPEN) == 0)
		return 0;
	conf_errors_add(
	    errs, path, whole_file,
	    "holds secrets, but its mode is %04o: make it 0600, or 0640 to let its group "
	    "read it",
	    (unsigned int)st->st_mode & 07777);
	return ERR_CONFIG;
}

/* Reads up to cap octets; what was read is there to be wiped after a failure too. */
static int read_all(int fd, size_t cap, struct conf_file *file)
{
	struct bytes *text = &file->source.text;

	file->text = malloc(cap);
	if (file->text == NULL)
		return ERR_NO_MEMORY;
	text->ptr = file->text;
	while (text->len < cap) {
		ssize_t got = read(fd, file->text + text->len, cap - text->len);

		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return ERR_IO;
		if (got > 0)
			text->len += (size_t)got;
	}
	return 0;
}

/* The absolute folder of a file. */
static char *folder_of(const char *path)
{
	char *copy = strdup(path);
	char *folder = copy != NULL ? realpath(dirname(copy), NULL) : NULL;

	free(copy);
	return folder;
}

static int read_open(int fd, const char *path, const struct conf_file_rules *rules,
		     struct conf_errors *errs, struct conf_file *file)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0)
		return fail_errno(path, errs);
	err = check_kind(path, &st, errs);
	if (err == 0 && rules->is_private)
		err = check_mode(path, &st, errs);
	if (err != 0)
		return err;
	if (read_all(fd, rules->max_size + 1, file) != 0)
		return fail_errno(path, errs);
	if (file->source.text.len > rules->max_size) {
		conf_errors_add(errs, path, whole_file, "is bigger than %zu KiB",
				rules->max_size / 1024);
		return ERR_IO;
	}
	return 0;
}

int conf_file_read(const char *path, const struct conf_file_rules *rules, struct conf_errors *errs,
		   struct conf_file *out)
{
	struct conf_file file = { .name = strdup(path) };
	/* Not to hang on a pipe that nobody writes to. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = fd < 0 ? fail_errno(path, errs) : read_open(fd, path, rules, errs, &file);

	if (fd >= 0)
		close(fd);
	if (err == 0) {
		file.folder = folder_of(path);
		if (file.folder == NULL || file.name == NULL)
			err = fail_errno(path, errs);
	}
	if (err != 0) {
		conf_file_free(&file);
		return err;
	}
	file.source.name = file.name;
	file.source.folder = file.folder;
	*out = file;
	return 0;
}

void conf_file_free(struct conf_file *file)
{
	if (file->text != NULL)
		wipe(file->text, file->source.text.len);
	free(file->text);
	free(file->folder);
	free(file->name);
	*file = (struct conf_file){ .text = NULL };
}
