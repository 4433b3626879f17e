/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/links.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE  32768
#define READS        16 /* in one wake-up */
#define RETRY_MS     1000
#define RECEIVE_SIZE (1 << 20)

struct links {
	uv_poll_t poll;
	uv_timer_t retry;
	int open_handles;
	int fd;
	bool is_closing;
	bool is_dumping;
	bool has_lost; /* news while dumping: that dump is not the whole truth */
	links_fn on_link;
	void *ctx;
	size_t n;
	struct link_state states[TRACK_MAX];
	bool is_told[TRACK_MAX];
	_Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_SIZE];
};

static void tell(struct links *l, size_t i)
{
	const struct link_state *s = &l->states[i];
	const char *why = s->ifindex == 0 ? "is not there"
			  : !s->is_up     ? "is down"
					  : "has no carrier";

	l->is_told[i] = true;
	l->on_link(l->ctx, i, s->is_up && s->is_running, s->is_up && s->is_running ? "" : why);
}

/* ---- asking for all ---- */

static void on_retry(uv_timer_t *timer);

static void dump(struct links *l)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};

	for (size_t i = 0; i < l->n; i++)
		l->states[i].is_seen = false;
	l->has_lost = false;
	l->is_dumping = send(l->fd, &request, sizeof(request), MSG_DONTWAIT) >= 0;
	if (!l->is_dumping)
		uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
}

static void on_retry(uv_timer_t *timer)
{
	struct links *l = timer->data;

	if (!l->is_closing)
		dump(l);
}

/* Some news were lost: all anew, but not while the kernel still answers the last time. */
static void dump_again(struct links *l)
{
	if (l->is_dumping)
		l->has_lost = true;
	else
		dump(l);
}

/* ---- hearing ---- */

static void take_news(void *ctx, const struct link_news *news)
{
	struct links *l = ctx;

	if (news->kind == LINK_FAILED)
		l->has_lost = true;
	if (news->kind == LINK_DUMPED || news->kind == LINK_FAILED)
		l->is_dumping = false;
	for (size_t i = 0; i < l->n && !l->is_closing; i++) {
		bool is_changed = link_state_take(&l->states[i], news);

		/* What is not there is told once all has been heard. */
		if (is_changed || (news->kind == LINK_DUMPED && !l->is_told[i]))
			tell(l, i);
	}
	if (!l->is_dumping && l->has_lost && !l->is_closing) {
		l->has_lost = false;
		uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct links *l = poll->data;

	(void)status;
	(void)events;
	for (size_t i = 0; i < READS && !l->is_closing; i++) {
		struct sockaddr_nl from = { .nl_family = AF_NETLINK };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(l->fd, l->buffer, sizeof(l->buffer), MSG_DONTWAIT | MSG_TRUNC,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == ENOBUFS)
			dump_again(l);
		else if (n < 0 && errno != EINTR)
			return;
		else if (n > (ssize_t)sizeof(l->buffer))
			dump_again(l);
		else if (n > 0 && from.nl_pid == 0) /* else not the kernel's */
			links_parse((struct bytes){ l->buffer, (size_t)n }, take_news, l);
	}
}

/* ---- life ---- */

static int open_socket(void)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int size = RECEIVE_SIZE;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int links_open(uv_loop_t *loop, const char *const *names, size_t n, links_fn on_link, void *ctx,
	       struct links **out, struct errtext *why)
{
	struct links *l = calloc(1, sizeof(*l));

	errtext_set(why, "out of memory");
	if (l == NULL)
		return ERR_NO_MEMORY;
	l->fd = open_socket();
	if (l->fd < 0 || uv_poll_init(loop, &l->poll, l->fd) != 0) {
		errtext_set(why, "cannot watch network interfaces: %s", strerror(errno));
		if (l->fd >= 0)
			close(l->fd);
		free(l);
		return ERR_IO;
	}
	uv_timer_init(loop, &l->retry);
	l->poll.data = l->retry.data = l;
	l->open_handles = 2;
	l->on_link = on_link;
	l->ctx = ctx;
	l->n = n < TRACK_MAX ? n : TRACK_MAX;
	for (size_t i = 0; i < l->n; i++)
		snprintf(l->states[i].name, IFNAMSIZ, "%s", names[i]);
	(void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
	dump(l);
	*out = l;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct links *l = handle->data;

	if (--l->open_handles > 0)
		return;
	close(l->fd);
	free(l);
}

void links_close(struct links *l)
{
	if (l == NULL || l->is_closing)
		return;
	l->is_closing = true;
	uv_close((uv_handle_t *)&l->poll, on_closed);
	uv_close((uv_handle_t *)&l->retry, on_closed);
}
