/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/ping.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/rng.h"

#define RECEIVE_MAX 2048
#define READS       64 /* in one wake-up */

struct ping {
	uv_poll_t poll;
	int fd;
	bool is_v6, is_closing;
	uint16_t id;
	uint8_t cookie[PING_COOKIE_SIZE];
	ping_fn on_reply;
	void *ctx;
};

static void take(struct ping *p, const struct sockaddr_storage *from, struct bytes datagram)
{
	struct ping_echo echo;
	struct endpoint remote;

	if (ping_decode(datagram, p->is_v6, &echo) != 0 || echo.id != p->id ||
	    memcmp(echo.cookie, p->cookie, PING_COOKIE_SIZE) != 0 ||
	    endpoint_from_sockaddr(from, &remote) != 0)
		return;
	p->on_reply(p->ctx, &remote.ip, echo.index, echo.seq);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct ping *p = poll->data;
	uint8_t buffer[RECEIVE_MAX];

	(void)status; /* an error of the socket is cleared by reading it */
	(void)events;
	for (size_t i = 0; i < READS && !p->is_closing; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(p->fd, buffer, sizeof(buffer), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return;
		take(p, &from, (struct bytes){ buffer, (size_t)n });
	}
}

/* Nothing but echo replies reaches the socket. */
static int set_filter(int fd, bool is_v6)
{
	struct icmp6_filter v6;
	struct icmp_filter v4 = { ~(1U << ICMP_ECHOREPLY) };

	if (!is_v6)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &v4, sizeof(v4));
	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &v6);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6, sizeof(v6));
}

static int draw(struct ping *p)
{
	const struct rng rng = rng_system();
	uint8_t id[2];
	int err = rng_fill(&rng, id, sizeof(id));

	p->id = (uint16_t)(id[0] << 8 | id[1]);
	return err != 0 ? err : rng_fill(&rng, p->cookie, sizeof(p->cookie));
}

int ping_open(uv_loop_t *loop, enum ip_family family, ping_fn on_reply, void *ctx,
	      struct ping **out, struct errtext *why)
{
	struct ping *p = calloc(1, sizeof(*p));
	int err;

	errtext_set(why, "out of memory");
	if (p == NULL)
		return ERR_NO_MEMORY;
	p->is_v6 = family == IP_V6;
	p->on_reply = on_reply;
	p->ctx = ctx;
	err = draw(p);
	if (err != 0) {
		errtext_set(why, "no randomness");
		free(p);
		return err;
	}
	p->fd = socket(p->is_v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       p->is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (p->fd < 0 || set_filter(p->fd, p->is_v6) != 0 ||
	    uv_poll_init(loop, &p->poll, p->fd) != 0) {
		errtext_set(why, "no socket for pings: %s", strerror(errno));
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return ERR_IO;
	}
	p->poll.data = p;
	(void)uv_poll_start(&p->poll, UV_READABLE, on_readable);
	*out = p;
	return 0;
}

int ping_send(struct ping *p, const struct ip *to, uint8_t index, uint16_t seq)
{
	const struct endpoint remote = { .ip = *to };
	struct ping_echo echo = { .id = p->id, .seq = seq, .index = index };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&remote, &sa);
	uint8_t message[PING_SIZE];

	memcpy(echo.cookie, p->cookie, PING_COOKIE_SIZE);
	ping_encode(&echo, p->is_v6, message);
	if (sendto(p->fd, message, sizeof(message), MSG_DONTWAIT, (struct sockaddr *)&sa, len) < 0)
		return ERR_IO;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct ping *p = handle->data;

	close(p->fd);
	free(p);
}

void ping_close(struct ping *p)
{
	if (p == NULL || p->is_closing)
		return;
	p->is_closing = true;
	uv_close((uv_handle_t *)&p->poll, on_closed);
}
