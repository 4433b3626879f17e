/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/ikeclient.h"

/*
 * Throws mutated IKE messages at a running daemon, over real sockets:
 *
 *   ikemutate clear ADDRESS COUNT SEED            to ports 500 and 4500, in clear
 *   ikemutate sealed ADDRESS COUNT SEED ID PSK    to a member: each message mutated inside SK and
 *                                                 sealed again with the right keys
 *
 * In sealed mode every IKE SA is set up in earnest, half of them up to IKE_AUTH, and what lives at
 * the end is deleted. Prints one line of JSON; exit status 0 if all COUNT messages were sent and,
 * in sealed mode, the daemon went on answering.
 */
#define IKE_SUITE  "aes256gcm16-prfsha256-x25519"
#define ESP_SUITE  "aes256gcm16"
#define MARKER     4
#define ANSWER_MS  2000
#define PER_SA     3
#define SILENT_MAX 20 /* handshakes in a row without answer: it is gone */

struct run {
	struct crypto *crypto;
	struct rng_seeded seed;
	struct rng rng;
	struct endpoint target;
	int fd;
	const char *id, *psk;
	unsigned long sent, answered, handshakes, established;
	unsigned int silent;
};

static void die(const char *what)
{
	fprintf(stderr, "ikemutate: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t random_u64(struct run *r)
{
	uint64_t value = 0;

	if (rng_u64(&r->rng, &value) != 0)
		die("random");
	return value;
}

static void send_to(struct run *r, uint16_t port, struct bytes message)
{
	struct endpoint to = { r->target.ip, port };
	uint8_t buf[IKECLIENT_MESSAGE_MAX + MARKER] = { 0 };
	size_t marker = port == IKE_NATT_PORT ? MARKER : 0;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&to, &sa);

	memcpy(buf + marker, message.ptr, message.len);
	while (sendto(r->fd, buf, marker + message.len, 0, (struct sockaddr *)&sa, len) < 0) {
		if (errno != ECONNREFUSED && errno != EINTR && errno != ENOBUFS)
			die("send");
	}
}

/* The next datagram on 4500 without its marker; empty after the time. */
static struct bytes receive(struct run *r, uint8_t buf[IKECLIENT_MESSAGE_MAX])
{
	struct pollfd p = { r->fd, POLLIN, 0 };
	ssize_t n;

	if (poll(&p, 1, ANSWER_MS) <= 0)
		return (struct bytes){ NULL, 0 };
	n = recv(r->fd, buf, IKECLIENT_MESSAGE_MAX, 0);
	if (n <= MARKER)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ buf + MARKER, (size_t)n - MARKER };
}

static void drop_answers(struct run *r)
{
	uint8_t buf[IKECLIENT_MESSAGE_MAX];

	while (recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		r->answered++;
}

/* Flips, overwrites, cuts, lengthens or doubles: one to four times. */
static size_t mutate(struct run *r, uint8_t *buf, size_t len, size_t cap)
{
	size_t times = 1 + random_u64(r) % 4;

	for (size_t i = 0; i < times && len > 0; i++) {
		uint64_t random = random_u64(r);
		size_t at = (size_t)(random >> 16) % len;

		switch (random % 8) {
		case 0:
			len = at;
			break;
		case 1:
			if (len + 16 <= cap) {
				memset(buf + len, (int)(random >> 8), 16);
				len += 16;
			}
			break;
		case 2:
			if (len + (len - at) <= cap) {
				memmove(buf + len, buf + at, len - at);
				len += len - at;
			}
			break;
		case 3:
			buf[at] = 0xff;
			break;
		case 4:
			buf[at] = 0;
			break;
		default:
			buf[at] ^= (uint8_t)(1u << ((random >> 8) % 8));
			break;
		}
	}
	return len;
}

static void new_client(struct run *r, struct ikeclient *c)
{
	ikeclient_init(c, r->crypto, &r->rng, IKE_SUITE, ESP_SUITE, r->id, r->psk);
	c->remote = r->target;
	if (random_u64(r) % 64 == 0) /* rarely: the member takes its time to answer these */
		c->redirected_from = r->target.ip;
}

static void run_clear(struct run *r, unsigned long count)
{
	uint8_t buf[IKECLIENT_MESSAGE_MAX / 2];
	struct ikeclient c;

	while (r->sent < count) {
		struct bytes m;

		new_client(r, &c);
		m = ikeclient_init_request(&c);
		for (int i = 0; i < 50 && r->sent < count; i++) {
			size_t len = m.len;

			memcpy(buf, m.ptr, len);
			/* A third also as another exchange, as a resumption or out of nowhere. */
			if (random_u64(r) % 3 == 0)
				buf[18] = (uint8_t)(34 + random_u64(r) % 5);
			len = mutate(r, buf, len, sizeof(buf));
			send_to(r, i % 2 == 0 ? IKE_PORT : IKE_NATT_PORT,
				(struct bytes){ buf, len });
			r->sent++;
			drop_answers(r);
		}
		ikeclient_free(&c);
	}
}

/* IKE_SA_INIT in earnest, a COOKIE included. */
static bool shake_hands(struct run *r, struct ikeclient *c)
{
	uint8_t buf[IKECLIENT_MESSAGE_MAX];

	for (int attempt = 0; attempt < 3; attempt++) {
		struct bytes answer;
		int err;

		drop_answers(r);
		send_to(r, IKE_NATT_PORT, ikeclient_init_request(c));
		answer = receive(r, buf);
		if (answer.ptr == NULL)
			continue;
		err = ikeclient_take_init(c, answer);
		if (err == 0) {
			r->handshakes++;
			r->silent = 0;
			return true;
		}
		if (err != ERR_BAD_STATE || c->notify != NOTIFY_COOKIE)
			return false;
	}
	r->silent++;
	return false;
}

static void send_mutated(struct run *r, struct ikeclient *c, uint8_t exchange, uint8_t first,
			 struct bytes inner)
{
	uint8_t buf[IKECLIENT_MESSAGE_MAX / 4];
	size_t len = inner.len < sizeof(buf) / 2 ? inner.len : sizeof(buf) / 2;

	memcpy(buf, inner.ptr, len);
	len = mutate(r, buf, len, sizeof(buf));
	if (random_u64(r) % 8 == 0)
		first = (uint8_t)random_u64(r);
	if ((len == 0) != (first == 0))
		first = len == 0 ? 0 : PAYLOAD_NOTIFY;
	send_to(r, IKE_NATT_PORT,
		ikeclient_seal(c, exchange, c->next_id++, first, (struct bytes){ buf, len }));
	r->sent++;
}

/* What follows IKE_AUTH: the payloads of an IKE_AUTH do for any exchange, once mutated. */
static void attack_established(struct run *r, struct ikeclient *c, unsigned long count)
{
	uint8_t buf[IKECLIENT_MESSAGE_MAX], chain[IKECLIENT_MESSAGE_MAX], first;
	struct bytes inner = ikeclient_auth_chain(c, &first);

	memcpy(chain, inner.ptr, inner.len);
	inner.ptr = chain;
	send_to(r, IKE_NATT_PORT, ikeclient_auth_request(c));
	/* Late on a busy machine: the SA may be there all the same, and is deleted below. */
	if (ikeclient_take_auth(c, receive(r, buf)) == 0)
		r->established++;
	for (int i = 0; i < PER_SA && r->sent < count; i++) {
		static const uint8_t exchanges[] = { EXCHANGE_INFORMATIONAL,
						     EXCHANGE_CREATE_CHILD_SA };
		uint8_t del[] = { 0, 0, 0, 12, 3, 4, 0, 1, 0xc0, 0, 0, 1 };
		bool is_delete = random_u64(r) % 2 == 0;

		send_mutated(r, c, exchanges[random_u64(r) % 2], is_delete ? PAYLOAD_DELETE : first,
			     is_delete ? (struct bytes){ del, sizeof(del) } : inner);
	}
	send_to(r, IKE_NATT_PORT, ikeclient_delete_ike(c));
}

static void attack_auth(struct run *r, struct ikeclient *c)
{
	uint8_t chain[IKECLIENT_MESSAGE_MAX], first;
	struct bytes inner = ikeclient_auth_chain(c, &first);

	memcpy(chain, inner.ptr, inner.len);
	send_mutated(r, c, EXCHANGE_IKE_AUTH, first, (struct bytes){ chain, inner.len });
	/* It may have been accepted: some octets do not matter. */
	send_to(r, IKE_NATT_PORT, ikeclient_delete_ike(c));
}

static void run_sealed(struct run *r, unsigned long count)
{
	struct ikeclient c;

	while (r->sent < count && r->silent < SILENT_MAX) {
		new_client(r, &c);
		if (shake_hands(r, &c)) {
			if (random_u64(r) % 2 == 0)
				attack_auth(r, &c);
			else
				attack_established(r, &c, count);
		}
		ikeclient_free(&c);
	}
	drop_answers(r);
}

int main(int argc, char **argv)
{
	struct run r = { .id = "nobody.example", .psk = "nothing" };
	struct sockaddr_storage any = { .ss_family = AF_INET };
	bool is_sealed = argc == 7 && strcmp(argv[1], "sealed") == 0;
	unsigned long count;

	if (!is_sealed && !(argc == 5 && strcmp(argv[1], "clear") == 0)) {
		fprintf(stderr, "usage: ikemutate clear ADDRESS COUNT SEED\n"
				"       ikemutate sealed ADDRESS COUNT SEED ID PSK\n");
		return 2;
	}
	if (ip_parse(argv[2], &r.target.ip) != 0 || r.target.ip.family != IP_V4) {
		fprintf(stderr, "ikemutate: '%s' is no IPv4 address\n", argv[2]);
		return 2;
	}
	r.target.port = IKE_NATT_PORT;
	count = strtoul(argv[3], NULL, 10);
	r.seed.state = strtoul(argv[4], NULL, 10);
	r.rng = rng_seeded(&r.seed);
	if (is_sealed) {
		r.id = argv[5];
		r.psk = argv[6];
	}
	r.crypto = crypto_new();
	r.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r.crypto == NULL || r.fd < 0 ||
	    bind(r.fd, (struct sockaddr *)&any, sizeof(struct sockaddr_in)) != 0)
		die("socket");
	if (is_sealed)
		run_sealed(&r, count);
	else
		run_clear(&r, count);
	printf("{\"sent\": %lu, \"answered\": %lu, \"handshakes\": %lu, \"established\": %lu}\n",
	       r.sent, r.answered, r.handshakes, r.established);
	close(r.fd);
	crypto_free(r.crypto);
	return r.sent == count ? 0 : 1;
}
