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
	assert_int_equal(keeper_client_add_address(s->client, 2, 0, false), 0);
	assert_int_equal(keeper_client_remove_address(s->client, 1), 0);
	assert_int_equal(keeper_client_add_route(s->client, 5, &prefix, 77), 0);
	assert_int_equal(keeper_client_remove_route(s->client, 70000, &prefix, 78), 0);
	first = hear(s);
	assert_int_equal(first.type, KEEPER_ADDRESS_ADD);
	assert_int_equal(first.index, 2);
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
	tell(s, KEEPER_DROPPED, 0, "suspended");
	run_until_traced(s);
	assert_string_equal(s->trace,
			    "answer ADDRESS_ADD 3 -15 in use; lost 4 no link; dropped suspended; ");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),     cmocka_unit_test(test_reports),
		cmocka_unit_test(test_pings),        cmocka_unit_test(test_keeper_ends),
		cmocka_unit_test(test_keeper_hangs), cmocka_unit_test(test_keeper_talks_nonsense),
		cmocka_unit_test(test_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
