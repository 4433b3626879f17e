/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/testtls.h"

/* Octets in both directions, and the many ways to end. */

static bool has_ipv6(void)
{
	struct sockaddr_in6 sin6;
	uv_interface_address_t *addresses;
	int count;
	bool has = false;

	assert_int_equal(uv_ip6_addr("::1", 0, &sin6), 0);
	assert_int_equal(uv_interface_addresses(&addresses, &count), 0);
	for (int i = 0; i < count; i++)
		has = has || (addresses[i].address.address4.sin_family == AF_INET6 &&
			      memcmp(&addresses[i].address.address6.sin6_addr, &sin6.sin6_addr,
				     sizeof(sin6.sin6_addr)) == 0);
	uv_free_interface_addresses(addresses, count);
	return has;
}

static void test_ipv6(void **state)
{
	struct endpoint client;
	struct testtls w;
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	if (!has_ipv6()) {
		print_message("skipped: no address ::1 here\n");
		skip();
	}
	testtls_init(&w);
	assert_int_equal(endpoint_parse("[::1]:0", &w.at), 0);
	testtls_serve(&w);
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_open);
	client = tls_stream_remote(w.accepted.stream);
	assert_memory_equal(endpoint_format(&client, text), "[::1]:", 6);
	testtls_finish(&w);
}

static void test_idle(void **state)
{
	struct tls_stream_options options = { .idle_ms = 30 };
	struct testtls w;

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	testtls_connect(&w, &testtls_d1, &options);
	testtls_until(&w, testtls_is_closed);
	assert_int_equal(w.client.err, ERR_TIMEOUT);
	assert_string_equal(w.client.why, "nothing heard or sent in 30 ms");
	assert_int_equal(w.accepted.err, ERR_CLOSED);
	testtls_finish(&w);
}

static bool have_all_arrived(void *ctx)
{
	const struct testtls *w = ctx;

	return w->client.received == w->accepted.send_at && w->accepted.send_left == 0 &&
	       w->accepted.received == w->client.send_at && w->client.send_left == 0;
}

static void test_big_transfers(void **state)
{
	static const size_t sizes[][2] = { { 0, 5000000 }, { 5000000, 0 }, { 6000000, 7000001 } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct testtls w;

		testtls_init(&w);
		testtls_serve(&w);
		w.client.expects_pattern = w.accepted.expects_pattern = true;
		w.client.send_left = sizes[i][0];
		w.accepted.send_left = sizes[i][1];
		testtls_connect(&w, &testtls_d1, NULL);
		testtls_until(&w, testtls_is_open);
		testtls_until(&w, have_all_arrived);
		assert_int_equal(w.client.received, sizes[i][1]);
		assert_int_equal(w.accepted.received, sizes[i][0]);
		assert_false(w.client.is_garbled);
		assert_false(w.accepted.is_garbled);
		testtls_finish(&w);
	}
}

/* What was written before a close still arrives, the whole of it. */
static void test_close_flushes(void **state)
{
	size_t len = 900000;
	uint8_t *data = malloc(len);
	struct testtls w;

	(void)state;
	for (size_t i = 0; i < len; i++)
		data[i] = testtls_pattern(i);
	testtls_init(&w);
	testtls_serve(&w);
	w.client.expects_pattern = true;
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_open);
	assert_int_equal(tls_stream_write(w.accepted.stream, (struct bytes){ data, len }), 0);
	tls_stream_close(w.accepted.stream, "all said");
	free(data);
	testtls_until(&w, testtls_is_closed);
	assert_int_equal(w.client.received, len);
	assert_false(w.client.is_garbled);
	assert_int_equal(w.client.err, ERR_CLOSED);
	assert_int_equal(w.accepted.err, 0);
	testtls_finish(&w);
}

static void test_slow_reader(void **state)
{
	static uint8_t block[100000];
	struct bytes data = { block, sizeof(block) };
	struct testtls w;
	int err = 0;

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_open);
	tls_stream_pause(w.client.stream);
	for (int i = 0; i < 1000 && err == 0; i++) {
		err = tls_stream_write(w.accepted.stream, data);
		assert_true(tls_stream_pending(w.accepted.stream) <= 1 << 20);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_int_equal(tls_stream_write(w.accepted.stream, data), ERR_CLOSED);
	testtls_until(&w, testtls_is_accepted_closed);
	assert_int_equal(w.accepted.err, ERR_LIMIT);
	assert_string_equal(w.accepted.why, "the other side reads too slowly");
	testtls_finish(&w);
}

static void test_pause_and_resume(void **state)
{
	struct testtls w;

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	w.client.expects_pattern = w.client.pauses = true;
	w.accepted.send_left = 20000000;
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_open);
	for (int turns = 0; w.client.received < 20000000; turns++) {
		size_t before = w.client.received;

		assert_true(turns < 10000);
		tls_stream_resume(w.client.stream);
		for (int i = 0; i < 3; i++)
			uv_run(&w.loop, UV_RUN_NOWAIT);
		assert_true(w.client.received <= before + 16384);
	}
	assert_false(w.client.is_garbled);
	assert_true(w.accepted.drained > 0);
	testtls_finish(&w);
}

/* A side that is paused when it closes still sees the other side close, and does not wait for it
 * until its patience ends. */
static void test_close_while_paused(void **state)
{
	struct testtls w;
	uint64_t start;

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	w.client.pauses = true;
	w.accepted.send_left = 100000;
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_open);
	while (w.client.received == 0)
		uv_run(&w.loop, UV_RUN_ONCE);
	start = uv_now(&w.loop);
	tls_stream_close(w.client.stream, "paused");
	testtls_until(&w, testtls_is_closed);
	assert_int_equal(w.client.err, 0);
	assert_in_range(uv_now(&w.loop) - start, 0, 1900);
	testtls_finish(&w);
}

static void check_close_in_callback(enum testtls_moment moment, bool aborts, bool is_client)
{
	struct testtls w;
	struct testtls_side *actor = is_client ? &w.client : &w.accepted;
	struct testtls_side *other = is_client ? &w.accepted : &w.client;

	testtls_init(&w);
	testtls_serve(&w);
	actor->moment = moment;
	actor->aborts = aborts;
	/* Enough for on_data there, and in the other direction for on_drain. */
	other->send_left = 100000;
	actor->send_left = moment == TESTTLS_AT_DRAIN ? 20000000 : 0;
	testtls_connect(&w, &testtls_d1, NULL);
	/* A client that is gone before its certificate was seen never becomes anybody. */
	if (moment == TESTTLS_AT_OPEN && is_client && aborts)
		testtls_until(&w, testtls_is_client_closed);
	else
		testtls_until(&w, testtls_is_closed);
	assert_int_equal(actor->err, 0);
	assert_int_equal(actor->closed, 1);
	if (other->closed > 0 && !aborts)
		assert_int_equal(other->err, ERR_CLOSED);
	if (other->closed > 0 && aborts)
		assert_int_equal(other->err, ERR_IO);
	testtls_finish(&w);
}

static void test_close_in_callbacks(void **state)
{
	(void)state;
	for (int moment = TESTTLS_AT_OPEN; moment <= TESTTLS_AT_DRAIN; moment++) {
		for (int aborts = 0; aborts <= 1; aborts++) {
			check_close_in_callback((enum testtls_moment)moment, aborts, true);
			check_close_in_callback((enum testtls_moment)moment, aborts, false);
		}
	}
}

static void test_close_before_open(void **state)
{
	(void)state;
	for (int steps = 0; steps < 6; steps++) {
		for (int aborts = 0; aborts <= 1; aborts++) {
			struct testtls w;

			testtls_init(&w);
			testtls_serve(&w);
			w.client.aborts = aborts;
			testtls_connect(&w, &testtls_d1, NULL);
			for (int i = 0; i < steps; i++)
				uv_run(&w.loop, UV_RUN_NOWAIT);
			if (w.client.stream != NULL)
				testtls_end(&w.client);
			testtls_until(&w, testtls_is_client_closed);
			assert_int_equal(w.client.err, 0);
			testtls_finish(&w);
		}
	}
}

static void test_server_close(void **state)
{
	struct testtls w;

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_open);
	assert_int_equal(tls_server_stream_count(w.server), 1);
	testtls_stop_server(&w);
	testtls_until(&w, testtls_is_closed);
	assert_int_equal(w.client.err, ERR_CLOSED);
	assert_string_equal(w.accepted.why, "the server stops");
	testtls_finish(&w);
	assert_true(w.is_server_closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_big_transfers),
		cmocka_unit_test(test_close_flushes),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_close_while_paused),
		cmocka_unit_test(test_close_in_callbacks),
		cmocka_unit_test(test_close_before_open),
		cmocka_unit_test(test_server_close),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
