/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH        64
/* In one wake-up, so that timers and other sockets get their turn, also when each takes long. */
#define BATCHES      8
#define TURN_NS      20000000u
#define DATAGRAM_MAX 16384
#define IP6_FREEBIND 78 /* IPV6_FREEBIND: linux/in6.h has it, the C library has not */

/* Room for either family's packet information. */
union control {
	struct cmsghdr align;
	uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* One direction: BATCH datagrams with all that recvmmsg() and sendmmsg() point at. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage addresses[BATCH];
	union control controls[BATCH];
	uint8_t *data; /* BATCH slots of datagram_max; pages that are never used cost nothing */
};

struct udp {
	uv_poll_t poll;
	int fd;
	bool is_closing, has_pktinfo;
	bool is_bound; /* to one address of ours */
	size_t datagram_max;
	struct endpoint local;
	udp_receive_fn on_receive;
	void *ctx;
	struct udp_counters counters;
	unsigned int corks;
	unsigned int queued; /* datagrams in out */
	struct batch in, out;
};

/* ---- output ---- */

static void flush(struct udp *u)
{
	unsigned int done = 0;

	while (done < u->queued) {
		int sent = sendmmsg(u->fd, u->out.messages + done, u->queued - done, 0);

		if (sent > 0) {
			u->counters.sent += (unsigned int)sent;
			done += (unsigned int)sent;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			u->counters.dropped_full += u->queued - done;
			done = u->queued;
		} else if (errno != EINTR) {
			u->counters.dropped_error++; /* only the first of them is refused */
			done++;
		}
	}
	u->queued = 0;
}

/* RFC 3542, 6.2, and ip(7): the source address of one datagram. */
static void set_source(struct msghdr *message, const struct ip *from)
{
	struct cmsghdr *c = message->msg_control;

	if (from->family == IP_V6) {
		struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(c);

		*c = (struct cmsghdr){ CMSG_LEN(sizeof(*info)), IPPROTO_IPV6, IPV6_PKTINFO };
		*info = (struct in6_pktinfo){ .ipi6_ifindex = 0 };
		memcpy(&info->ipi6_addr, from->octets, 16);
		message->msg_controllen = CMSG_SPACE(sizeof(*info));
	} else {
		struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);

		*c = (struct cmsghdr){ CMSG_LEN(sizeof(*info)), IPPROTO_IP, IP_PKTINFO };
		*info = (struct in_pktinfo){ .ipi_ifindex = 0 };
		memcpy(&info->ipi_spec_dst, from->octets, 4);
		message->msg_controllen = CMSG_SPACE(sizeof(*info));
	}
}

void udp_send(struct udp *u, const struct ip *from, const struct endpoint *to, struct bytes data)
{
	struct msghdr *message = &u->out.messages[u->queued].msg_hdr;
	uint8_t *slot = u->out.data + u->queued * u->datagram_max;

	if (u->is_closing || to->ip.family != u->local.ip.family || data.len > u->datagram_max) {
		u->counters.dropped_error++;
		return;
	}
	if (data.len > 0)
		memcpy(slot, data.ptr, data.len);
	u->out.vectors[u->queued] = (struct iovec){ slot, data.len };
	*message = (struct msghdr){
		.msg_name = &u->out.addresses[u->queued],
		.msg_namelen = endpoint_to_sockaddr(to, &u->out.addresses[u->queued]),
		.msg_iov = &u->out.vectors[u->queued],
		.msg_iovlen = 1,
	};
	if (u->has_pktinfo && from != NULL && from->family == u->local.ip.family) {
		message->msg_control = &u->out.controls[u->queued];
		set_source(message, from);
	}
	u->queued++;
	if (u->corks == 0 || u->queued == BATCH)
		flush(u);
}

void udp_cork(struct udp *u)
{
	u->corks++;
}

void udp_uncork(struct udp *u)
{
	u->corks--;
	if (u->corks == 0)
		flush(u);
}

/* ---- input ---- */

/* Our address that a datagram was sent to. */
static struct endpoint destination(const struct udp *u, struct msghdr *message)
{
	struct endpoint local = u->local;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *info = (const struct in_pktinfo *)CMSG_DATA(c);

			memcpy(local.ip.octets, &info->ipi_addr, 4);
			return local;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *info = (const struct in6_pktinfo *)CMSG_DATA(c);

			memcpy(local.ip.octets, &info->ipi6_addr, 16);
			return local;
		}
	}
	if (!u->is_bound)
		local.ip = (struct ip){ .family = IP_NONE };
	return local;
}

static void deliver(struct udp *u, unsigned int i)
{
	struct msghdr *message = &u->in.messages[i].msg_hdr;
	struct endpoint remote, local;

	if ((message->msg_flags & MSG_TRUNC) != 0) {
		u->counters.dropped_long++;
		return;
	}
	if (endpoint_from_sockaddr(&u->in.addresses[i], &remote) != 0 || remote.port == 0) {
		u->counters.dropped_source++;
		return;
	}
	u->counters.received++;
	local = destination(u, message);
	u->on_receive(u->ctx, &remote, &local,
		      (struct bytes){ u->in.vectors[i].iov_base, u->in.messages[i].msg_len });
}

/* Returns how many came; fewer than BATCH: there are no more for now. */
static unsigned int receive_batch(struct udp *u)
{
	int count;

	for (size_t i = 0; i < BATCH; i++) {
		u->in.vectors[i] =
		    (struct iovec){ u->in.data + i * u->datagram_max, u->datagram_max };
		u->in.messages[i].msg_hdr = (struct msghdr){
			.msg_name = &u->in.addresses[i],
			.msg_namelen = sizeof(u->in.addresses[i]),
			.msg_iov = &u->in.vectors[i],
			.msg_iovlen = 1,
			.msg_control = u->has_pktinfo ? &u->in.controls[i] : NULL,
			.msg_controllen = u->has_pktinfo ? sizeof(u->in.controls[i]) : 0,
		};
	}
	count = recvmmsg(u->fd, u->in.messages, BATCH, 0, NULL);
	if (count <= 0)
		return 0;
	udp_cork(u);
	for (unsigned int i = 0; i < (unsigned int)count && !u->is_closing; i++)
		deliver(u, i);
	udp_uncork(u);
	return (unsigned int)count;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct udp *u = poll->data;

	uint64_t start_ns = uv_hrtime();

	(void)status; /* an error of the socket shows, and is cleared, by reading it */
	(void)events;
	for (int i = 0; i < BATCHES && !u->is_closing; i++) {
		if (receive_batch(u) < BATCH || uv_hrtime() - start_ns > TURN_NS)
			break;
	}
}

/* ---- making ---- */

static int set_option(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

static int set_options(int fd, bool is_v6, const struct udp_options *options)
{
	if (is_v6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
		return -1;
	if (options->reuseport && set_option(fd, SOL_SOCKET, SO_REUSEPORT) != 0)
		return -1;
	if (options->freebind && (is_v6 ? set_option(fd, IPPROTO_IPV6, IP6_FREEBIND)
					: set_option(fd, IPPROTO_IP, IP_FREEBIND)) != 0)
		return -1;
	if (options->pktinfo && (is_v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
				       : set_option(fd, IPPROTO_IP, IP_PKTINFO)) != 0)
		return -1;
	/* FORCE passes net.core.rmem_max, but only with CAP_NET_ADMIN. */
	if (options->rcvbuf > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &options->rcvbuf,
					      sizeof(options->rcvbuf)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->rcvbuf,
				 sizeof(options->rcvbuf));
	return 0;
}

static int bind_socket(struct udp *u, const struct endpoint *local,
		       const struct udp_options *options)
{
	bool is_v6 = local->ip.family == IP_V6;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(local, &sa);

	u->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0 || set_options(u->fd, is_v6, options) != 0 ||
	    bind(u->fd, (struct sockaddr *)&sa, len) != 0)
		return -1;
	len = sizeof(sa);
	if (getsockname(u->fd, (struct sockaddr *)&sa, &len) != 0)
		return -1;
	if (endpoint_from_sockaddr(&sa, &u->local) != 0)
		return -1;
	for (size_t i = 0; i < ip_size(&u->local.ip); i++)
		u->is_bound = u->is_bound || u->local.ip.octets[i] != 0;
	return 0;
}

static void free_udp(struct udp *u)
{
	if (u->fd >= 0)
		close(u->fd);
	free(u->in.data);
	free(u->out.data);
	free(u);
}

static struct udp *new_udp(size_t datagram_max)
{
	struct udp *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->fd = -1;
	u->datagram_max = datagram_max;
	u->in.data = malloc(BATCH * datagram_max);
	u->out.data = malloc(BATCH * datagram_max);
	if (u->in.data == NULL || u->out.data == NULL) {
		free_udp(u);
		return NULL;
	}
	return u;
}

int udp_open(uv_loop_t *loop, const struct endpoint *local, const struct udp_options *options,
	     udp_receive_fn on_receive, void *ctx, struct udp **out, struct errtext *why)
{
	static const struct udp_options defaults = { .rcvbuf = 0 };
	char text[ENDPOINT_TEXT_MAX];
	struct udp *u;

	if (options == NULL)
		options = &defaults;
	u = new_udp(options->datagram_max > 0 ? options->datagram_max : DATAGRAM_MAX);
	if (u == NULL) {
		errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	u->has_pktinfo = options->pktinfo;
	u->on_receive = on_receive;
	u->ctx = ctx;
	if (bind_socket(u, local, options) != 0 || uv_poll_init(loop, &u->poll, u->fd) != 0) {
		errtext_set(why, "cannot open UDP %s: %s", endpoint_format(local, text),
			    strerror(errno));
		free_udp(u);
		return ERR_IO;
	}
	u->poll.data = u;
	(void)uv_poll_start(&u->poll, UV_READABLE, on_readable);
	*out = u;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free_udp(handle->data);
}

void udp_close(struct udp *u)
{
	if (u == NULL || u->is_closing)
		return;
	flush(u);
	u->is_closing = true;
	uv_close((uv_handle_t *)&u->poll, on_closed);
}

struct endpoint udp_local(const struct udp *u)
{
	return u->local;
}

const struct udp_counters *udp_counters(const struct udp *u)
{
	return &u->counters;
}

int udp_descriptor(const struct udp *u)
{
	return u->fd;
}
