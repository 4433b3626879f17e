/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_exec.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/keeper/exec_internal.h"

#define LAST_WORDS_COPIES 3

static void open_sockets(struct keeper_exec *exec)
{
	exec->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A host may lack either family. */
	exec->udp_fd[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	exec->udp_fd[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int keeper_exec_new(const struct keeper_conf *conf, struct keeper_exec **out)
{
	struct keeper_exec *exec = calloc(1, sizeof(*exec));
	int err;

	if (exec == NULL)
		return ERR_NO_MEMORY;
	exec->conf = conf;
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++)
		exec->hooks[i].pidfd = exec->hooks[i].output = -1;
	open_sockets(exec);
	err = exec->packet_fd < 0 ? ERR_IO : netlink_new(&exec->nl);
	if (err != 0) {
		keeper_exec_free(exec);
		return err;
	}
	*out = exec;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void keeper_exec_free(struct keeper_exec *exec)
{
	if (exec == NULL)
		return;
	/* Hooks that still run come to their own end. */
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++) {
		close_fd(exec->hooks[i].pidfd);
		close_fd(exec->hooks[i].output);
	}
	exec_close_ears(exec);
	close_fd(exec->packet_fd);
	close_fd(exec->udp_fd[0]);
	close_fd(exec->udp_fd[1]);
	if (exec->nft != NULL)
		mnl_socket_close(exec->nft);
	netlink_free(exec->nl);
	free(exec);
}

int exec_call(struct keeper_exec *exec, struct netlink_msg *m, char why[KEEPER_TEXT_MAX])
{
	return netlink_call(exec->nl, m, NULL, NULL, why, KEEPER_TEXT_MAX);
}

size_t keeper_exec_fds(const struct keeper_exec *exec, int *fds, size_t cap)
{
	size_t count = 0;

	for (size_t i = 0; i < exec->ear_count && count < cap; i++) {
		if (exec->ears[i].fd >= 0)
			fds[count++] = exec->ears[i].fd;
	}
	for (size_t i = 0; i < exec->conf->address_count && count < cap; i++) {
		if (exec->hooks[i].pid != 0)
			fds[count++] = exec->hooks[i].pidfd;
	}
	return count;
}

static int send_last_words(struct keeper_exec *exec, const struct keeper_last_words *words,
			   char why[KEEPER_TEXT_MAX])
{
	int fd = exec->udp_fd[words->to.ip.family == IP_V4 ? 0 : 1];
	struct sockaddr_storage to;
	socklen_t size = endpoint_to_sockaddr(&words->to, &to);
	int err = ERR_IO;

	for (int i = 0; i < LAST_WORDS_COPIES; i++) {
		if (sendto(fd, words->octets, words->len, MSG_DONTWAIT, (struct sockaddr *)&to,
			   size) >= 0)
			err = 0;
	}
	if (err != 0)
		snprintf(why, KEEPER_TEXT_MAX, "%s", strerror(errno));
	return err;
}

static void run_address(struct keeper_exec *exec, const struct keeper_action *action,
			struct keeper_result *r)
{
	switch (action->type) {
	case KEEPER_ACT_LOOKUP:
		exec_look_up(exec, action->index, r);
		break;
	case KEEPER_ACT_PROBE:
		r->err = exec_probe(exec, action->index, r->text);
		break;
	case KEEPER_ACT_PROBE_STOP:
		exec_stop_probe(exec, action->index);
		break;
	case KEEPER_ACT_ADDRESS_SET:
		r->err = exec_set_address(exec, action->index, r->text);
		break;
	case KEEPER_ACT_ADDRESS_DEL:
		r->err = exec_del_address(exec, action->index, r->text);
		break;
	case KEEPER_ACT_ANNOUNCE:
		r->err = exec_announce_address(exec, action->index, r->text);
		break;
	case KEEPER_ACT_VERIFY:
		r->err = exec_verify(exec, action->index, r->text);
		break;
	case KEEPER_ACT_VERIFY_STOP:
		exec_stop_verify(exec, action->index);
		break;
	case KEEPER_ACT_HOOK_START:
		r->err = exec_start_hook(exec, action, r->text);
		break;
	case KEEPER_ACT_HOOK_KILL:
		exec_kill_hook(exec, action->index);
		break;
	default:
		break;
	}
}

void keeper_exec_run(struct keeper_exec *exec, const struct keeper_core *core,
		     const struct keeper_action *action, struct keeper_result *r)
{
	*r = (struct keeper_result){ .err = 0 };
	switch (action->type) {
	case KEEPER_ACT_ASK:
		exec_start_ask(exec, action, r);
		break;
	case KEEPER_ACT_ASK_STOP:
		exec_stop_ask(exec, action);
		break;
	case KEEPER_ACT_ROUTE_SET:
		r->err = exec_set_route(exec, core, action, r->text);
		break;
	case KEEPER_ACT_ROUTE_DEL:
		r->err = exec_del_route(exec, core, action, r->text);
		break;
	case KEEPER_ACT_ROUTE_ANNOUNCE:
		r->err = exec_announce_route(exec, action, r->text);
		break;
	case KEEPER_ACT_FENCE_KEEP:
		r->err = exec_keep_fences(exec, r->text);
		break;
	case KEEPER_ACT_FENCE_REMOVE:
		r->err = exec_remove_fences(exec, action, r->text);
		break;
	case KEEPER_ACT_LAST_WORDS:
		r->err = send_last_words(exec, keeper_core_last_words(core), r->text);
		break;
	case KEEPER_ACT_REPORT:
	case KEEPER_ACT_EXIT:
		break;
	default:
		run_address(exec, action, r);
		break;
	}
}
