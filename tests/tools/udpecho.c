/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * udpecho ADDRESS PORT OCTETS: answers each datagram with its first OCTETS octets, in batches, and
 * does nothing else: what the front end's cost is compared with.
 */
#define BATCH    64
#define DATAGRAM 2048
#define RCVBUF   (4 << 20)

struct echo {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_in from[BATCH];
	uint8_t octets[BATCH][DATAGRAM];
};

static int open_socket(const char *address, const char *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = RCVBUF;

	if (fd < 0 || inet_pton(AF_INET, address, &sa.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void serve_batch(struct echo *e, int fd, size_t len)
{
	int n, sent = 0;

	for (size_t i = 0; i < BATCH; i++) {
		e->vectors[i] = (struct iovec){ e->octets[i], DATAGRAM };
		e->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &e->from[i],
			.msg_namelen = sizeof(e->from[i]),
			.msg_iov = &e->vectors[i],
			.msg_iovlen = 1,
		};
	}
	n = recvmmsg(fd, e->messages, BATCH, MSG_WAITFORONE, NULL);
	for (int i = 0; i < n; i++)
		e->vectors[i].iov_len = e->messages[i].msg_len < len ? e->messages[i].msg_len : len;
	while (sent < n) {
		int k = sendmmsg(fd, e->messages + sent, (unsigned int)(n - sent), 0);

		sent += k > 0 ? k : 1;
	}
}

int main(int argc, char **argv)
{
	static struct echo echo;
	int fd = argc == 4 ? open_socket(argv[1], argv[2]) : -1;

	if (fd < 0) {
		fprintf(stderr, "usage: udpecho ADDRESS PORT OCTETS (and the port must be free)\n");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		serve_batch(&echo, fd, (size_t)atoi(argv[3]));
}
