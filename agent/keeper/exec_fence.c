/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>

/* Brings the fences into the kernel. Without nf_tables there the keeper runs, and says so. */

static bool open_socket(struct keeper_exec *exec)
{
	int size = 2 * FENCE_BATCH_MAX;

	if (exec->nft != NULL)
		return true;
	exec->nft = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (exec->nft == NULL)
		return false;
	/* A batch is one datagram. */
	mnl_socket_setsockopt(exec->nft, NETLINK_CAP_ACK, &(int){ 1 }, sizeof(int));
	setsockopt(mnl_socket_get_fd(exec->nft), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return mnl_socket_bind(exec->nft, 0, MNL_SOCKET_AUTOPID) == 0;
}

/* What the kernel answered, which it has done when sending returns: the first error in there. */
static int read_answers(struct keeper_exec *exec, uint32_t first_seq)
{
	_Alignas(8) uint8_t buffer[8192];
	int errnum = 0;
	bool is_answered = false;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(exec->nft, buffer, sizeof(buffer));
		const struct nlmsghdr *h = (const void *)buffer;
		int left = (int)n, e;
		char text[8];

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq < first_seq ||
			    netlink_msg_read_error(h, &e, text, sizeof(text)) != 0)
				continue;
			is_answered = true;
			errnum = errnum == 0 ? e : errnum;
		}
	}
	return is_answered ? errnum : EPROTO;
}

static int send_batch(struct keeper_exec *exec, const struct nft_batch *b, uint32_t first_seq,
		      enum fence fence, char why[KEEPER_TEXT_MAX])
{
	int errnum = b->is_full ? EMSGSIZE : 0;

	exec->nft_seq = b->seq;
	if (errnum == 0 && mnl_socket_sendto(exec->nft, b->octets, b->len) < 0)
		errnum = errno;
	if (errnum == 0)
		errnum = read_answers(exec, first_seq);
	if (errnum == 0)
		return 0;
	snprintf(why, KEEPER_TEXT_MAX, "%s: %s", fence_name(fence), strerror(errnum));
	return errnum == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

/* ---- the host's own addresses ---------------------------------------------- */

struct own {
	const struct keeper_conf *conf;
	enum fence fence;
	size_t count;
	struct ip ips[FENCE_OWN_MAX];
};

static void look_at(void *ctx, const struct nlmsghdr *h)
{
	struct own *own = ctx;
	struct netlink_address a;

	if (netlink_msg_read_address(h, &a) != 0 || a.protocol == KEEPER_PROTOCOL ||
	    own->count == FENCE_OWN_MAX || !fence_has(own->conf, own->fence, &a.ip))
		return;
	for (size_t i = 0; i < own->count; i++) {
		if (ip_is_equal(&own->ips[i], &a.ip))
			return;
	}
	own->ips[own->count++] = a.ip;
}

/* None if they cannot be listed. */
static void list_own(struct keeper_exec *exec, enum fence fence, struct own *own)
{
	struct netlink_msg m;
	char why[KEEPER_TEXT_MAX];

	own->conf = exec->conf;
	own->fence = fence;
	own->count = 0;
	if (!fence_is_inside(fence))
		return;
	netlink_msg_address_dump(&m, fence_family(fence));
	if (netlink_call(exec->nl, &m, look_at, own, why, sizeof(why)) != 0)
		own->count = 0;
}

/* ---- fences ---------------------------------------------------------------- */

static int install(struct keeper_exec *exec, enum fence fence, char why[KEEPER_TEXT_MAX])
{
	uint8_t *octets = calloc(1, FENCE_BATCH_MAX);
	uint32_t seq = exec->nft_seq;
	struct own own;
	struct nft_batch b = nft_batch_init(octets, FENCE_BATCH_MAX, seq);
	int err;

	if (octets == NULL) {
		snprintf(why, KEEPER_TEXT_MAX, "out of memory");
		return ERR_NO_MEMORY;
	}
	list_own(exec, fence, &own);
	fence_install(&b, fence, exec->conf, own.ips, own.count);
	err = send_batch(exec, &b, seq, fence, why);
	free(octets);
	return err;
}

static int keep(struct keeper_exec *exec, enum fence fence, char why[KEEPER_TEXT_MAX])
{
	_Alignas(8) uint8_t octets[32768];
	uint32_t seq = exec->nft_seq;
	struct own own;
	struct nft_batch b = nft_batch_init(octets, sizeof(octets), seq);
	int err;

	list_own(exec, fence, &own);
	fence_keep(&b, fence, exec->conf, own.ips, own.count);
	err = send_batch(exec, &b, seq, fence, why);
	/* Somebody may have flushed the whole ruleset. */
	return err == ERR_NOT_FOUND ? install(exec, fence, why) : err;
}

static int remove_fence(struct keeper_exec *exec, enum fence fence, char why[KEEPER_TEXT_MAX])
{
	_Alignas(8) uint8_t octets[4096];
	uint32_t seq = exec->nft_seq;
	struct nft_batch b = nft_batch_init(octets, sizeof(octets), seq);
	int err;

	fence_remove(&b, fence);
	err = send_batch(exec, &b, seq, fence, why);
	return err == ERR_NOT_FOUND ? 0 : err;
}

static void warn(const struct logger *lg, enum fence fence, const char *why)
{
	/* IPv4 sockets fail by themselves when their address is gone. */
	if (fence == FENCE_SOURCE_V4)
		return;
	log_warn(lg, LG_KEEPER, "not fenced, %s: %s", why,
		 fence_is_inside(fence)
		     ? "if main and keeper both hang, peers' addresses are answered for here on"
		     : "a main that hangs may go on sending from addresses that are gone");
}

void keeper_exec_fence(struct keeper_exec *exec, const struct logger *lg)
{
	char why[KEEPER_TEXT_MAX];

	exec->nft_seq = 1;
	for (int i = 0; i < FENCES; i++) {
		enum fence fence = (enum fence)i;
		bool is_needed = fence_is_needed(exec->conf, fence);
		int err = ERR_IO;

		if (!open_socket(exec))
			snprintf(why, sizeof(why), "%s: no packet filter: %s", fence_name(fence),
				 strerror(errno));
		else
			err =
			    is_needed ? install(exec, fence, why) : remove_fence(exec, fence, why);
		exec->is_fenced[i] = is_needed && err == 0;
		if (is_needed && err != 0)
			warn(lg, fence, why);
	}
}

int exec_keep_fences(struct keeper_exec *exec, char why[KEEPER_TEXT_MAX])
{
	int err = 0;

	for (int i = 0; i < FENCES; i++) {
		if (exec->is_fenced[i] && keep(exec, (enum fence)i, why) != 0)
			err = ERR_IO;
	}
	return err;
}

int exec_remove_fences(struct keeper_exec *exec, const struct keeper_action *action,
		       char why[KEEPER_TEXT_MAX])
{
	int err = 0;

	for (int i = 0; i < FENCES; i++) {
		bool is_useless =
		    fence_is_inside((enum fence)i) ? action->is_clean : action->is_main_gone;

		if (exec->is_fenced[i] && is_useless && remove_fence(exec, (enum fence)i, why) != 0)
			err = ERR_IO;
	}
	return err;
}
