/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/keeper/keeper_exec.h"
#include "agent/keeper/keeper_lock.h"

#define MAIN_FD          3 /* of the socket, in the child */
#define MESSAGES_PER_RUN 64
#define FRAMES_PER_RUN   64        /* of a link, so that a flood cannot hold up the renewals */
#define SOCKET_BUFFER    (1 << 20) /* some thousand messages */

struct keeper {
	const struct keeper_conf *conf;
	const struct logger *lg;
	struct keeper_core *core;
	struct keeper_exec *exec;
	bool is_ended;
};

static uint64_t clock_ms(clockid_t id)
{
	struct timespec now = { 0 };

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static struct keeper_time now_both(void)
{
	return (struct keeper_time){ now_ms(), clock_ms(CLOCK_BOOTTIME) };
}

/* ---- actions --------------------------------------------------------------- */

/* Fails if main took nothing for as long as it may be silent. */
static int send_report(const struct keeper_report *report)
{
	struct pollfd wait = { .fd = MAIN_FD, .events = POLLOUT };

	for (;;) {
		if (send(MAIN_FD, report, sizeof(*report), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return ERR_CLOSED;
		/* Pings are answered when there is room; they are no use later. */
		if (report->type == KEEPER_PONG)
			return 0;
		if (poll(&wait, 1, KEEPER_SILENCE_MS) == 0)
			return ERR_TIMEOUT;
	}
}

static void run_report(struct keeper *k, const struct keeper_report *report)
{
	int err = send_report(report);

	if (err == ERR_TIMEOUT)
		keeper_core_give_up(k->core, "main does not read its answers");
	else if (err != 0)
		keeper_core_take_eof(k->core, "main has ended");
}

static void run_actions(struct keeper *k)
{
	struct keeper_action action;
	struct keeper_result result;

	while (keeper_core_next(k->core, now_ms(), &action)) {
		if (action.type == KEEPER_ACT_EXIT) {
			k->is_ended = true;
			return;
		}
		if (action.type == KEEPER_ACT_REPORT) {
			run_report(k, &action.report);
			continue;
		}
		keeper_exec_run(k->exec, k->core, &action, &result);
		keeper_core_take_result(k->core, now_ms(), &action, &result);
		if (result.err != 0)
			log_debug(k->lg, LG_KEEPER, "action %d: %s", (int)action.type, result.text);
	}
}

/* ---- events ---------------------------------------------------------------- */

static void read_messages(struct keeper *k)
{
	/* One octet more, so that what is too long is seen to be. */
	uint8_t datagram[sizeof(struct keeper_last_words) + 1];

	for (size_t i = 0; i < MESSAGES_PER_RUN && !keeper_core_is_ending(k->core); i++) {
		ssize_t n = recv(MAIN_FD, datagram, sizeof(datagram), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* Nothing sends an empty datagram: 0 is the end. */
		if (n <= 0)
			keeper_core_take_eof(k->core, "main has ended");
		else
			keeper_core_take_message(k->core, now_ms(),
						 (struct bytes){ datagram, (size_t)n });
		run_actions(k);
	}
}

/* False: there may be more. */
static bool read_ear(struct keeper *k, size_t ear)
{
	struct keeper_heard heard;

	for (size_t i = 0; i < FRAMES_PER_RUN && !k->is_ended; i++) {
		if (!keeper_exec_read_frame(k->exec, ear, &heard))
			return true;
		if (heard.link == NULL)
			continue;
		keeper_core_take_heard(k->core, now_ms(), &heard);
		run_actions(k);
	}
	return false;
}

static void read_frames(struct keeper *k)
{
	uint64_t begun_ms = now_ms();
	bool is_all = true;

	for (size_t ear = 0; ear < KEEPER_EXEC_EARS_MAX; ear++)
		is_all = read_ear(k, ear) && is_all;
	if (is_all)
		keeper_core_heard_all(k->core, begun_ms);
}

static void read_hooks(struct keeper *k)
{
	char line[KEEPER_TEXT_MAX];
	int status;

	for (size_t i = 0; i < k->conf->address_count && !k->is_ended; i++) {
		if (!keeper_exec_read_hook(k->exec, i, &status, line))
			continue;
		keeper_core_take_hook(k->core, i, status, line);
		run_actions(k);
	}
}

static void wait_for_events(struct keeper *k)
{
	struct pollfd fds[1 + KEEPER_EXEC_FDS_MAX];
	int others[KEEPER_EXEC_FDS_MAX];
	size_t count = keeper_exec_fds(k->exec, others, KEEPER_EXEC_FDS_MAX);
	uint64_t now = now_ms();
	uint64_t next = keeper_core_next_ms(k->core, now);

	/* Nothing of main's is taken any more once the end has begun. */
	fds[0] = (struct pollfd){ .fd = keeper_core_is_ending(k->core) ? -1 : MAIN_FD,
				  .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		fds[i + 1] = (struct pollfd){ .fd = others[i], .events = POLLIN };
	/* What woke us does not matter: everything is looked at, nothing blocks. */
	if (poll(fds, count + 1, next > now ? (int)(next - now) : 0) < 0 && errno != EINTR)
		keeper_core_give_up(k->core, "poll failed");
}

static void run_loop(struct keeper *k)
{
	while (!k->is_ended) {
		wait_for_events(k);
		keeper_core_wake(k->core, now_both());
		run_actions(k);
		read_messages(k);
		read_frames(k);
		read_hooks(k);
		if (k->is_ended)
			return;
		keeper_core_tick(k->core, now_ms());
		run_actions(k);
	}
}

/* ---- the process ----------------------------------------------------------- */

/* Keeps standard error and the socket, whatever else main had open. */
static int take_over_descriptors(int fd)
{
	int null;

	if (fd != MAIN_FD && dup2(fd, MAIN_FD) < 0)
		return ERR_IO;
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return ERR_IO;
	return close_range(MAIN_FD + 1, ~0u, 0) == 0 ? 0 : ERR_IO;
}

static void ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int drop_privileges(const struct keeper_conf *conf)
{
	int err;

	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW,
			  -1) != 0)
		return ERR_IO;
	if (conf->uid != 0)
		err = capng_change_id((int)conf->uid, (int)conf->gid,
				      CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	else
		err = capng_apply(CAPNG_SELECT_BOTH);
	if (err != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return ERR_IO;
	return 0;
}

static int run_keeper(const struct keeper_conf *conf, const struct logger *lg)
{
	struct keeper k = { .conf = conf, .lg = lg };

	if (conf->lock[0] != '\0' && keeper_lock_take(conf->lock) != 0) {
		log_error(lg, LG_KEEPER, "cannot lock %s: %s", conf->lock, strerror(errno));
		return 1;
	}
	if (drop_privileges(conf) != 0) {
		log_error(lg, LG_KEEPER,
			  "cannot drop privileges: %s (the keeper needs CAP_NET_ADMIN and "
			  "CAP_NET_RAW)",
			  strerror(errno));
		return 1;
	}
	if (keeper_exec_new(conf, &k.exec) != 0) {
		log_error(lg, LG_KEEPER, "cannot open sockets: %s", strerror(errno));
		return 1;
	}
	keeper_exec_clean(k.exec, lg);
	keeper_exec_fence(k.exec, lg);
	if (keeper_core_new(conf, lg, now_both(), &k.core) != 0) {
		log_error(lg, LG_KEEPER, "out of memory");
		keeper_exec_free(k.exec);
		return 1;
	}
	log_info(lg, LG_KEEPER, "ready: %zu addresses, %zu connections", conf->address_count,
		 conf->connection_count);
	run_loop(&k);
	log_info(lg, LG_KEEPER, "ends");
	keeper_core_free(k.core);
	keeper_exec_free(k.exec);
	return 0;
}

/* The child's whole life. The copy of conf is its own since the fork. */
static _Noreturn void be_keeper(const struct keeper_conf *conf, int fd)
{
	/* It loses lines rather than wait: a reader that hangs must not hold up the fence. */
	struct logger lg = log_stderr(conf->log_level, "waypost-keeper");

	prctl(PR_SET_NAME, "waypost-keeper");
	ignore_signals();
	if (take_over_descriptors(fd) != 0) {
		log_error(&lg, LG_KEEPER, "cannot arrange descriptors: %s", strerror(errno));
		_exit(1);
	}
	_exit(run_keeper(conf, &lg));
}

static void set_buffers(int fd)
{
	int size = SOCKET_BUFFER;

	/* More room for bursts of routes; without it requests queue in the client. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* What it says is the keeper's, which is not there yet. */
static int clear_lock(const struct keeper_conf *conf, char why[KEEPER_TEXT_MAX])
{
	const struct logger lg = log_stderr(conf->log_level, "waypost-keeper");
	pid_t killed;
	int err;

	if (conf->lock[0] == '\0')
		return 0;
	err = keeper_lock_clear(conf->lock, KEEPER_LOCK_WAIT_MS, &killed, why);
	if (killed != 0)
		log_warn(&lg, LG_KEEPER, "killed an earlier keeper that did not end, process %d",
			 (int)killed);
	return err;
}

int keeper_start(const struct keeper_conf *conf, struct keeper_process *out,
		 char why[KEEPER_TEXT_MAX])
{
	int err = keeper_conf_check(conf, why);
	int fds[2];
	pid_t pid;

	if (err == 0)
		err = clear_lock(conf, why);
	if (err != 0)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
		snprintf(why, KEEPER_TEXT_MAX, "socketpair: %s", strerror(errno));
		return ERR_IO;
	}
	set_buffers(fds[0]);
	set_buffers(fds[1]);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		snprintf(why, KEEPER_TEXT_MAX, "fork: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return ERR_IO;
	}
	if (pid == 0)
		be_keeper(conf, fds[1]);
	close(fds[1]);
	*out = (struct keeper_process){ fds[0], pid };
	return 0;
}
