/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/testtls.h"

/* How many connections a server takes, and which protocol they get. */

#define CLIENTS_MAX 4

/* Clients besides that of the world. */
struct crowd {
	struct testtls w;
	struct testtls_side clients[CLIENTS_MAX];
	struct testloop_mute mutes[CLIENTS_MAX];
	uint64_t wanted;
};

static void join(struct crowd *c, size_t i, const struct tls_ctx *tls)
{
	assert_int_equal(tls_stream_connect(&c->w.loop, tls, &c->w.at, &testtls_d1, NULL,
					    &testtls_events, &c->clients[i], &c->clients[i].stream),
			 0);
}

static void finish(struct crowd *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (c->clients[i].stream != NULL)
			tls_stream_close(c->clients[i].stream, "test ends");
		if (c->mutes[i].tcp.loop != NULL)
			uv_close((uv_handle_t *)&c->mutes[i].tcp, NULL);
	}
	testtls_finish(&c->w);
}

static bool is_opened(void *ctx)
{
	const struct crowd *c = ctx;

	return tls_server_counters(c->w.server)->opened == c->wanted;
}

static bool is_accepted(void *ctx)
{
	const struct crowd *c = ctx;

	return tls_server_counters(c->w.server)->accepted == c->wanted;
}

static bool is_third_closed(void *ctx)
{
	return ((const struct crowd *)ctx)->clients[2].closed > 0;
}

/* A side that only keeps the stream, for those that the world does not look at. */
static void keep(struct tls_stream *s, void *ctx)
{
	static const struct tls_stream_events events = { .on_open = NULL };

	(void)ctx;
	tls_stream_set_events(s, &events, NULL);
}

static void test_full(void **state)
{
	struct crowd c = { .wanted = 2 };

	(void)state;
	testtls_init(&c.w);
	c.w.options.streams_max = 2;
	testtls_serve(&c.w);
	c.w.protocol.on_accept = keep;
	join(&c, 0, c.w.client_tls);
	join(&c, 1, c.w.client_tls);
	testtls_until(&c.w, is_opened);
	join(&c, 2, c.w.client_tls);
	testtls_until(&c.w, is_third_closed);
	assert_int_equal(c.clients[2].opened, 0);
	assert_int_equal(c.clients[2].err, ERR_IO);
	assert_int_equal(tls_server_counters(c.w.server)->full, 1);
	assert_int_equal(tls_server_stream_count(c.w.server), 2);
	tls_stream_close(c.clients[0].stream, "makes room");
	while (tls_server_stream_count(c.w.server) > 1)
		uv_run(&c.w.loop, UV_RUN_ONCE);
	c.wanted = 3;
	join(&c, 3, c.w.client_tls);
	testtls_until(&c.w, is_opened);
	finish(&c);
}

/* Silent strangers fill the places for handshakes: the oldest go, a member gets in. */
static void test_strangers_give_way(void **state)
{
	struct crowd c = { .wanted = 4 };

	(void)state;
	testtls_init(&c.w);
	c.w.options.handshakes_max = 2;
	testtls_serve(&c.w);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		testloop_mute_connect(&c.w.loop, &c.mutes[i], c.w.at.port, "", 0);
	testtls_until(&c.w, is_accepted);
	while (tls_server_stream_count(c.w.server) > 2)
		uv_run(&c.w.loop, UV_RUN_ONCE);
	assert_int_equal(tls_server_counters(c.w.server)->evicted, 2);
	testtls_connect(&c.w, &testtls_d1, NULL);
	testtls_until(&c.w, testtls_is_open);
	assert_int_equal(tls_server_counters(c.w.server)->evicted, 3);
	assert_int_equal(tls_server_counters(c.w.server)->refused, 3);
	assert_string_equal(c.w.refused_why, "made room for a newer one");
	finish(&c);
}

static void test_protocol_limit(void **state)
{
	struct crowd c = { .wanted = 2 };

	(void)state;
	testtls_init(&c.w);
	testtls_serve(&c.w);
	c.w.protocol.on_accept = keep;
	c.w.protocol.streams_max = 2;
	join(&c, 0, c.w.client_tls);
	join(&c, 1, c.w.client_tls);
	testtls_until(&c.w, is_opened);
	join(&c, 2, c.w.client_tls);
	testtls_until(&c.w, is_third_closed);
	assert_int_equal(c.clients[2].err, ERR_CLOSED);
	assert_string_equal(c.w.refused_why, "too many connections of this protocol");
	finish(&c);
}

static int http_streams;

static void on_http(struct tls_stream *s, void *ctx)
{
	http_streams++;
	assert_true(tls_stream_is_protocol(s, "http/1.1"));
	keep(s, ctx);
}

static void test_dispatch(void **state)
{
	struct tls_ctx *http = testtls_ctx(&testtls_member, "http/1.1");
	struct crowd c = { .wanted = 3 };
	struct tls_server_protocol both[2];

	(void)state;
	http_streams = 0;
	testtls_init(&c.w);
	testtls_serve(&c.w);
	/* The server borrows its table: the world's one has one row. */
	testtls_stop_server(&c.w);
	both[0] = c.w.protocol;
	both[0].on_accept = keep;
	both[1] = (struct tls_server_protocol){ .name = "http/1.1", .on_accept = on_http };
	c.w.options.protocols = both;
	c.w.options.protocol_count = 2;
	assert_int_equal(
	    tls_server_open(&c.w.loop, c.w.server_tls, &c.w.at, &c.w.options, &c.w.server, NULL),
	    0);
	join(&c, 0, http);
	join(&c, 1, c.w.client_tls);
	join(&c, 2, http);
	testtls_until(&c.w, is_opened);
	assert_int_equal(http_streams, 2);
	finish(&c);
	tls_ctx_free(http);
}

static void test_address_in_use(void **state)
{
	struct tls_server *second = NULL;
	struct errtext why;
	struct testtls w;
	char text[ENDPOINT_TEXT_MAX], want[ERRTEXT_MAX];

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	assert_int_equal(tls_server_open(&w.loop, w.server_tls, &w.at, &w.options, &second, &why),
			 ERR_IO);
	snprintf(want, sizeof(want), "cannot listen at TCP %s: address already in use",
		 endpoint_format(&w.at, text));
	assert_string_equal(why.text, want);
	assert_null(second);
	testtls_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),           cmocka_unit_test(test_strangers_give_way),
		cmocka_unit_test(test_protocol_limit), cmocka_unit_test(test_dispatch),
		cmocka_unit_test(test_address_in_use),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
