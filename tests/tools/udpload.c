/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/lib/captures.h"

/*
 * udpload ADDRESS PORT SOURCE SECONDS: sends strongSwan's IKE_SA_INIT to ADDRESS:PORT as many peers
 * (SOURCE, and one more in each of the next /24 prefixes), each time with another SPI and nonce,
 * and prints how many were sent and how many answers came. Not more than WINDOW are on their way.
 */
#define SOURCES  64
#define BURST    16
#define WINDOW   (SOURCES * BURST)
#define ANSWER   2048
#define SOCKBUF  (8 << 20)
#define PATIENCE 20 /* ms, then what is missing is lost */

struct load {
	int fds[SOURCES];
	struct pollfd polls[SOURCES];
	uint8_t requests[BURST][sizeof(capture_init)];
	uint8_t answers[BURST][ANSWER];
	struct mmsghdr out[BURST], in[BURST];
	struct iovec out_iov[BURST], in_iov[BURST];
	uint64_t sent, received, serial;
};

static int open_source(const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = SOCKBUF, on = 1;

	/* Addresses of an AnyIP route take no bind without this. */
	(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (fd < 0 || bind(fd, (const struct sockaddr *)from, sizeof(*from)) != 0 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		return -1;
	return fd;
}

static int prepare(struct load *l, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(argv[2])) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	uint32_t first;

	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[3], &from.sin_addr) != 1)
		return -1;
	first = ntohl(from.sin_addr.s_addr);
	for (uint32_t i = 0; i < SOURCES; i++) {
		from.sin_addr.s_addr = htonl(first + (i << 8));
		l->fds[i] = open_source(&from, &to);
		if (l->fds[i] < 0)
			return -1;
		l->polls[i] = (struct pollfd){ .fd = l->fds[i], .events = POLLIN };
	}
	for (size_t i = 0; i < BURST; i++) {
		memcpy(l->requests[i], capture_init, sizeof(capture_init));
		l->out_iov[i] = (struct iovec){ l->requests[i], sizeof(capture_init) };
		l->out[i].msg_hdr = (struct msghdr){ .msg_iov = &l->out_iov[i], .msg_iovlen = 1 };
		l->in_iov[i] = (struct iovec){ l->answers[i], ANSWER };
		l->in[i].msg_hdr = (struct msghdr){ .msg_iov = &l->in_iov[i], .msg_iovlen = 1 };
	}
	return 0;
}

static void send_burst(struct load *l, size_t source)
{
	int n;

	for (size_t i = 0; i < BURST; i++) {
		l->serial++;
		memcpy(l->requests[i], &l->serial, sizeof(l->serial));
		memcpy(l->requests[i] + CAPTURE_INIT_NONCE, &l->serial, sizeof(l->serial));
	}
	n = sendmmsg(l->fds[source], l->out, BURST, 0);
	if (n > 0)
		l->sent += (uint64_t)n;
}

static uint64_t drain(struct load *l)
{
	uint64_t got = 0;

	for (size_t i = 0; i < SOURCES; i++) {
		int n;

		do {
			n = recvmmsg(l->fds[i], l->in, BURST, MSG_DONTWAIT, NULL);
			if (n > 0)
				got += (uint64_t)n;
		} while (n == BURST);
	}
	l->received += got;
	return got;
}

/* All sources once, then until all answers are there or none comes any more. */
static void run_round(struct load *l)
{
	uint64_t missing;

	for (size_t i = 0; i < SOURCES; i++)
		send_burst(l, i);
	missing = WINDOW;
	while (missing > 0) {
		uint64_t got = drain(l);

		missing -= got < missing ? got : missing;
		if (got == 0 && poll(l->polls, SOURCES, PATIENCE) <= 0)
			return;
	}
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct load l;
	double end;

	if (argc != 5 || prepare(&l, argv) != 0) {
		fprintf(stderr, "usage: udpload ADDRESS PORT SOURCE SECONDS\n");
		return 2;
	}
	for (end = now_s() + atof(argv[4]); now_s() < end;)
		run_round(&l);
	printf("%llu %llu\n", (unsigned long long)l.sent, (unsigned long long)l.received);
	return 0;
}
