/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ikepeer/wallet.h"

int ticket_file_open(const char *path, int *fd, struct errtext *why)
{
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	if (file < 0 || fstat(file, &st) != 0) {
		errtext_set(why, "%s: %s", path, strerror(errno));
		if (file >= 0)
			close(file);
		return ERR_IO;
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 || st.st_uid != geteuid()) {
		errtext_set(why,
			    "%s: must be a file of your own that nobody else can read (mode "
			    "0600)",
			    path);
		close(file);
		return ERR_CONFIG;
	}
	*fd = file;
	return 0;
}

/* Emptied first: half a ticket must never look like a whole one. */
int ticket_file_write(int fd, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (ftruncate(fd, 0) != 0)
		return ERR_IO;
	if (len > 0 && pwrite(fd, text, len, 0) != (ssize_t)len)
		return ERR_IO;
	return fdatasync(fd) == 0 ? 0 : ERR_IO;
}

int ticket_file_read(int fd, char out[TICKET_TEXT_MAX])
{
	ssize_t n = pread(fd, out, TICKET_TEXT_MAX - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	return n < 0 ? ERR_IO : 0;
}
