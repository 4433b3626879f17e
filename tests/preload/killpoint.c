/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * Preloaded into a program: kills it at its Nth step from now on, just before it is done. Steps are
 * what others can tell a state from that is lost with the process: a file made durable (fdatasync,
 * fsync) and octets written to a connection. N is in the file that the variable KILLPOINT names;
 * counting begins when that file is there. "N NAME" is written to standard error at the end.
 */
static atomic_long done;

static long wanted(void)
{
	const char *path = getenv("KILLPOINT");
	char text[16] = "";
	ssize_t n;
	int fd;

	if (path == NULL)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static void step(const char *name)
{
	long at = wanted();

	if (at == 0 || atomic_fetch_add(&done, 1) + 1 != at)
		return;
	dprintf(STDERR_FILENO, "killpoint: %ld %s\n", at, name);
	raise(SIGKILL);
}

static bool is_connection(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* dlsym() returns an object pointer; POSIX wants it to be usable as this. */
#define REAL(type, name)   \
	static type *real; \
	if (real == NULL)  \
	*(void **)(void *)&real = dlsym(RTLD_NEXT, name)

typedef int sync_fn(int fd);
typedef ssize_t write_fn(int fd, const void *data, size_t size);
typedef ssize_t writev_fn(int fd, const struct iovec *parts, int n);

int fdatasync(int fd)
{
	REAL(sync_fn, "fdatasync");
	step("fdatasync");
	return real(fd);
}

int fsync(int fd)
{
	REAL(sync_fn, "fsync");
	step("fsync");
	return real(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
	REAL(write_fn, "write");
	if (is_connection(fd))
		step("write");
	return real(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
	REAL(writev_fn, "writev");
	if (is_connection(fd))
		step("writev");
	return real(fd, parts, n);
}
