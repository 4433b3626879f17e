/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_MS 10
#define KILL_MS 1000 /* what was killed may be in the middle of a call into the kernel */

static int open_file(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Who holds it; 0: nobody. */
static int find_holder(int fd, pid_t *pid)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) != 0)
		return ERR_IO;
	*pid = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
	return 0;
}

static int wait_for_end(int fd, uint32_t wait_ms, pid_t *pid)
{
	int err = find_holder(fd, pid);

	for (uint32_t ms = 0; err == 0 && *pid != 0 && ms < wait_ms; ms += STEP_MS) {
		poll(NULL, 0, STEP_MS);
		err = find_holder(fd, pid);
	}
	return err;
}

int keeper_lock_clear(const char *path, uint32_t wait_ms, pid_t *killed, char why[KEEPER_TEXT_MAX])
{
	int fd = open_file(path), err;
	pid_t pid = 0;

	*killed = 0;
	err = fd < 0 ? ERR_IO : wait_for_end(fd, wait_ms, &pid);
	/* A lock is held by a process that lives: the number is its own. */
	if (err == 0 && pid > 1 && kill(pid, SIGKILL) == 0) {
		*killed = pid;
		err = wait_for_end(fd, KILL_MS, &pid);
	}
	if (err != 0)
		snprintf(why, KEEPER_TEXT_MAX, "%.120s: %s", path, strerror(errno));
	else if (pid != 0)
		snprintf(why, KEEPER_TEXT_MAX,
			 "%.120s: an earlier keeper, process %d, is still there", path, (int)pid);
	if (fd >= 0)
		close(fd);
	return err != 0 || pid != 0 ? ERR_IO : 0;
}

int keeper_lock_take(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open_file(path), err;

	/* The file stays open: to close it would give the lock up. */
	if (fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0)
		return 0;
	err = fd >= 0 && (errno == EACCES || errno == EAGAIN) ? ERR_EXISTS : ERR_IO;
	if (fd >= 0)
		close(fd);
	return err;
}
