/* SPDX-License-Identifier: Apache-2.0 */
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include "common/io/privileges.h"
#include "common/io/sd_notify.h"
#include "common/io/signals.h"
#include "tests/lib/testloop.h"

/* What a program says to its service manager, and what it gives up. */

#define USER "nobody"

/* ---- sd_notify ---- */

static int listen_at(const char *path, bool is_abstract)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(sa.sun_path, path, strlen(path));
	if (is_abstract)
		sa.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	return fd;
}

static void expect_line(int fd, const char *want)
{
	char got[600] = "";

	assert_true(recv(fd, got, sizeof(got) - 1, 0) >= 0);
	assert_string_equal(got, want);
}

static void test_notify(void **state)
{
	char path[64], long_status[1000] = "";
	int fd;

	(void)state;
	for (int is_abstract = 0; is_abstract <= 1; is_abstract++) {
		snprintf(path, sizeof(path), "%s/waypost-notify-%d", is_abstract ? "@" : "/tmp",
			 (int)getpid());
		fd = listen_at(path, is_abstract);
		assert_int_equal(sd_notify_ready("3 members"), 0);
		expect_line(fd, "READY=1\nSTATUS=3 members");
		assert_int_equal(sd_notify_status("two\nlines"), 0);
		expect_line(fd, "STATUS=two lines");
		assert_int_equal(sd_notify_watchdog(), 0);
		expect_line(fd, "WATCHDOG=1");
		assert_int_equal(sd_notify_stopping(), 0);
		expect_line(fd, "STOPPING=1");
		memset(long_status, 'x', sizeof(long_status) - 1);
		assert_int_equal(sd_notify_status(long_status), 0);
		close(fd);
		if (!is_abstract)
			unlink(path);
		assert_int_equal(sd_notify_stopping(), ERR_IO);
	}
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(sd_notify_ready(""), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(sd_notify_ready(""), ERR_IO);
	unsetenv("NOTIFY_SOCKET");
}

static void test_watchdog(void **state)
{
	static const struct {
		const char *usec;
		const char *pid;
		uint64_t ms;
	} cases[] = {
		{ "30000000", NULL, 30000 },
		{ "1999", NULL, 1 },
		{ NULL, NULL, 0 },
		{ "", NULL, 0 },
		{ "1s", NULL, 0 },
		{ "3000000", "1", 0 },
		{ "99999999999999999999", NULL, 0 },
	};
	char pid[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (cases[i].usec != NULL)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid != NULL)
			setenv("WATCHDOG_PID", cases[i].pid, 1);
		assert_int_equal(sd_notify_watchdog_ms(), cases[i].ms);
	}
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "1000", 1);
	assert_int_equal(sd_notify_watchdog_ms(), 1);
}

/* ---- privileges ---- */

/* Runs check in a child: there is no way back from it. */
static void in_child(int (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("line %d in the child", WEXITSTATUS(status));
}

/* The exit status is the line of what failed, as far as it fits. */
#define child_check(condition)                     \
	do {                                       \
		if (!(condition))                  \
			return __LINE__ % 200 + 1; \
	} while (0)

static int check_hardened(void)
{
	struct rlimit core;

	child_check(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
	child_check(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	child_check(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return 0;
}

static int child_hardens(void)
{
	child_check(privileges_harden(NULL) == 0);
	return check_hardened();
}

static int child_drops(void)
{
	static const int keep[] = { CAP_NET_RAW };
	struct errtext why;
	gid_t groups[4] = { 4711 };

	child_check(setgroups(1, groups) == 0);
	child_check(privileges_drop(USER, keep, 1, &why) == 0);
	child_check(getuid() != 0 && geteuid() == getuid() && getegid() != 0);
	child_check(getgroups(4, groups) == 0);
	child_check(capng_get_caps_process() == 0);
	child_check(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) == 1);
	child_check(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) == 0);
	child_check(setuid(0) != 0);
	child_check(check_hardened() == 0);
	/* Again, as the user it is now: gives up the last one. */
	child_check(privileges_drop(USER, NULL, 0, &why) == 0);
	child_check(capng_get_caps_process() == 0);
	child_check(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
	/* What is gone cannot be kept. */
	child_check(privileges_drop(USER, keep, 1, &why) == ERR_IO);
	child_check(strcmp(why.text, "the capability net_raw is needed, and not there") == 0);
	child_check(privileges_drop("daemon", NULL, 0, &why) == ERR_IO);
	child_check(strcmp(why.text, "cannot become 'daemon': not started as root") == 0);
	return 0;
}

static int child_drops_all(void)
{
	child_check(privileges_drop(USER, NULL, 0, NULL) == 0);
	child_check(capng_get_caps_process() == 0);
	child_check(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
	return check_hardened();
}

static void test_harden(void **state)
{
	(void)state;
	in_child(child_hardens);
}

static void test_drop(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: not root\n");
		skip();
	}
	in_child(child_drops);
	in_child(child_drops_all);
}

static void test_bad_users(void **state)
{
	struct errtext why;

	(void)state;
	assert_int_equal(privileges_drop("no-such-user", NULL, 0, &why), ERR_CONFIG);
	assert_string_equal(why.text, "there is no user 'no-such-user'");
	assert_int_equal(privileges_drop("root", NULL, 0, &why), ERR_CONFIG);
	assert_string_equal(why.text, "'root' is root: give a user without privileges");
}

/* ---- signals ---- */

static void on_signal(void *ctx, int number)
{
	*(int *)ctx = number;
}

static bool has_come(void *ctx)
{
	return *(const int *)ctx != 0;
}

static void test_signals(void **state)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct signals s;
	uv_loop_t loop;
	int seen;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(signals_start(&s, &loop, on_signal, &seen), 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		seen = 0;
		assert_int_equal(kill(getpid(), numbers[i]), 0);
		assert_true(testloop_run_until(&loop, has_come, &seen));
		assert_int_equal(seen, numbers[i]);
	}
	signals_stop(&s);
	signals_stop(&s);
	assert_true(testloop_finish(&loop));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notify),    cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_harden),    cmocka_unit_test(test_drop),
		cmocka_unit_test(test_bad_users), cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
