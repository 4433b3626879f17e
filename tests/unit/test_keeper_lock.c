/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/keeper/keeper_lock.h"

/* Keepers are processes here that do nothing but hold the lock. */

static char dir[] = "/tmp/waypost-lock-XXXXXX", path[64];

static int make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/keeper.lock", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* Returns when it has the lock. It ends by itself when the returned end of a pipe is closed. */
static pid_t start_keeper(int *leash)
{
	int ready[2], end[2];
	char octet;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(end[1]);
		if (keeper_lock_take(path) == 0 && write(ready[1], "r", 1) == 1)
			(void)!read(end[0], &octet, 1);
		_exit(0);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	*leash = end[1];
	return pid;
}

static void test_nobody(void **state)
{
	char why[KEEPER_TEXT_MAX];
	pid_t killed = 1;

	(void)state;
	assert_int_equal(keeper_lock_clear(path, 0, &killed, why), 0);
	assert_int_equal(killed, 0);
	assert_int_equal(keeper_lock_clear("/nowhere/at/all", 0, &killed, why), ERR_IO);
	assert_string_equal(why, "/nowhere/at/all: No such file or directory");
	assert_int_equal(keeper_lock_take("/nowhere/at/all"), ERR_IO);
}

/* One that hangs: it cannot be asked to go. */
static void test_one_that_is_stopped(void **state)
{
	char why[KEEPER_TEXT_MAX];
	pid_t killed, pid;
	int leash, status;

	(void)state;
	pid = start_keeper(&leash);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(keeper_lock_take(path), ERR_EXISTS);
	assert_int_equal(keeper_lock_clear(path, 0, &killed, why), 0);
	assert_int_equal(killed, pid);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(leash);
}

/* One that is about to end is let do that. */
static void test_one_that_ends(void **state)
{
	char why[KEEPER_TEXT_MAX];
	pid_t killed, pid;
	int leash, status;

	(void)state;
	pid = start_keeper(&leash);
	close(leash);
	assert_int_equal(keeper_lock_clear(path, 60000, &killed, why), 0);
	assert_int_equal(killed, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_one_that_is_stopped),
		cmocka_unit_test(test_one_that_ends),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
