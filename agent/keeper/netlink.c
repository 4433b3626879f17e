/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define ANSWER_WAIT_S 2
#define BUFFER_SIZE   32768 /* the kernel packs lists into datagrams of up to this */

struct netlink {
	struct mnl_socket *socket;
	uint32_t port;
	uint32_t seq;
	_Alignas(8) uint8_t buffer[BUFFER_SIZE];
};

int netlink_new(struct netlink **out)
{
	struct netlink *nl = calloc(1, sizeof(*nl));
	struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	int one = 1;

	if (nl == NULL)
		return ERR_NO_MEMORY;
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl->socket == NULL || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO, &wait,
		       sizeof(wait)) != 0) {
		netlink_free(nl);
		return ERR_IO;
	}
	/* For readable reasons, short answers, and lists filtered by the kernel: all optional. */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	nl->port = mnl_socket_get_portid(nl->socket);
	*out = nl;
	return 0;
}

void netlink_free(struct netlink *nl)
{
	if (nl == NULL)
		return;
	if (nl->socket != NULL)
		mnl_socket_close(nl->socket);
	free(nl);
}

static int fail(int errnum, const char *text, char *why, size_t cap)
{
	snprintf(why, cap, "%s%s%s", strerror(errnum), text[0] != '\0' ? ": " : "", text);
	switch (errnum) {
	case EEXIST:
		return ERR_EXISTS;
	case EADDRNOTAVAIL:
	case ENODEV:
	case ENOENT:
	case ENXIO:
	case ESRCH:
		return ERR_NOT_FOUND;
	case EAGAIN:
		return ERR_TIMEOUT;
	}
	return ERR_IO;
}

struct call {
	void (*take)(void *ctx, const struct nlmsghdr *h);
	void *ctx;
	char *why;
	size_t cap;
	bool is_done;
	int err;
};

static void take_error(struct call *call, const struct nlmsghdr *h)
{
	char text[128];
	int errnum;

	call->is_done = true;
	if (netlink_msg_read_error(h, &errnum, text, sizeof(text)) != 0)
		call->err = fail(EBADMSG, "", call->why, call->cap);
	else if (errnum != 0)
		call->err = fail(errnum, text, call->why, call->cap);
}

/* One datagram, which may hold several messages. */
static void take_datagram(struct netlink *nl, struct call *call, size_t size)
{
	const struct nlmsghdr *h = (const void *)nl->buffer;
	int left = (int)size;

	for (; mnl_nlmsg_ok(h, left) && !call->is_done; h = mnl_nlmsg_next(h, &left)) {
		/* The rest of a call that timed out. */
		if (h->nlmsg_seq != nl->seq || h->nlmsg_pid != nl->port)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR)
			take_error(call, h);
		else if (h->nlmsg_type == NLMSG_DONE)
			call->is_done = true;
		else if (call->take != NULL)
			call->take(call->ctx, h);
	}
}

int netlink_call(struct netlink *nl, struct netlink_msg *m,
		 void (*take)(void *ctx, const struct nlmsghdr *h), void *ctx, char *why,
		 size_t cap)
{
	struct call call = { .take = take, .ctx = ctx, .why = why, .cap = cap };
	struct nlmsghdr *h = netlink_msg_header(m);

	h->nlmsg_seq = ++nl->seq;
	h->nlmsg_pid = nl->port;
	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return fail(errno, "", why, cap);
	while (!call.is_done) {
		ssize_t n = mnl_socket_recvfrom(nl->socket, nl->buffer, sizeof(nl->buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(errno, "", why, cap);
		take_datagram(nl, &call, (size_t)n);
	}
	return call.err;
}
