/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/control/frame.h"
#include "common/control/heartbeat.h"
#include "common/io/udp.h"
#include "director/control/control_internal.h"
#include "tests/lib/testtls.h"

/*
 * The director's end when addresses move: orders to a member and its answers, where members are,
 * and the last words of a keeper. The member is of our own making.
 */
#define BOOT "00000000000000aa"

struct world {
	struct testtls w;
	struct director_conf conf;
	struct registry *registry;
	struct peers *peers;
	struct control *control;

	struct tls_stream *member; /* NULL from its end on */
	char received[8192];
	size_t received_len;
	uint8_t key[HEARTBEAT_KEY_SIZE];
	struct udp *udp;

	/* what the director was told, one line each */
	char told[2048];
	int n_changes;
};

/* ---- the director's listener ---- */

__attribute__((format(printf, 2, 3))) static void note(struct world *d, const char *fmt, ...)
{
	size_t len = strlen(d->told);
	va_list args;

	va_start(args, fmt);
	vsnprintf(d->told + len, sizeof(d->told) - len, fmt, args);
	va_end(args);
}

static void on_hello(void *ctx, size_t member, const struct msg_hello *hello,
		     const struct endpoint *mesh)
{
	char text[ENDPOINT_TEXT_MAX] = "nowhere";

	if (mesh->ip.family != IP_NONE)
		endpoint_format(mesh, text);
	note(ctx, "hello %zu, %zu addresses, mesh %s\n", member, hello->n_addresses, text);
}

static void on_heartbeat(void *ctx, size_t member)
{
	note(ctx, "heartbeat %zu\n", member);
}

static void on_disconnected(void *ctx, size_t member)
{
	note(ctx, "disconnected %zu\n", member);
}

static void on_bye(void *ctx, size_t member, const struct msg_bye *bye)
{
	note(ctx, "bye %zu, %zu released\n", member, bye->n_released);
}

static void on_gone(void *ctx, size_t member)
{
	note(ctx, "gone %zu\n", member);
}

static void on_answer(void *ctx, size_t member, const struct message *m)
{
	note(ctx, "%s %zu %u\n", message_type_name(m->type), member, (unsigned int)m->id);
}

static void on_event(void *ctx, size_t member, const struct msg_event *event)
{
	note(ctx, "event %zu %s: %s\n", member, event->what, event->why);
}

static uint64_t on_epoch(void *ctx)
{
	(void)ctx;
	return 1764072004;
}

static void on_changed(void *ctx)
{
	struct world *d = ctx;
	struct registry_event event;

	d->n_changes++;
	while (registry_next_event(d->registry, &event))
		;
}

/* ---- both ends ---- */

static void start(struct world *d)
{
	static char cluster[] = "demo";
	static const uint8_t notice_key[32] = { 1, 2, 3 };
	static const struct msg_key ring[] = {
		{ .id = "n1", .use = "notice", .key = { notice_key, 32 } }
	};
	const struct registry_conf times = { .suspect_ms = 60000 };
	const struct control_events events = {
		.hello = on_hello,
		.heartbeat = on_heartbeat,
		.disconnected = on_disconnected,
		.bye = on_bye,
		.gone = on_gone,
		.answer = on_answer,
		.event = on_event,
		.epoch = on_epoch,
		.changed = on_changed,
		.ctx = d,
	};
	struct member m1 = { .name = "m1", .number = 7, .n_home = 1 };
	struct member m2 = { .name = "m2", .number = 8, .n_home = 1 };
	struct errtext why;

	*d = (struct world){ .n_changes = 0 };
	testtls_init(&d->w);
	testtls_serve(&d->w);
	assert_int_equal(ip_parse("192.0.2.21", &m1.home[0]), 0);
	assert_int_equal(ip_parse("192.0.2.22", &m2.home[0]), 0);
	d->registry = registry_new(&times);
	d->peers = peers_new();
	assert_int_equal(registry_add(d->registry, &m1), 0);
	assert_int_equal(registry_add(d->registry, &m2), 0);
	d->conf.cluster = cluster;
	d->conf.control = d->w.at;
	assert_int_equal(control_new(&d->w.loop, &d->conf, d->registry, d->peers, NULL, &events,
				     &d->control, &why),
			 0);
	control_set_ring(d->control, ring, 1);
	d->w.protocol.on_accept = control_accept;
	d->w.protocol.ctx = d->control;
}

static void stop(struct world *d)
{
	udp_close(d->udp);
	if (d->member != NULL)
		tls_stream_close(d->member, "test ends");
	testtls_stop_server(&d->w);
	while (!d->w.is_server_closed)
		uv_run(&d->w.loop, UV_RUN_ONCE);
	control_free(d->control);
	testtls_finish(&d->w);
	registry_free(d->registry);
	peers_free(d->peers);
}

static void on_member_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct world *d = ctx;

	(void)s;
	assert_true(d->received_len + data.len < sizeof(d->received));
	memcpy(d->received + d->received_len, data.ptr, data.len);
	d->received_len += data.len;
	d->received[d->received_len] = '\0';
}

static void on_member_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	(void)s;
	(void)err;
	(void)why;
	((struct world *)ctx)->member = NULL;
}

static void nothing(void *ctx, const struct endpoint *remote, const struct endpoint *local,
		    struct bytes data)
{
	(void)ctx;
	(void)remote;
	(void)local;
	(void)data;
}

static bool is_open(void *ctx)
{
	return tls_stream_is_open(((const struct world *)ctx)->member);
}

static void say(struct world *d, const char *text)
{
	assert_int_equal(
	    tls_stream_write(d->member, (struct bytes){ (const uint8_t *)text, strlen(text) }), 0);
}

/* The text that is waited for, on one side or the other. */
static const char *wanted;

static bool is_received(void *ctx)
{
	return strstr(((const struct world *)ctx)->received, wanted) != NULL;
}

static bool is_told(void *ctx)
{
	return strstr(((const struct world *)ctx)->told, wanted) != NULL;
}

static void wait_received(struct world *d, const char *text)
{
	wanted = text;
	if (!testloop_run_until(&d->w.loop, is_received, d))
		fail_msg("no %s in %s", text, d->received);
}

static void wait_told(struct world *d, const char *text)
{
	wanted = text;
	if (!testloop_run_until(&d->w.loop, is_told, d))
		fail_msg("no %s in %s", text, d->told);
}

#define HELLO(more)                                                                            \
	"{\"type\":\"hello\",\"id\":1,\"proto\":\"1.1\",\"member\":\"m1\",\"boot_id\":\"" BOOT \
	"\",\"version\":\"1\",\"dataplane\":\"tun\",\"addresses\":["                           \
	"{\"address\":\"192.0.2.21\",\"link\":\"eth0\",\"claim\":\"l2\",\"held\":false,"       \
	"\"epoch\":0}" more "],\"capacity\":10,\"max_epoch\":0,"                               \
	"\"mesh\":\"0.0.0.0:7401\",\"ring_ids\":[]}\n"
#define ADOPT(ip)                                                                     \
	",{\"address\":\"" ip "\",\"link\":\"eth0\",\"claim\":\"l2\",\"held\":false," \
	"\"epoch\":0}"

static void connect_member(struct world *d, const char *hello)
{
	static const struct tls_stream_events events = { .on_data = on_member_data,
							 .on_close = on_member_close };
	struct endpoint any = { .ip = { IP_V4, { 127, 0, 0, 1 } } };
	struct errtext why;

	d->received_len = 0;
	d->received[0] = '\0';
	assert_int_equal(tls_stream_connect(&d->w.loop, d->w.client_tls, &d->w.at, &testtls_d1,
					    NULL, &events, d, &d->member),
			 0);
	assert_true(testloop_run_until(&d->w.loop, is_open, d));
	assert_int_equal(tls_stream_export(d->member, HEARTBEAT_KEY_LABEL,
					   (struct bytes){ NULL, 0 }, d->key, sizeof(d->key)),
			 0);
	if (d->udp == NULL)
		assert_int_equal(udp_open(&d->w.loop, &any, NULL, nothing, NULL, &d->udp, &why), 0);
	say(d, hello);
}

static void send_datagram(struct world *d, const struct message *m)
{
	uint8_t buf[HEARTBEAT_DATAGRAM_MAX];
	struct errtext why;
	struct bytes out;

	assert_int_equal(heartbeat_encode(m, (struct bytes){ d->key, sizeof(d->key) }, buf,
					  sizeof(buf), &out, &why),
			 0);
	udp_send(d->udp, NULL, &d->w.at, out);
}

/* ---- tests ---- */

static void test_welcome(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(ADOPT("192.0.2.22")));
	wait_received(&d, "\"welcome\"");
	assert_non_null(strstr(d.received, "\"epoch\":1764072004"));
	assert_non_null(strstr(d.received, "\"mesh\":\"127.0.0.1:7401\""));
	assert_non_null(
	    strstr(d.received, "\"ring\":[{\"id\":\"n1\",\"use\":\"notice\",\"key\":\"AQID"));
	assert_string_equal(d.told, "hello 0, 2 addresses, mesh 127.0.0.1:7401\n");
	/* Whoever is connected learns where others are, once. */
	control_tell_members(d.control);
	control_tell_members(d.control);
	wait_received(&d, "{\"type\":\"members\",\"members\":[{\"name\":\"m1\","
			  "\"home\":[\"192.0.2.21\"],\"mesh\":\"127.0.0.1:7401\",\"number\":7}");
	assert_null(strstr(strstr(d.received, "\"members\",") + 1, "\"type\":\"members\""));
	stop(&d);
}

/* As the lists of those that stay have it when a member was taken out of director.yaml. */
static void test_address_of_nobody(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(ADOPT("192.0.2.22") ADOPT("192.0.2.23")));
	wait_received(&d, "\"welcome\"");
	assert_non_null(strstr(d.told, "hello 0, 3 addresses"));
	assert_non_null(strstr(d.told, "address ignored"));
	assert_non_null(strstr(d.told, "192.0.2.23 is in agent.yaml of m1, but in director.yaml"));
	assert_null(strstr(d.told, "192.0.2.22"));
	stop(&d);
}

static void test_refused_hello(void **state)
{
	static const struct {
		const char *hello, *why;
	} cases[] = {
		{ HELLO(ADOPT("192.0.2.22") ADOPT("192.0.2.22")),
		  "192.0.2.22 is among the addresses "
		  "twice" },
		/* After these there would soon be no epochs left. */
		{ HELLO(",{\"address\":\"192.0.2.22\",\"link\":\"eth0\",\"claim\":\"l2\","
			"\"held\":true,\"epoch\":9007199254740991}"),
		  "epochs that cannot be" },
		{ "{\"type\":\"hello\",\"id\":1,\"proto\":\"1.1\",\"member\":\"m1\",\"boot_id\":"
		  "\"" BOOT "\",\"version\":\"1\",\"dataplane\":\"tun\",\"addresses\":["
		  "{\"address\":\"192.0.2.21\",\"link\":\"eth0\",\"claim\":\"l2\",\"held\":false,"
		  "\"epoch\":0}],\"capacity\":10,\"max_epoch\":1099528405775,"
		  "\"mesh\":\"0.0.0.0:7401\",\"ring_ids\":[]}\n",
		  "epochs that cannot be" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world d;

		start(&d);
		connect_member(&d, cases[i].hello);
		wait_received(&d, cases[i].why);
		assert_string_equal(d.told, "");
		stop(&d);
	}
}

static void test_orders_and_answers(void **state)
{
	struct message claim = { .type = MESSAGE_CLAIM, .id = 31 };
	struct world d;

	(void)state;
	start(&d);
	assert_int_equal(ip_parse("192.0.2.22", &claim.claim.address), 0);
	claim.claim.epoch = 9;
	assert_int_equal(control_send(d.control, 0, &claim), ERR_CLOSED);
	connect_member(&d, HELLO(ADOPT("192.0.2.22")));
	wait_received(&d, "\"welcome\"");
	assert_int_equal(control_send(d.control, 1, &claim), ERR_CLOSED);
	assert_int_equal(control_send(d.control, 0, &claim), 0);
	claim.claim.epoch = 0;
	assert_int_equal(control_send(d.control, 0, &claim), ERR_VALUE);
	wait_received(&d, "{\"type\":\"claim\",\"id\":31,\"address\":\"192.0.2.22\",\"epoch\":9}");
	say(&d, "{\"type\":\"claimed\",\"id\":31,\"address\":\"192.0.2.22\",\"epoch\":9}\n"
		"{\"type\":\"refused\",\"id\":32,\"address\":\"192.0.2.22\",\"epoch\":9,"
		"\"max_epoch\":9,\"code\":\"in-use\",\"why\":\"x\"}\n"
		"{\"type\":\"released\",\"address\":\"192.0.2.22\",\"epoch\":9,\"why\":\"x\"}\n"
		"{\"type\":\"probe_result\",\"id\":34,\"address\":\"192.0.2.22\",\"agent\":\"no\","
		"\"link\":\"no\",\"reference\":\"yes\"}\n"
		"{\"type\":\"event\",\"what\":\"alarm\",\"why\":\"forged\"}\n"
		"{\"type\":\"bye\",\"id\":2,\"reason\":\"x\",\"released\":[\"192.0.2.22\"]}\n");
	wait_told(&d, "claimed 0 31\nrefused 0 32\nreleased 0 0\nprobe_result 0 34\n"
		      "event 0 alarm: forged\nbye 0, 1 released\n");
	claim.claim.epoch = 9;
	assert_int_equal(control_send(d.control, 0, &claim), ERR_CLOSED);
	stop(&d);
	assert_null(strstr(d.told, "disconnected"));
}

static void test_gone_as_a_frame(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(""));
	wait_received(&d, "\"welcome\"");
	say(&d, "{\"type\":\"gone\",\"member\":\"m1\",\"boot_id\":\"" BOOT "\"}\n");
	wait_received(&d, "that is for a datagram");
	stop(&d);
	assert_null(strstr(d.told, "gone"));
}

/* A member that has many reasons to complain does not fill the history, nor silence others. */
static void test_many_events(void **state)
{
	struct world d;
	uint64_t suppressed, now;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(""));
	wait_received(&d, "\"welcome\"");
	d.told[0] = '\0';
	for (int i = 0; i < 300; i++)
		say(&d, "{\"type\":\"event\",\"what\":\"w\",\"why\":\"y\"}\n");
	say(&d, "{\"type\":\"bye\",\"id\":2,\"reason\":\"x\",\"released\":[]}\n");
	wait_received(&d, "\"ok\"");
	assert_in_range(control_counter(d.control, CONTROL_EVENT_DROPPED), 50, 100);
	now = control_now_ms();
	for (int i = 0; i < 150; i++)
		assert_true(
		    log_limit_is_allowed(&d.control->members[1].event_limit, now, &suppressed));
	stop(&d);
}

/* ---- last words ---- */

static const struct message gone = { .type = MESSAGE_GONE, .gone = { "m1", 0xaa } };

static bool is_counted(void *ctx)
{
	return control_counter(((const struct world *)ctx)->control, CONTROL_GONE) == 3;
}

static bool is_unknown(void *ctx)
{
	return control_counter(((const struct world *)ctx)->control, CONTROL_HEARTBEAT_UNKNOWN) > 0;
}

/* Before the connection is seen to end: that comes then, and says nothing new. */
static void test_gone_before_the_end(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(""));
	wait_received(&d, "\"welcome\"");
	send_datagram(&d, &gone);
	wait_told(&d, "gone 0\ndisconnected 0\n");
	stop(&d);
}

/* After the connection has ended, three times; then the key is worth nothing any more. */
static void test_gone_after_the_end(void **state)
{
	struct message hb = { .type = MESSAGE_HEARTBEAT,
			      .heartbeat = { "m1", 1, 0xaa, 0, 0, 0, 0, MSG_STATE_ACTIVE } };
	struct message other = gone;
	struct world d;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(""));
	wait_received(&d, "\"welcome\"");
	send_datagram(&d, &hb);
	wait_told(&d, "heartbeat 0\n");
	tls_stream_abort(d.member, "killed");
	wait_told(&d, "disconnected 0\n");
	hb.heartbeat.seq = 2;
	send_datagram(&d, &hb);
	assert_true(testloop_run_until(&d.w.loop, is_unknown, &d));
	/* Of an earlier start of the agent. */
	other.gone.boot_id = 0xbb;
	send_datagram(&d, &other);
	send_datagram(&d, &other);
	send_datagram(&d, &other);
	assert_true(testloop_run_until(&d.w.loop, is_counted, &d));
	assert_null(strstr(d.told, "gone"));
	send_datagram(&d, &gone);
	wait_told(&d, "disconnected 0\ngone 0\n");
	send_datagram(&d, &gone);
	/* The agent is back: what is sent again of its last life is forged now. */
	connect_member(&d, HELLO(""));
	wait_received(&d, "\"welcome\"");
	wait_told(&d, "gone 0\nhello 0");
	stop(&d);
	assert_null(strstr(strstr(d.told, "gone 0") + 1, "gone 0"));
}

static bool is_forged(void *ctx)
{
	return control_counter(((const struct world *)ctx)->control, CONTROL_HEARTBEAT_FORGED) == 1;
}

static void test_gone_forged(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	connect_member(&d, HELLO(""));
	wait_received(&d, "\"welcome\"");
	d.key[0] ^= 1;
	send_datagram(&d, &gone);
	assert_true(testloop_run_until(&d.w.loop, is_forged, &d));
	assert_null(strstr(d.told, "gone"));
	stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_address_of_nobody),
		cmocka_unit_test(test_refused_hello),
		cmocka_unit_test(test_orders_and_answers),
		cmocka_unit_test(test_gone_as_a_frame),
		cmocka_unit_test(test_many_events),
		cmocka_unit_test(test_gone_before_the_end),
		cmocka_unit_test(test_gone_after_the_end),
		cmocka_unit_test(test_gone_forged),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
