/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Runs the claim hook. Its output goes to a piece of memory of fixed size: unlike a pipe that never
 * fills while nobody reads, and never breaks when the keeper ends first.
 */
#define OUTPUT_MAX 65536
#define LINE_MAX_  160 /* of the output, shown */

static int make_output(void)
{
	int fd = memfd_create("waypost-hook", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, OUTPUT_MAX) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The child's whole life before the script. Standard input is /dev/null already. */
static _Noreturn void be_hook(const char *path, const char *what, const char *address,
			      const char *epoch, int output)
{
	static const int reset[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2 };
	char path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = { path_variable, NULL };
	char *const argv[] = { (char *)path, (char *)what, (char *)address, (char *)epoch, NULL };
	struct sigaction normal = { .sa_handler = SIG_DFL };

	setsid();
	for (size_t i = 0; i < sizeof(reset) / sizeof(reset[0]); i++)
		sigaction(reset[i], &normal, NULL);
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0u, 0) != 0 || chdir("/") != 0)
		_exit(126);
	execve(path, argv, environment);
	dprintf(STDERR_FILENO, "%s: %s", path, strerror(errno));
	_exit(127);
}

int exec_start_hook(struct keeper_exec *exec, const struct keeper_action *action,
		    char why[KEEPER_TEXT_MAX])
{
	struct exec_hook *hook = &exec->hooks[action->index];
	char address[IP_TEXT_MAX], epoch[24];
	pid_t pid;

	exec_kill_hook(exec, action->index);
	ip_format(&exec->conf->addresses[action->index].ip, address);
	snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)action->epoch);
	hook->output = make_output();
	pid = hook->output >= 0 ? fork() : -1;
	if (pid == 0)
		be_hook(exec->conf->hook, action->is_claim ? "claim" : "release", address, epoch,
			hook->output);
	hook->pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (hook->pidfd >= 0) {
		hook->pid = pid;
		return 0;
	}
	snprintf(why, KEEPER_TEXT_MAX, "starting the claim hook: %s", strerror(errno));
	if (pid > 0)
		kill(-pid, SIGKILL);
	if (hook->output >= 0)
		close(hook->output);
	hook->pidfd = hook->output = -1;
	return ERR_IO;
}

/* Children that were killed are still to be waited for, whenever they are dead. */
static void reap_killed(struct keeper_exec *exec)
{
	for (size_t i = 0; i < exec->killed_count;) {
		if (waitpid(exec->killed[i], NULL, WNOHANG) == 0)
			i++;
		else
			exec->killed[i] = exec->killed[--exec->killed_count];
	}
}

static void forget(struct exec_hook *hook)
{
	close(hook->pidfd);
	close(hook->output);
	*hook = (struct exec_hook){ .pid = 0, .pidfd = -1, .output = -1 };
}

void exec_kill_hook(struct keeper_exec *exec, size_t index)
{
	struct exec_hook *hook = &exec->hooks[index];

	reap_killed(exec);
	if (hook->pid == 0)
		return;
	kill(-hook->pid, SIGKILL); /* with what it started */
	kill(hook->pid, SIGKILL);  /* if it has no session yet */
	if (exec->killed_count < KILLED_MAX)
		exec->killed[exec->killed_count++] = hook->pid;
	forget(hook);
}

/* The last line that is not empty, as printable ASCII. */
static void read_last_line(int fd, char *out, size_t cap)
{
	char text[LINE_MAX_ + 1];
	off_t end = lseek(fd, 0, SEEK_CUR), from;
	ssize_t n;
	char *line;

	out[0] = '\0';
	from = end > LINE_MAX_ ? end - LINE_MAX_ : 0;
	n = end > 0 ? pread(fd, text, (size_t)(end - from), from) : 0;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	if (n <= 0)
		return;
	text[n] = '\0';
	line = memrchr(text, '\n', (size_t)n);
	line = line != NULL ? line + 1 : text;
	for (char *c = line; *c != '\0'; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	snprintf(out, cap, "%s", line);
}

bool keeper_exec_read_hook(struct keeper_exec *exec, size_t index, int *status,
			   char line[KEEPER_TEXT_MAX])
{
	struct exec_hook *hook = &exec->hooks[index];
	int how;

	if (hook->pid == 0 || waitpid(hook->pid, &how, WNOHANG) != hook->pid)
		return false;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
	read_last_line(hook->output, line, KEEPER_TEXT_MAX);
	forget(hook);
	return true;
}
