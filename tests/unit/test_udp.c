/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/udp.h"
#include "tests/lib/testloop.h"

/* Datagrams over loopback, which loses none as long as the buffers hold. */

#define FLOOD 3000
#define ROUND 200 /* some batches; what the buffer of any receiver holds */

/* A socket, and what came in. */
struct end {
	struct udp *udp;
	size_t count;
	size_t wanted;
	struct endpoint remote, local;
	uint8_t data[70000];
	size_t len;
	bool answers; /* sends everything back, from the address that was asked */
	bool closes;  /* on the first datagram */
	bool is_slow; /* a millisecond each */
	struct end *other;
};

static struct end a, b;

static struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	assert_int_equal(endpoint_parse(text, &ep), 0);
	return ep;
}

static void on_receive(void *ctx, const struct endpoint *remote, const struct endpoint *local,
		       struct bytes data)
{
	struct end *end = ctx;

	end->count++;
	end->remote = *remote;
	end->local = *local;
	end->len = data.len;
	memcpy(end->data, data.ptr, data.len);
	for (uint64_t start = uv_hrtime(); end->is_slow && uv_hrtime() - start < 1000000;)
		;
	if (end->answers)
		udp_send(end->udp, &local->ip, remote, data);
	if (end->closes)
		udp_close(end->udp);
}

static void open_end(uv_loop_t *loop, struct end *end, const char *at,
		     const struct udp_options *options)
{
	struct endpoint local = endpoint(at);
	struct errtext why;

	*end = (struct end){ .count = 0 };
	if (udp_open(loop, &local, options, on_receive, end, &end->udp, &why) != 0)
		fail_msg("%s: %s", at, why.text);
}

static bool is_done(void *ctx)
{
	const struct end *end = ctx;

	return end->count >= end->wanted;
}

static void expect(uv_loop_t *loop, struct end *end, size_t wanted)
{
	end->wanted = wanted;
	if (!testloop_run_until(loop, is_done, end))
		fail_msg("%zu of %zu datagrams", end->count, wanted);
	assert_int_equal(end->count, wanted);
}

static void finish(uv_loop_t *loop)
{
	udp_close(a.udp);
	udp_close(b.udp);
	assert_true(testloop_finish(loop));
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct endpoint local = endpoint("[::1]:0");
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&local, &sa);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

static const struct path_case {
	const char *name;
	const char *client, *server;
	bool pktinfo;
	const char *asked; /* the address that the client sends to */
} path_cases[] = {
	{ "IPv4, bound", "127.0.0.1:0", "127.0.0.1:0", false, "127.0.0.1:0" },
	{ "IPv4, bound, pktinfo", "127.0.0.1:0", "127.0.0.1:0", true, "127.0.0.1:0" },
	{ "IPv4, any", "127.0.0.1:0", "0.0.0.0:0", true, "127.0.0.1:0" },
	{ "IPv4, any, a second address", "127.0.0.1:0", "0.0.0.0:0", true, "127.0.0.2:0" },
	{ "IPv6, bound", "[::1]:0", "[::1]:0", false, "[::1]:0" },
	{ "IPv6, any", "[::1]:0", "[::]:0", true, "[::1]:0" },
};

/* An answer comes from the address and port that was asked. */
static void check_path(const struct path_case *c)
{
	static const struct bytes ping = { (const uint8_t *)"ping", 4 };
	struct udp_options options = { .pktinfo = c->pktinfo };
	struct endpoint asked = endpoint(c->asked), from;
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, c->client, NULL);
	open_end(&loop, &b, c->server, &options);
	b.answers = true;
	asked.port = udp_local(b.udp).port;
	from = udp_local(a.udp);
	udp_send(a.udp, NULL, &asked, ping);
	expect(&loop, &b, 1);
	assert_true(endpoint_is_equal(&b.remote, &from));
	if (!endpoint_is_equal(&b.local, &asked))
		fail_msg("%s: wrong local address", c->name);
	assert_int_equal(b.len, 4);
	expect(&loop, &a, 1);
	if (!endpoint_is_equal(&a.remote, &asked))
		fail_msg("%s: answered from another address", c->name);
	assert_memory_equal(a.data, "ping", 4);
	finish(&loop);
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]); i++) {
		if (path_cases[i].client[0] != '[' || has_ipv6())
			check_path(&path_cases[i]);
	}
}

static void test_unknown_local(void **state)
{
	struct endpoint to = endpoint("127.0.0.1:0");
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, "127.0.0.1:0", NULL);
	open_end(&loop, &b, "0.0.0.0:0", NULL);
	to.port = udp_local(b.udp).port;
	udp_send(a.udp, NULL, &to, (struct bytes){ NULL, 0 });
	expect(&loop, &b, 1);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.local.ip.family, IP_NONE);
	assert_int_equal(b.local.port, to.port);
	finish(&loop);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1, 1472, 1473, 9000, 16384 };
	static uint8_t data[16385];
	struct endpoint to;
	uv_loop_t loop;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, "127.0.0.1:0", &(struct udp_options){ .datagram_max = 40000 });
	open_end(&loop, &b, "127.0.0.1:0", NULL);
	to = udp_local(b.udp);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		udp_send(a.udp, NULL, &to, (struct bytes){ data, sizes[i] });
		expect(&loop, &b, i + 1);
		assert_int_equal(b.len, sizes[i]);
		assert_memory_equal(b.data, data, sizes[i]);
	}
	/* One octet too long for the receiver, then one that fits. */
	udp_send(a.udp, NULL, &to, (struct bytes){ data, 16385 });
	udp_send(a.udp, NULL, &to, (struct bytes){ data, 1 });
	expect(&loop, &b, sizeof(sizes) / sizeof(sizes[0]) + 1);
	assert_int_equal(udp_counters(b.udp)->dropped_long, 1);
	/* Too long for the sender. */
	udp_send(b.udp, NULL, &to, (struct bytes){ data, 16385 });
	assert_int_equal(udp_counters(b.udp)->dropped_error, 1);
	finish(&loop);
}

/* Several batches at once, in order. */
static void test_batches(void **state)
{
	struct udp_options options = { .rcvbuf = 4 << 20 };
	struct endpoint to;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, "127.0.0.1:0", &options);
	open_end(&loop, &b, "127.0.0.1:0", &options);
	b.answers = true;
	to = udp_local(b.udp);
	for (uint32_t i = 0; i < FLOOD; i++) {
		if (i % ROUND == 0)
			udp_cork(a.udp);
		udp_send(a.udp, NULL, &to, (struct bytes){ (const uint8_t *)&i, sizeof(i) });
		if (i % ROUND < 63) /* not a batch yet */
			assert_int_equal(udp_counters(a.udp)->sent, i - i % ROUND);
		if (i % ROUND == ROUND - 1) {
			udp_uncork(a.udp);
			expect(&loop, &a, i + 1);
		}
	}
	assert_int_equal(udp_counters(a.udp)->sent, FLOOD);
	assert_int_equal(udp_counters(b.udp)->received, FLOOD);
	assert_int_equal(*(const uint32_t *)a.data, FLOOD - 1);
	finish(&loop);
}

struct turns {
	size_t n;
	size_t counts[1000]; /* what had come before each turn of the loop */
};

static void note_turn(uv_prepare_t *prepare)
{
	struct turns *turns = prepare->data;

	if (turns->n < sizeof(turns->counts) / sizeof(turns->counts[0]))
		turns->counts[turns->n++] = b.count;
}

/* What takes long does not keep timers from their turn, however much has come: here one batch. */
static void test_slow_receiver(void **state)
{
	struct turns turns = { .n = 0 };
	uv_prepare_t prepare;
	struct endpoint to;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, "127.0.0.1:0", NULL);
	open_end(&loop, &b, "127.0.0.1:0", NULL);
	b.is_slow = true;
	to = udp_local(b.udp);
	for (int i = 0; i < ROUND; i++)
		udp_send(a.udp, NULL, &to, (struct bytes){ (const uint8_t *)"x", 1 });
	uv_prepare_init(&loop, &prepare);
	prepare.data = &turns;
	uv_prepare_start(&prepare, note_turn);
	expect(&loop, &b, ROUND);
	assert_true(turns.n > 2);
	for (size_t i = 1; i < turns.n; i++)
		assert_true(turns.counts[i] - turns.counts[i - 1] <= 64);
	uv_close((uv_handle_t *)&prepare, NULL);
	finish(&loop);
}

static void test_close_inside(void **state)
{
	struct endpoint to;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, "127.0.0.1:0", NULL);
	open_end(&loop, &b, "127.0.0.1:0", NULL);
	b.closes = b.answers = true;
	to = udp_local(b.udp);
	udp_cork(a.udp);
	for (int i = 0; i < 10; i++)
		udp_send(a.udp, NULL, &to, (struct bytes){ (const uint8_t *)"x", 1 });
	udp_uncork(a.udp);
	expect(&loop, &a, 1); /* what was answered before the close still goes */
	assert_int_equal(b.count, 1);
	b.udp = NULL;
	finish(&loop);
}

/* None of it stops the next datagram of the same batch. */
static void test_refused_output(void **state)
{
	struct endpoint to, wrong = endpoint("[::1]:9"), zero = endpoint("127.0.0.1:0");
	static const struct bytes x = { (const uint8_t *)"x", 1 };
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	open_end(&loop, &a, "127.0.0.1:0", NULL);
	open_end(&loop, &b, "127.0.0.1:0", NULL);
	to = udp_local(b.udp);
	udp_cork(a.udp);
	udp_send(a.udp, NULL, &wrong, x); /* other family */
	udp_send(a.udp, NULL, &to, x);
	udp_send(a.udp, NULL, &zero, x); /* no such port */
	udp_send(a.udp, NULL, &to, x);
	udp_uncork(a.udp);
	expect(&loop, &b, 2);
	assert_int_equal(udp_counters(a.udp)->dropped_error, 2);
	assert_int_equal(udp_counters(a.udp)->sent, 2);
	finish(&loop);
}

static void test_options(void **state)
{
	struct udp_options share = { .reuseport = true }, early = { .freebind = true };
	struct endpoint nowhere = endpoint("192.0.2.77:0"), taken;
	struct errtext why;
	struct udp *u = NULL;
	uv_loop_t loop;
	char want[ERRTEXT_MAX], text[ENDPOINT_TEXT_MAX];

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(udp_open(&loop, &nowhere, NULL, on_receive, &a, &u, &why), ERR_IO);
	assert_string_equal(why.text,
			    "cannot open UDP 192.0.2.77:0: Cannot assign requested address");
	open_end(&loop, &a, "192.0.2.77:0", &early);
	udp_close(a.udp);

	open_end(&loop, &a, "127.0.0.1:0", &share);
	taken = udp_local(a.udp);
	assert_int_equal(udp_open(&loop, &taken, NULL, on_receive, &b, &u, &why), ERR_IO);
	snprintf(want, sizeof(want), "cannot open UDP %s: Address already in use",
		 endpoint_format(&taken, text));
	assert_string_equal(why.text, want);
	assert_int_equal(udp_open(&loop, &taken, &share, on_receive, &b, &b.udp, &why), 0);
	finish(&loop);
	udp_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),          cmocka_unit_test(test_unknown_local),
		cmocka_unit_test(test_sizes),          cmocka_unit_test(test_batches),
		cmocka_unit_test(test_slow_receiver),  cmocka_unit_test(test_close_inside),
		cmocka_unit_test(test_refused_output), cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
