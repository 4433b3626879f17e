/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/peer_batch.h"
#include "agent/uplink/uplink.h"
#include "common/control/frame.h"
#include "common/control/heartbeat.h"
#include "director/control/control.h"
#include "tests/lib/testtls.h"

/*
 * Both ends of the control channel in one process: the agent's uplink, or a member that does not
 * keep to the protocol, against the director's sessions, registry and table of peers.
 */
#define MANY 60000

struct world {
	struct testtls w;
	struct director_conf conf;
	struct registry *registry;
	struct peers *peers;
	struct control *control;
	struct uplink *uplink;
	struct peer_batch *batch;
	int n_welcomes, n_byes, n_changes;
	size_t lines;
	struct logger lg;

	/* a member of our own making */
	struct tls_stream *raw;
	char received[4096];
	size_t received_len;
	bool is_raw_closed;
};

static void count_line(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	(void)level;
	(void)group;
	(void)line;
	(*(size_t *)ctx)++;
}

static void on_changed(void *ctx)
{
	struct world *d = ctx;
	struct registry_event event;

	d->n_changes++;
	while (registry_next_event(d->registry, &event))
		;
}

static const struct ip home = { IP_V4, { 192, 0, 2, 21 } };

static void start(struct world *d)
{
	static char cluster[] = "demo";
	const struct registry_conf times = { .suspect_ms = 60000 };
	const struct control_events events = { .changed = on_changed, .ctx = d };
	struct member m1 = { .name = "m1", .number = 7, .n_home = 1, .weight = 100 };
	struct member m2 = { .name = "m2", .number = 8, .weight = 100 };
	struct errtext why;

	*d = (struct world){ .n_welcomes = 0 };
	d->lg = (struct logger){ LOG_LEVEL_INFO, count_line, &d->lines };
	testtls_init(&d->w);
	testtls_serve(&d->w);
	m1.home[0] = home;
	d->registry = registry_new(&times);
	d->peers = peers_new();
	assert_non_null(d->registry);
	assert_non_null(d->peers);
	assert_int_equal(registry_add(d->registry, &m1), 0);
	assert_int_equal(registry_add(d->registry, &m2), 0);
	d->conf.cluster = cluster;
	d->conf.control = d->w.at;
	assert_int_equal(control_new(&d->w.loop, &d->conf, d->registry, d->peers, &d->lg, &events,
				     &d->control, &why),
			 0);
	d->w.protocol.on_accept = control_accept;
	d->w.protocol.ctx = d->control;
}

static void stop(struct world *d)
{
	uplink_close(d->uplink);
	if (d->raw != NULL)
		tls_stream_close(d->raw, "test ends");
	testtls_stop_server(&d->w);
	while (!d->w.is_server_closed)
		uv_run(&d->w.loop, UV_RUN_ONCE);
	control_free(d->control);
	testtls_finish(&d->w);
	peer_batch_free(d->batch);
	registry_free(d->registry);
	peers_free(d->peers);
}

/* ---- the uplink ---- */

static void fill_hello(void *ctx, struct msg_hello *hello)
{
	static struct msg_address address; /* borrowed until the next call */

	(void)ctx;
	address.address = home;
	hello->version = "0.1";
	hello->dataplane = "tun";
	hello->addresses = &address;
	hello->n_addresses = 1;
	hello->capacity = 10000;
}

static void fill_heartbeat(void *ctx, struct msg_heartbeat *hb)
{
	(void)ctx;
	hb->state = MSG_STATE_ACTIVE;
}

static void fill_report(void *ctx, struct msg_report *report)
{
	(void)ctx;
	report->load.capacity = 10000;
}

static void on_welcome(void *ctx, const struct msg_welcome *welcome)
{
	struct world *d = ctx;

	assert_int_equal(welcome->number, 7);
	d->n_welcomes++;
}

static void on_order(void *ctx, const struct message *m)
{
	(void)ctx;
	(void)m;
}

static void on_last_words(void *ctx, const struct endpoint *to, struct bytes words)
{
	struct world *d = ctx;

	assert_int_equal(to->port, d->w.at.port);
	assert_true(words.len > HEARTBEAT_MAC_SIZE);
}

static void on_lost(void *ctx)
{
	(void)ctx;
}

static void on_bye_done(void *ctx)
{
	((struct world *)ctx)->n_byes++;
}

static void connect_uplink(struct world *d)
{
	const struct uplink_conf conf = {
		.director = d->w.at,
		.director_name = "d1",
		.tls = d->w.client_tls,
		.boot_id = 0xaa,
	};
	const struct uplink_events events = {
		.fill_hello = fill_hello,
		.welcome = on_welcome,
		.fill_heartbeat = fill_heartbeat,
		.fill_report = fill_report,
		.order = on_order,
		.last_words = on_last_words,
		.lost = on_lost,
		.bye_done = on_bye_done,
		.ctx = d,
	};
	struct errtext why;

	assert_int_equal(uplink_new(&d->w.loop, &conf, &d->lg, &events, &d->uplink, &why), 0);
	uplink_start(d->uplink);
}

static bool is_active(void *ctx)
{
	const struct world *d = ctx;

	return uplink_is_up(d->uplink) && registry_get(d->registry, 0)->state == MEMBER_ACTIVE;
}

static bool is_bye_done(void *ctx)
{
	return ((const struct world *)ctx)->n_byes > 0;
}

static void test_life(void **state)
{
	const struct msg_bye bye = { .reason = "test ends" };
	struct world d;

	(void)state;
	start(&d);
	connect_uplink(&d);
	assert_true(testloop_run_until(&d.w.loop, is_active, &d));
	uplink_bye(d.uplink, &bye);
	assert_true(testloop_run_until(&d.w.loop, is_bye_done, &d));
	assert_int_equal(registry_get(d.registry, 0)->state, MEMBER_LEFT);
	assert_int_equal(d.n_welcomes, 1);
	stop(&d);
}

/* One frame at a turn, as the agent does by its timer. */
static bool tells_until_known(void *ctx)
{
	struct world *d = ctx;
	const struct msg_peer *rest;
	size_t n;

	rest = peer_batch_rest(d->batch, &n);
	if (n > 0 && !uplink_is_full(d->uplink))
		peer_batch_skip(d->batch, uplink_send_peers(d->uplink, n == MANY, rest, n));
	return peers_count_all(d->peers) == MANY;
}

/* More than the connection may hold at once: all arrive, on the first connection, and are no news.
 */
static void test_many_peers(void **state)
{
	struct peer_info peer = { .identity = "site.peers.example.net", .connection = "sites" };
	struct world d;

	(void)state;
	start(&d);
	connect_uplink(&d);
	assert_true(testloop_run_until(&d.w.loop, is_active, &d));
	d.batch = peer_batch_new(MANY);
	assert_non_null(d.batch);
	assert_int_equal(endpoint_parse("198.51.100.1:4500", &peer.path.remote), 0);
	for (size_t i = 0; i < MANY; i++) {
		peer.spi = 0x0700000000000001 + i;
		peer_batch_add(d.batch, &peer, 60000);
	}
	d.lines = 0;
	assert_true(testloop_run_until(&d.w.loop, tells_until_known, &d));
	assert_int_equal(d.n_welcomes, 1);
	assert_in_range(d.lines, 0, 10);
	stop(&d);
}

static void test_batch(void **state)
{
	struct peer_batch *b = peer_batch_new(3);
	struct peer_info peer = { .connection = "sites" };
	const struct msg_peer *rest;
	size_t n;

	(void)state;
	assert_non_null(b);
	for (peer.spi = 1; peer.spi <= 4; peer.spi++) {
		snprintf(peer.identity, sizeof(peer.identity), "p%u", (unsigned int)peer.spi);
		peer_batch_add(b, &peer, 1000);
	}
	rest = peer_batch_rest(b, &n);
	assert_non_null(rest);
	assert_int_equal(n, 3); /* there is no room for the fourth */
	peer_batch_skip(b, 1);
	peer_batch_drop(b, 1); /* told already */
	peer_batch_drop(b, 77);
	peer_batch_drop(b, 2);
	rest = peer_batch_rest(b, &n);
	assert_int_equal(n, 1);
	assert_int_equal(rest->spi, 3);
	assert_string_equal(rest->identity, "p3");
	peer_batch_drop(b, 3);
	peer_batch_rest(b, &n);
	assert_int_equal(n, 0);
	peer_batch_free(b);
	peer_batch_free(NULL);
}

/* ---- members that do not keep to the protocol ---- */

#define HELLO(member, address)                                                              \
	"{\"type\":\"hello\",\"id\":1,\"proto\":\"1.0\",\"member\":\"" member               \
	"\",\"boot_id\":\"0000000000000001\",\"version\":\"1\",\"dataplane\":\"tun\","      \
	"\"addresses\":[{\"address\":\"" address                                            \
	"\",\"claim\":\"l2\",\"held\":false,\"epoch\":0}],\"capacity\":10,\"max_epoch\":0," \
	"\"ring_ids\":[]}\n"
#define HELLO_M1 HELLO("m1", "192.0.2.21")
#define BYE      "{\"type\":\"bye\",\"id\":2,\"reason\":\"x\",\"released\":[]}\n"

static void on_raw_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct world *d = ctx;
	size_t room = sizeof(d->received) - 1 - d->received_len;
	size_t n = data.len < room ? data.len : room;

	(void)s;
	memcpy(d->received + d->received_len, data.ptr, n);
	d->received_len += n;
}

static void on_raw_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct world *d = ctx;

	(void)s;
	(void)err;
	(void)why;
	d->raw = NULL;
	d->is_raw_closed = true;
}

static bool is_raw_open(void *ctx)
{
	return tls_stream_is_open(((const struct world *)ctx)->raw);
}

static bool is_raw_closed(void *ctx)
{
	return ((const struct world *)ctx)->is_raw_closed;
}

/* Sends text and waits for the director to end it; returns what it said. */
static const char *send_raw(struct world *d, const char *text)
{
	static const struct tls_stream_events events = { .on_data = on_raw_data,
							 .on_close = on_raw_close };

	d->is_raw_closed = false;
	d->received_len = 0;
	assert_int_equal(tls_stream_connect(&d->w.loop, d->w.client_tls, &d->w.at, &testtls_d1,
					    NULL, &events, d, &d->raw),
			 0);
	assert_true(testloop_run_until(&d->w.loop, is_raw_open, d));
	assert_int_equal(
	    tls_stream_write(d->raw, (struct bytes){ (const uint8_t *)text, strlen(text) }), 0);
	assert_true(testloop_run_until(&d->w.loop, is_raw_closed, d));
	d->received[d->received_len] = '\0';
	return d->received;
}

static void test_frames_out_of_order(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "{\"type\":\"peer\",\"id\":1,\"reset\":true,\"entries\":[]}\n", "before hello" },
		{ BYE, "before hello" },
		{ HELLO("m2", "192.0.2.21"), "another member's" },
		{ HELLO("m3", "192.0.2.21"), "another member's" },
		{ HELLO("m1", "192.0.2.22"), "not in agent.yaml" },
		{ HELLO_M1 HELLO_M1, "a second hello" },
		{ HELLO_M1 BYE BYE, "after bye" },
		{ HELLO_M1 "{\"type\":\"ack\",\"id\":3,\"seq\":1}\n", "director's to send" },
		{ "no frame\n", "" },
		{ "{\"type\":\"hello\"}\n", "missing" },
		{ "{\"type\":\"hello\",\"id\":1,\"proto\":\"9.0\"}\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world d;
		const char *said;

		start(&d);
		said = send_raw(&d, cases[i].text);
		if (strstr(said, "\"error\"") == NULL || strstr(said, cases[i].why) == NULL)
			fail_msg("case %zu: the director says: %s", i, said);
		assert_int_equal(peers_count_all(d.peers), 0);
		assert_int_not_equal(registry_get(d.registry, 0)->state, MEMBER_ACTIVE);
		stop(&d);
	}
}

/* A reason that is cut is cut between characters: an API that speaks UTF-8 can say it. */
static void test_long_reason(void **state)
{
	char text[2048] = HELLO_M1 "{\"type\":\"bye\",\"id\":2,\"reason\":\"";
	struct world d;
	const char *why;

	(void)state;
	for (int shift = 0; shift < 3; shift++) {
		char full[2048];

		start(&d);
		snprintf(full, sizeof(full), "%s%.*s", text, shift, "xxx");
		for (int i = 0; i < 80; i++)
			strcat(full, "\u20ac");
		strcat(full, "\",\"released\":[]}\n" BYE);
		send_raw(&d, full);
		assert_int_equal(registry_get(d.registry, 0)->state, MEMBER_LEFT);
		why = registry_get(d.registry, 0)->why;
		assert_non_null(strstr(why, "bye: "));
		assert_true(text_is_plain((struct bytes){ (const uint8_t *)why, strlen(why) }));
		stop(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),        cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_batch),       cmocka_unit_test(test_frames_out_of_order),
		cmocka_unit_test(test_long_reason),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
