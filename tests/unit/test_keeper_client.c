/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "agent/keeper/keeper_client.h"

/* The client on a loop of its own; the test holds the keeper's end of the socket. */
struct side {
	uv_loop_t loop;
	struct keeper_client *client;
	int keeper; /* blocking */
	char trace[512];
};

__attribute__((format(printf, 2, 3))) static void note(struct side *s, const char *fmt, ...)
{
	size_t len = strlen(s->trace);
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->trace + len, sizeof(s->trace) - len, fmt, args);
	va_end(args);
}

static void on_answer(void *ctx, const struct keeper_report *r)
{
	note(ctx, "answer %s %u %d %s; ", keeper_request_name(r->request.type), r->request.index,
	     r->result, r->text);
}

static void on_conflict(void *ctx, size_t index, const char *mac, uint32_t count)
{
	note(ctx, "conflict %zu %s %u; ", index, mac, count);
}

static void on_address_lost(void *ctx, size_t index, const char *why)
{
	note(ctx, "lost %zu %s; ", index, why);
}

static void on_dropped(void *ctx, const char *why)
{
	note(ctx, "dropped %s; ", why);
}

/* As the agent does: nothing is left to be done. */
static void on_death(void *ctx, const char *why)
{
	struct side *s = ctx;

	note(s, "death %s; ", why);
	keeper_client_free(s->client);
	s->client = NULL;
}

static struct side *new_side(int buffer)
{
	struct side *s = calloc(1, sizeof(*s));
	struct keeper_client_events events = { .on_answer = on_answer,
					       .on_conflict = on_conflict,
					       .on_address_lost = on_address_lost,
					       .on_dropped = on_dropped,
					       .on_death = on_death,
					       .ctx = s };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	if (buffer > 0)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	s->keeper = fds[1];
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(keeper_client_new(&s->loop, fds[0], &events, &s->client), 0);
	return s;
}

static void free_side(struct side *s)
{
	keeper_client_free(s->client);
	assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	if (s->keeper >= 0)
		close(s->keeper);
	free(s);
}

static void tell(struct side *s, uint16_t type, int32_t result, const char *text)
{
	struct keeper_report r = { .version = KEEPER_MSG_VERSION,
				   .type = type,
				   .request = { .type = KEEPER_ADDRESS_ADD, .index = 3 },
				   .index = 4,
				   .count = 5,
				   .result = result };

	snprintf(r.text, sizeof(r.text), "%s", text);
	assert_int_equal(send(s->keeper, &r, sizeof(r), 0), sizeof(r));
}

/* The next request other than PING. */
static struct keeper_request hear(struct side *s)
{
	struct keeper_request r;

	do {
		uint8_t datagram[sizeof(r) + 1];
		ssize_t n = recv(s->keeper, datagram, sizeof(datagram), MSG_DONTWAIT);

		assert_int_equal(n, sizeof(r));
		assert_int_equal(keeper_request_decode((struct bytes){ datagram, (size_t)n }, &r),
				 0);
	} while (r.type == KEEPER_PING);
	return r;
}

static void run_until_traced(struct side *s)
{
	while (s->trace[0] == '\0')
		uv_run(&s->loop, UV_RUN_ONCE);
}

static void test_requests(void **state)
{
	struct ip_prefix prefix = { .ip = { IP_V4, { 10, 1, 0, 201 } }, .bits = 32 };
	struct side *s = new_side(0);
	struct keeper_request first, r;

	(void)state;
	assert_int_equal(keeper_client_add_address(s->client, 2, 9, true), 0);
	assert_int_equal(keeper_client_remove_address(s->client, 1), 0);
	assert_int_equal(keeper_client_add_route(s->client, 5, &prefix, 77), 0);
	assert_int_equal(keeper_client_remove_route(s->client, 70000, &prefix, 78), 0);
	first = hear(s);
	assert_int_equal(first.type, KEEPER_ADDRESS_ADD);
	assert_int_equal(first.index, 2);
	assert_int_equal(first.epoch, 9);
	assert_int_equal(first.force, 1);
	r = hear(s);
	assert_int_equal(r.type, KEEPER_ADDRESS_REMOVE);
	assert_int_equal(r.id, first.id + 1);
	r = hear(s);
	assert_int_equal(r.type, KEEPER_ROUTE_ADD);
	assert_int_equal(r.index, 5);
	assert_int_equal(r.arrival, 77);
	assert_memory_equal(&r.prefix, &prefix, sizeof(prefix));
	r = hear(s);
	assert_int_equal(r.type, KEEPER_ROUTE_REMOVE);
	assert_int_equal(r.index, UINT16_MAX);
	free_side(s);
}

static void test_reports(void **state)
{
	struct side *s = new_side(0);

	(void)state;
	tell(s, KEEPER_PONG, 0, "");
	tell(s, KEEPER_ANSWER, ERR_EXISTS, "in use");
	tell(s, KEEPER_ADDRESS_LOST, 0, "no link");
	tell(s, KEEPER_CONFLICT, 0, "02:00:00:00:00:99");
	tell(s, KEEPER_DROPPED, 0, "suspended");
	run_until_traced(s);
	assert_string_equal(s->trace, "answer ADDRESS_ADD 3 -15 in use; lost 4 no link; "
				      "conflict 4 02:00:00:00:00:99 5; dropped suspended; ");
	free_side(s);
}

static void test_pings(void **state)
{
	struct side *s = new_side(0);
	uint64_t start = uv_hrtime();
	struct keeper_request r;

	(void)state;
	/* More than the client would let go unanswered. */
	for (size_t pings = 0; pings < 25;) {
		uv_run(&s->loop, UV_RUN_ONCE);
		while (recv(s->keeper, &r, sizeof(r), MSG_DONTWAIT) == sizeof(r)) {
			assert_int_equal(r.type, KEEPER_PING);
			pings++;
			tell(s, KEEPER_PONG, 0, "");
		}
	}
	assert_true(uv_hrtime() - start >= 1190 * 1000000ull);
	assert_string_equal(s->trace, "");
	free_side(s);
}

static void test_keeper_ends(void **state)
{
	struct side *s = new_side(0);

	(void)state;
	tell(s, KEEPER_ANSWER, 0, "");
	close(s->keeper);
	s->keeper = -1;
	run_until_traced(s);
	while (s->client != NULL)
		uv_run(&s->loop, UV_RUN_ONCE);
	assert_string_equal(s->trace, "answer ADDRESS_ADD 3 0 ; death the keeper has ended; ");
	free_side(s);
}

static void test_keeper_hangs(void **state)
{
	struct side *s = new_side(0);
	uint64_t start = uv_hrtime();

	(void)state;
	run_until_traced(s);
	assert_string_equal(s->trace, "death the keeper has not answered for a second; ");
	assert_true(uv_hrtime() - start >= 990 * 1000000ull);
	free_side(s);
}

static void test_keeper_talks_nonsense(void **state)
{
	struct side *s = new_side(0);

	(void)state;
	assert_int_equal(send(s->keeper, "what", 4, 0), 4);
	run_until_traced(s);
	assert_string_equal(s->trace, "death the keeper sends what is no report; ");
	free_side(s);
}

/* More requests than the socket holds wait their turn, in order; at some number it is enough. */
static void test_burst(void **state)
{
	struct ip_prefix prefix = { .ip = { IP_V4, { 10, 1, 0, 201 } }, .bits = 32 };
	struct side *s = new_side(4096);
	uint64_t sent = 0;
	int err = 0;

	(void)state;
	for (; sent < 1000; sent++)
		assert_int_equal(keeper_client_add_route(s->client, 0, &prefix, sent), 0);
	assert_int_equal(hear(s).arrival, 0);
	/* The socket has room again: those that wait come first nevertheless. */
	while (err == 0) {
		err = keeper_client_add_route(s->client, 0, &prefix, sent);
		sent += err == 0 ? 1 : 0;
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_true(sent > 16384);
	for (uint64_t i = 1; i < sent;) {
		struct keeper_request r;

		if (recv(s->keeper, &r, sizeof(r), MSG_DONTWAIT) < 0)
			uv_run(&s->loop, UV_RUN_NOWAIT);
		else if (r.type == KEEPER_ROUTE_ADD)
			assert_int_equal(r.arrival, i++);
	}
	assert_int_equal(keeper_client_add_route(s->client, 0, &prefix, sent), 0);
	assert_int_equal(hear(s).arrival, sent);
	free_side(s);
}

/* Whoever hands over many without running the loop is no main that hangs. */
static void test_burst_is_heard(void **state)
{
	struct ip_prefix prefix = { .ip = { IP_V4, { 10, 1, 0, 201 } }, .bits = 32 };
	struct side *s = new_side(4096);
	uint64_t sent = 0, seen = 0;

	(void)state;
	for (size_t round = 0; round < 10; round++) {
		struct keeper_request r;
		uint64_t before = seen;

		for (size_t i = 0; i < 200; i++)
			assert_int_equal(keeper_client_add_route(s->client, 0, &prefix, sent++), 0);
		while (recv(s->keeper, &r, sizeof(r), MSG_DONTWAIT) == (ssize_t)sizeof(r))
			assert_int_equal(r.arrival, seen++);
		assert_true(seen > before);
	}
	assert_true(seen < sent);
	free_side(s);
}

static void test_asks(void **state)
{
	struct ip target = { IP_V4, { 192, 0, 2, 1 } };
	struct side *s = new_side(0);
	struct keeper_request r;
	uint32_t id = 0;

	(void)state;
	assert_int_equal(keeper_client_ask(s->client, 1, &target, NULL), 0);
	assert_int_equal(keeper_client_ask(s->client, 2, &target, &id), 0);
	r = hear(s);
	assert_int_equal(r.type, KEEPER_ASK);
	assert_int_equal(r.index, 1);
	assert_true(ip_is_equal(&r.target, &target));
	r = hear(s);
	assert_int_equal(r.id, id);
	free_side(s);
}

/* The size of what comes next; 0: nothing has come. */
static size_t hear_size(struct side *s, struct keeper_last_words *words)
{
	uint8_t datagram[sizeof(*words) + 1];
	ssize_t n = recv(s->keeper, datagram, sizeof(datagram), MSG_DONTWAIT);
	int err;

	if (n == (ssize_t)sizeof(*words)) {
		err = keeper_last_words_decode((struct bytes){ datagram, (size_t)n }, words);
		assert_int_equal(err, 0);
	}
	return n > 0 ? (size_t)n : 0;
}

static void test_last_words(void **state)
{
	static const uint8_t octets[KEEPER_LAST_WORDS_MAX + 1] = { 1, 2, 3 };
	struct endpoint to = { { IP_V4, { 192, 0, 2, 1 } }, 7400 };
	struct side *s = new_side(0);
	struct keeper_last_words words;

	(void)state;
	assert_int_equal(
	    keeper_client_set_last_words(s->client, &to, (struct bytes){ octets, sizeof(octets) }),
	    ERR_TOO_LONG);
	assert_int_equal(keeper_client_set_last_words(s->client, &to, (struct bytes){ octets, 3 }),
			 0);
	assert_int_equal(hear_size(s, &words), sizeof(words));
	assert_int_equal(words.len, 3);
	assert_memory_equal(words.octets, octets, 3);
	assert_true(endpoint_is_equal(&words.to, &to));
	assert_int_equal(keeper_client_set_last_words(s->client, &to, (struct bytes){ NULL, 0 }),
			 0);
	assert_int_equal(hear_size(s, &words), sizeof(words));
	assert_int_equal(words.len, 0);
	free_side(s);
}

/* Of words that wait for the socket only the last are said, before what is asked for later. */
static void test_last_words_wait(void **state)
{
	struct ip_prefix prefix = { .ip = { IP_V4, { 10, 1, 0, 201 } }, .bits = 32 };
	struct endpoint to = { { IP_V4, { 192, 0, 2, 1 } }, 7400 };
	struct side *s = new_side(4096);
	struct keeper_last_words words = { .len = 0 };
	size_t said = 0, size;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(keeper_client_add_route(s->client, 0, &prefix, 1), 0);
	for (size_t i = 1; i <= 3; i++)
		assert_int_equal(keeper_client_set_last_words(
				     s->client, &to, (struct bytes){ (const uint8_t *)"abc", i }),
				 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(keeper_client_add_route(s->client, 0, &prefix, 2), 0);
	for (size_t requests = 0; requests < 200;) {
		size = hear_size(s, &words);
		said += size == sizeof(words) ? 1 : 0;
		requests += size == sizeof(struct keeper_request) ? 1 : 0;
		assert_true(requests <= 100 || said == 1);
		if (size == 0)
			uv_run(&s->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(said, 1);
	assert_int_equal(words.len, 3);
	free_side(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_keeper_ends),
		cmocka_unit_test(test_keeper_hangs),
		cmocka_unit_test(test_keeper_talks_nonsense),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_burst_is_heard),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_last_words_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
