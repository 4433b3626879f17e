/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "director/control/control.h"
#include "tests/lib/testtls.h"

/* The director's end of the control channel: keys, revocations, IKE SAs that moved elsewhere. */

#define M1 0
#define M2 1

struct agent {
	struct tls_ctx *tls;
	struct tls_stream *stream; /* NULL from its end on */
	char received[8192];
	size_t received_len;
};

static struct world {
	struct testtls w;
	struct director_conf conf;
	struct registry *registry;
	struct peers *peers;
	struct control *control;
	struct agent agents[2];
	struct tls_files m2;
	char told[1024]; /* the listener, a line each */
} world;

static const uint8_t octets[32] = { 1, 2, 3 };
static const struct msg_key ring[] = {
	{ .id = "notice-1", .use = "notice", .key = { octets, 32 } },
	{ .id = "ticket-00000000000000a1", .use = "ticket", .key = { octets, 32 }, .issue = true },
};
static const struct msg_revocation revocations[] = { { 1, MSG_REVOKED_ALL, NULL, 2, 3 } };

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
	size_t len = strlen(world.told);
	va_list args;

	va_start(args, fmt);
	vsnprintf(world.told + len, sizeof(world.told) - len, fmt, args);
	va_end(args);
}

static void on_hello(void *ctx, size_t member, const char *const *ids, size_t n)
{
	(void)ctx;
	note("hello %zu %zu %s\n", member, n, n > 0 ? ids[0] : "-");
}

static void on_ring_ok(void *ctx, size_t member, const struct msg_ring_ok *m)
{
	(void)ctx;
	note("ring_ok %zu %zu %s\n", member, m->n_ids, m->n_ids > 0 ? m->ids[0] : "-");
}

static void on_ok(void *ctx, size_t member, uint64_t id)
{
	(void)ctx;
	note("ok %zu %u\n", member, (unsigned int)id);
}

static void on_changed(void *ctx)
{
	struct registry_event event;

	(void)ctx;
	while (registry_next_event(world.registry, &event))
		;
}

static int start(void **state)
{
	static char cluster[] = "demo";
	const struct registry_conf times = { .suspect_ms = 60000 };
	const struct control_events events = { .changed = on_changed };
	const struct control_ticket_events tickets = { on_hello, on_ring_ok, on_ok, NULL };
	struct errtext why;

	(void)state;
	world = (struct world){ .told = "" };
	testtls_init(&world.w);
	testtls_serve(&world.w);
	world.registry = registry_new(&times);
	world.peers = peers_new();
	for (uint8_t i = 0; i < 2; i++) {
		struct member m = { .number = (uint8_t)(i + 1) };

		snprintf(m.name, sizeof(m.name), "m%d", i + 1);
		assert_int_equal(registry_add(world.registry, &m), 0);
	}
	world.conf.cluster = cluster;
	world.conf.control = world.w.at;
	assert_int_equal(control_new(&world.w.loop, &world.conf, world.registry, world.peers, NULL,
				     &events, &world.control, &why),
			 0);
	control_set_ring(world.control, ring, 2);
	control_set_revocations(world.control, revocations, 1);
	control_on_tickets(world.control, &tickets);
	world.w.protocol.on_accept = control_accept;
	world.w.protocol.ctx = world.control;
	world.m2 = testpki_issue(testtls_pki, "m2", "waypost:member:m2");
	return 0;
}

static bool are_ended(void *ctx)
{
	(void)ctx;
	return world.agents[M1].stream == NULL && world.agents[M2].stream == NULL;
}

static int stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		if (world.agents[i].stream != NULL)
			tls_stream_close(world.agents[i].stream, "test ends");
	}
	assert_true(testloop_run_until(&world.w.loop, are_ended, NULL));
	testtls_stop_server(&world.w);
	while (!world.w.is_server_closed)
		uv_run(&world.w.loop, UV_RUN_ONCE);
	control_free(world.control);
	for (size_t i = 0; i < 2; i++)
		tls_ctx_free(world.agents[i].tls);
	testtls_finish(&world.w);
	registry_free(world.registry);
	peers_free(world.peers);
	return 0;
}

/* ---- agents ---- */

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct agent *a = ctx;

	(void)s;
	assert_true(a->received_len + data.len < sizeof(a->received));
	memcpy(a->received + a->received_len, data.ptr, data.len);
	a->received_len += data.len;
	a->received[a->received_len] = '\0';
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	(void)s;
	(void)err;
	(void)why;
	((struct agent *)ctx)->stream = NULL;
}

static bool is_open(void *ctx)
{
	return tls_stream_is_open(((const struct agent *)ctx)->stream);
}

static const char *wanted;

static bool is_received(void *ctx)
{
	return strstr(((const struct agent *)ctx)->received, wanted) != NULL;
}

static bool is_told(void *ctx)
{
	(void)ctx;
	return strstr(world.told, wanted) != NULL;
}

static void wait_received(size_t member, const char *text)
{
	wanted = text;
	if (!testloop_run_until(&world.w.loop, is_received, &world.agents[member]))
		fail_msg("no %s in %s", text, world.agents[member].received);
}

static void wait_told(const char *text)
{
	wanted = text;
	if (!testloop_run_until(&world.w.loop, is_told, NULL))
		fail_msg("no %s in %s", text, world.told);
}

static void say(size_t member, const char *text)
{
	assert_int_equal(tls_stream_write(world.agents[member].stream,
					  (struct bytes){ (const uint8_t *)text, strlen(text) }),
			 0);
}

static void join(size_t member, const char *version, const char *ids)
{
	static const struct tls_stream_events events = { .on_data = on_data, .on_close = on_close };
	struct agent *a = &world.agents[member];
	char hello[512];

	a->tls = testtls_ctx(member == M1 ? &testtls_member : &world.m2, TESTTLS_PROTOCOL);
	assert_int_equal(tls_stream_connect(&world.w.loop, a->tls, &world.w.at, &testtls_d1, NULL,
					    &events, a, &a->stream),
			 0);
	assert_true(testloop_run_until(&world.w.loop, is_open, a));
	snprintf(hello, sizeof(hello),
		 "{\"type\":\"hello\",\"id\":1,\"proto\":\"%s\",\"member\":\"m%zu\",\"boot_id\":"
		 "\"00000000000000aa\",\"version\":\"1\",\"dataplane\":\"tun\",\"addresses\":[],"
		 "\"capacity\":10,\"max_epoch\":0,\"ring_ids\":[%s]}\n",
		 version, member + 1, ids);
	say(member, hello);
	wait_received(member, "\"welcome\"");
}

/* ---- tests ---- */

static void test_ring_and_revocations(void **state)
{
	struct message m = { .type = MESSAGE_RING, .id = 5, .ring = { ring, 2 } };

	(void)state;
	join(M1, "1.2", "\"notice-1\",\"ticket-00000000000000a0\"");
	wait_received(M1, "\"use\":\"ticket\",\"key\":\"AQIDAAAA");
	wait_received(M1, "\"revocations\":[{\"id\":1,\"what\":\"all\",\"before\":2,\"until\":3}]");
	wait_told("hello 0 2 notice-1\n");
	assert_true(control_knows_tickets(world.control, M1));
	assert_false(control_knows_tickets(world.control, M2));
	assert_int_equal(control_send(world.control, M1, &m), 0);
	wait_received(M1, "{\"type\":\"ring\",\"id\":5,\"keys\":[{\"id\":\"notice-1\"");
	say(M1, "{\"type\":\"ring_ok\",\"id\":5,\"ids\":[\"notice-1\"]}\n"
		"{\"type\":\"ok\",\"id\":6}\n");
	wait_told("ring_ok 0 1 notice-1\nok 0 6\n");
}

/* Who does not know of tickets is not confused with them. */
static void test_older_version(void **state)
{
	(void)state;
	join(M1, "1.1", "\"notice-1\"");
	wait_received(M1, "\"ring\":[{\"id\":\"notice-1\",\"use\":\"notice\",\"key\":\"AQIDAAAA");
	assert_null(strstr(world.agents[M1].received, "ticket"));
	assert_null(strstr(world.agents[M1].received, "revocations"));
	assert_false(control_knows_tickets(world.control, M1));
	assert_string_equal(world.told, "");
}

#define PEER(spi, more)                                                                  \
	"{\"type\":\"peer\",\"entries\":[{\"event\":\"up\",\"identity\":\"p1\",\"spi\":" \
	"\"" spi "\",\"address\":\"192.0.2.101:4500\",\"connection\":\"sites\","         \
	"\"inner\":[],\"how\":\"resumed\"," more "}]}\n"

static bool is_listed(void *ctx)
{
	return peers_count(world.peers, *(const size_t *)ctx) == 1;
}

static void test_superseded(void **state)
{
	size_t member = M2;

	(void)state;
	join(M1, "1.2", "");
	join(M2, "1.2", "");
	say(M2, PEER("0200000000000001", "\"since_ms\":60000"));
	assert_true(testloop_run_until(&world.w.loop, is_listed, &member));
	say(M1, PEER("0100000000000001", "\"since_ms\":0,\"supersedes\":\"0200000000000001\""));
	wait_received(M2, "{\"type\":\"superseded\",\"spi\":\"0200000000000001\",\"identity\":"
			  "\"p1\",\"by\":\"m1\"}");
	assert_int_equal(control_counter(world.control, CONTROL_SUPERSEDED), 1);
	/* And back again, now by what the peer says of itself. */
	say(M2, PEER("0200000000000002", "\"since_ms\":0,\"initial_contact\":true"));
	wait_received(M1, "{\"type\":\"superseded\",\"spi\":\"0100000000000001\",\"identity\":"
			  "\"p1\",\"by\":\"m2\"}");
	assert_int_equal(control_counter(world.control, CONTROL_SUPERSEDED), 2);
}

static bool is_forgotten(void *ctx)
{
	return peers_count(world.peers, *(const size_t *)ctx) == 0;
}

static bool is_away(void *ctx)
{
	return !control_knows_tickets(world.control, *(const size_t *)ctx);
}

/* A member that is away cannot be told: its word does not hold any more. */
static void test_superseded_while_away(void **state)
{
	size_t member = M2;

	(void)state;
	join(M1, "1.2", "");
	join(M2, "1.2", "");
	say(M2, PEER("0200000000000001", "\"since_ms\":60000"));
	assert_true(testloop_run_until(&world.w.loop, is_listed, &member));
	tls_stream_close(world.agents[M2].stream, "cut off");
	assert_true(testloop_run_until(&world.w.loop, is_away, &member));
	assert_true(is_listed(&member));
	say(M1, PEER("0100000000000001", "\"since_ms\":0,\"supersedes\":\"0200000000000001\""));
	assert_true(testloop_run_until(&world.w.loop, is_forgotten, &member));
	assert_int_equal(control_counter(world.control, CONTROL_SUPERSEDED), 0);
}

/* A version that does not know it, and an SPI of nobody: nothing to say, nothing goes wrong. */
static void test_superseded_to_nobody(void **state)
{
	size_t member = M2;

	(void)state;
	join(M1, "1.2", "");
	join(M2, "1.1", "");
	say(M2, PEER("0200000000000001", "\"since_ms\":60000"));
	assert_true(testloop_run_until(&world.w.loop, is_listed, &member));
	say(M1, PEER("0100000000000001", "\"since_ms\":0,\"supersedes\":\"0200000000000001\"")
		    PEER("0100000000000002", "\"since_ms\":0,\"supersedes\":\"bf00000000000001\""));
	say(M1, "{\"type\":\"ok\",\"id\":9}\n");
	wait_told("ok 0 9\n");
	assert_int_equal(control_counter(world.control, CONTROL_SUPERSEDED), 0);
	assert_null(strstr(world.agents[M2].received, "superseded"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ring_and_revocations, start, stop),
		cmocka_unit_test_setup_teardown(test_older_version, start, stop),
		cmocka_unit_test_setup_teardown(test_superseded, start, stop),
		cmocka_unit_test_setup_teardown(test_superseded_while_away, start, stop),
		cmocka_unit_test_setup_teardown(test_superseded_to_nobody, start, stop),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
