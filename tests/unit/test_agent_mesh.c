/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/mesh/neighbours.h"
#include "tests/lib/testloop.h"

/*
 * One member on a loop, on loopback: 127.0.0.21 is its home, 127.0.0.22 one that it does not hold,
 * 127.0.0.1 stands for its mesh endpoint. The test is the other members.
 */
#define OWN   1
#define OTHER 2

static const uint8_t key_octets[32] = "the cluster's key of notices ...";
static const uint8_t old_octets[32] = "the key of before, still heard..";
static const struct bytes key = { key_octets, 32 };
static const struct bytes old_key = { old_octets, 32 };

struct side {
	uv_loop_t loop;
	struct neighbours *n;
	int socket; /* the other member */
	int notices, asks, results;
	struct mesh_msg notice;
	struct msg_probe_result result;
	uint64_t order;
	uint32_t ask_id;
	struct ip asked;
	int ask_err;
};

static struct ip address(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

static void on_notice(void *ctx, const struct mesh_msg *notice, const struct endpoint *from)
{
	struct side *s = ctx;

	assert_int_equal(from->ip.family, IP_V4);
	s->notices++;
	s->notice = *notice;
}

static enum mesh_place on_look(void *ctx, const struct ip *ip, uint64_t *epoch)
{
	struct ip held = address("127.0.0.21"), absent = address("127.0.0.22");

	(void)ctx;
	*epoch = 0;
	if (ip_is_equal(ip, &held))
		*epoch = 77;
	return ip_is_equal(ip, &held)     ? MESH_HELD
	       : ip_is_equal(ip, &absent) ? MESH_NOT_HELD
					  : MESH_NO_SERVICE;
}

static int on_ask(void *ctx, size_t index, const struct ip *target, uint32_t *id)
{
	struct side *s = ctx;

	assert_int_equal(index, 3);
	s->asks++;
	s->asked = *target;
	*id = s->ask_id++;
	return s->ask_err;
}

static void on_probed(void *ctx, uint64_t order, const struct msg_probe_result *result)
{
	struct side *s = ctx;

	s->results++;
	s->order = order;
	s->result = *result;
}

static void start(struct side *s, const char *listen)
{
	const struct neighbours_events events = { on_notice, on_look, on_ask, on_probed, s };
	const struct bytes keys[] = { key, old_key };
	struct sockaddr_in local = { .sin_family = AF_INET };
	struct mesh_conf conf = { .n_links = 1, .links = { "lo" } };
	struct errtext why = { "" };

	memset(s, 0, sizeof(*s));
	conf.listen.ip = address(listen); /* at any port: other tests run too */
	assert_int_equal(uv_loop_init(&s->loop), 0);
	if (neighbours_new(&s->loop, &conf, NULL, &events, &s->n, &why) != 0)
		fail_msg("%s", why.text);
	neighbours_identify(s->n, OWN, 11);
	neighbours_set_keys(s->n, keys, 2);
	s->socket = socket(AF_INET, SOCK_DGRAM, 0);
	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(s->socket, (struct sockaddr *)&local, sizeof(local)), 0);
}

static void stop(struct side *s)
{
	close(s->socket);
	neighbours_close(s->n);
	neighbours_close(NULL);
	assert_true(testloop_finish(&s->loop));
}

/* From the other member to one of our addresses. */
static void send_octets(struct side *s, const char *to, const uint8_t *octets, size_t len)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(neighbours_port(s->n)) };

	assert_int_equal(inet_pton(AF_INET, to, &sa.sin_addr), 1);
	assert_int_equal(sendto(s->socket, octets, len, 0, (struct sockaddr *)&sa, sizeof(sa)),
			 len);
}

static void send_msg(struct side *s, const char *to, const struct mesh_msg *m, struct bytes with)
{
	uint8_t out[MESH_SIZE];

	assert_int_equal(mesh_encode(m, with, out), 0);
	send_octets(s, to, out, sizeof(out));
}

/* What has come to the member is dealt with when nothing more is to be read. */
static void settle(struct side *s)
{
	for (int i = 0; i < 3; i++)
		uv_run(&s->loop, UV_RUN_NOWAIT);
}

/* The answer that the other member got, and where it came from; false: none. */
static bool receive(struct side *s, struct mesh_msg *out, char from[INET_ADDRSTRLEN])
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	uint8_t octets[MESH_SIZE + 1];
	ssize_t n;

	settle(s);
	n = recvfrom(s->socket, octets, sizeof(octets), MSG_DONTWAIT, (struct sockaddr *)&sa, &len);
	if (n < 0)
		return false;
	assert_int_equal(n, MESH_SIZE);
	assert_int_equal(mesh_decode((struct bytes){ octets, (size_t)n }, &key, 1, out), 0);
	assert_non_null(inet_ntop(AF_INET, &sa.sin_addr, from, INET_ADDRSTRLEN));
	return true;
}

static struct mesh_msg probe_of(const char *ip)
{
	return (struct mesh_msg){ .type = MESH_PROBE,
				  .number = OTHER,
				  .boot_id = 22,
				  .address = address(ip),
				  .nonce = "a nonce of mine" };
}

static uint64_t counter(const struct side *s, const char *name)
{
	struct msg_counter counters[MESH_COUNTER_COUNT];
	size_t n = neighbours_counters(s->n, counters);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(counters[i].name, name) == 0)
			return counters[i].value;
	}
	return 0;
}

/* ---- probes of others ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *to, *about;
		bool is_answered;
		uint64_t epoch;
	} cases[] = {
		{ "127.0.0.21", "127.0.0.21", true, 77 },
		{ "127.0.0.21", "127.0.0.22", false, 0 }, /* not what was asked */
		{ "127.0.0.22", "127.0.0.22", false, 0 }, /* here in the kernel, not ours */
		{ "127.0.0.22", "127.0.0.21", false, 0 },
		{ "127.0.0.1", "127.0.0.21", true, 77 }, /* as a reference */
		{ "127.0.0.1", "127.0.0.22", true, 0 },
		{ "127.0.0.1", "192.0.2.99", true, 0 },
		{ "239.255.87.87", "192.0.2.99", false, 0 },
	};
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mesh_msg probe = probe_of(cases[i].about), got;
		char from[INET_ADDRSTRLEN];
		bool is_answered;

		send_msg(&s, cases[i].to, &probe, i % 2 == 0 ? key : old_key);
		is_answered = receive(&s, &got, from);
		if (is_answered != cases[i].is_answered)
			fail_msg("case %zu: %d", i, is_answered);
		if (!is_answered)
			continue;
		assert_string_equal(from, cases[i].to);
		assert_int_equal(got.type, MESH_ANSWER);
		assert_int_equal(got.number, OWN);
		assert_int_equal(got.boot_id, 11);
		assert_int_equal(got.epoch, cases[i].epoch);
		assert_true(ip_is_equal(&got.address, &probe.address));
		assert_memory_equal(got.nonce, probe.nonce, MESH_NONCE_SIZE);
	}
	stop(&s);
}

/* Told to use one address only, others are no endpoint; service addresses are. */
static void test_one_listen_address(void **state)
{
	struct mesh_msg probe = probe_of("127.0.0.21"), got;
	char from[INET_ADDRSTRLEN];
	struct side s;

	(void)state;
	start(&s, "127.0.0.5");
	send_msg(&s, "127.0.0.1", &probe, key);
	assert_false(receive(&s, &got, from));
	send_msg(&s, "127.0.0.5", &probe, key);
	assert_true(receive(&s, &got, from));
	assert_string_equal(from, "127.0.0.5");
	send_msg(&s, "127.0.0.21", &probe, key);
	assert_true(receive(&s, &got, from));
	stop(&s);
}

static void test_silence(void **state)
{
	static const uint8_t wrong_octets[32] = "not the key";
	const struct bytes wrong_key = { wrong_octets, 32 };
	struct mesh_msg probe = probe_of("127.0.0.21"), got;
	uint8_t octets[2 * MESH_SIZE + 8] = { 0 };
	char from[INET_ADDRSTRLEN];
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	send_msg(&s, "127.0.0.21", &probe, wrong_key);
	assert_false(receive(&s, &got, from));
	assert_int_equal(counter(&s, "mesh-drop-auth"), 1);
	send_octets(&s, "127.0.0.21", octets, MESH_SIZE - 1);
	send_octets(&s, "127.0.0.21", octets, MESH_SIZE + 1);
	send_octets(&s, "127.0.0.21", octets, sizeof(octets));
	assert_false(receive(&s, &got, from));
	assert_int_equal(counter(&s, "mesh-drop-form"), 2);
	/* Somebody with our own number: ourselves, over the group. */
	probe.number = OWN;
	send_msg(&s, "127.0.0.21", &probe, key);
	assert_false(receive(&s, &got, from));
	/* Without a key there is nobody whom we know. */
	probe.number = OTHER;
	neighbours_set_keys(s.n, NULL, 0);
	send_msg(&s, "127.0.0.21", &probe, key);
	assert_false(receive(&s, &got, from));
	assert_int_equal(counter(&s, "mesh-drop-no-key"), 1);
	stop(&s);
}

/* ---- notices ---- */

static void test_notice_is_heard(void **state)
{
	struct mesh_msg notice = {
		.type = MESH_NOTICE, .number = OTHER, .boot_id = 22, .epoch = 5
	};
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	notice.address = address("127.0.0.21");
	send_msg(&s, "127.0.0.1", &notice, key);
	settle(&s);
	assert_int_equal(s.notices, 1);
	assert_int_equal(s.notice.epoch, 5);
	assert_int_equal(s.notice.number, OTHER);
	stop(&s);
}

static void test_notice_is_sent(void **state)
{
	const struct ip ip = address("127.0.0.21");
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	struct endpoint other = { address("127.0.0.1"), 0 }, nobody = { .port = 0 };
	struct msg_member members[] = { { .name = "m1" }, { .name = "m2" }, { .name = "m3" } };
	struct mesh_msg got;
	char from[INET_ADDRSTRLEN];
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	assert_int_equal(getsockname(s.socket, (struct sockaddr *)&local, &len), 0);
	other.port = ntohs(local.sin_port);
	/* To all: this one has told nobody where it is yet. */
	neighbours_notice(s.n, &ip, 9, NULL, &nobody);
	assert_false(receive(&s, &got, from));
	members[0].mesh = members[1].mesh = other;
	neighbours_set_members(s.n, "m1", members, 3);
	neighbours_notice(s.n, &ip, 9, NULL, &nobody);
	assert_true(receive(&s, &got, from));
	assert_int_equal(got.type, MESH_NOTICE);
	assert_int_equal(got.epoch, 9);
	assert_int_equal(got.number, OWN);
	assert_false(receive(&s, &got, from)); /* not to itself */
	/* To one. */
	neighbours_set_members(s.n, "m1", NULL, 0);
	neighbours_notice(s.n, &ip, 10, "lo", &other);
	assert_true(receive(&s, &got, from));
	assert_int_equal(got.epoch, 10);
	stop(&s);
}

/* ---- the director's probes ---- */

static bool has_result(void *ctx)
{
	const struct side *s = ctx;

	return s->results > 0;
}

static void test_probe_order(void **state)
{
	const struct ip witness = address("127.0.0.99");
	struct msg_probe probe = { .address = address("127.0.0.33"),
				   .number = 3,
				   .witnesses = &witness,
				   .n_witnesses = 1 };
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	neighbours_probe(s.n, 41, 3, &probe);
	assert_int_equal(s.asks, 2);
	assert_int_equal(s.results, 0);
	neighbours_take_link(s.n, 0, MSG_SEEN_NO);
	neighbours_take_link(s.n, 1, MSG_SEEN_YES);
	neighbours_take_link(s.n, 9, MSG_SEEN_YES); /* of nobody here */
	assert_true(testloop_run_until(&s.loop, has_result, &s));
	assert_int_equal(s.results, 1);
	assert_int_equal(s.order, 41);
	assert_int_equal(s.result.agent, MSG_SEEN_NO);
	assert_int_equal(s.result.link, MSG_SEEN_NO);
	assert_int_equal(s.result.reference, MSG_SEEN_YES);
	stop(&s);
}

/* Without a key and a link there is nothing to find out: it is said at once. */
static void test_probe_blind(void **state)
{
	struct msg_probe probe = { .address = address("127.0.0.33"), .number = 3 };
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	neighbours_set_keys(s.n, NULL, 0);
	neighbours_probe(s.n, 42, SIZE_MAX, &probe);
	assert_int_equal(s.asks, 0);
	assert_int_equal(s.results, 1);
	assert_int_equal(s.result.link, MSG_SEEN_UNKNOWN);
	assert_int_equal(s.result.reference, MSG_SEEN_UNKNOWN);
	stop(&s);
}

/* So many at a time; those above abstain. */
static void test_many_probes(void **state)
{
	struct msg_probe probe = { .address = address("127.0.0.33"), .number = 3 };
	struct side s;

	(void)state;
	start(&s, "0.0.0.0");
	for (uint64_t i = 1; i <= PROBES_MAX; i++)
		neighbours_probe(s.n, i, 3, &probe);
	assert_int_equal(s.results, 0);
	neighbours_probe(s.n, 1000, 3, &probe);
	assert_int_equal(s.results, 1);
	assert_int_equal(s.order, 1000);
	assert_int_equal(s.result.agent, MSG_SEEN_UNKNOWN);
	assert_int_equal(s.result.reference, MSG_SEEN_UNKNOWN);
	s.results = 0;
	while (s.results < PROBES_MAX)
		assert_true(uv_run(&s.loop, UV_RUN_ONCE) != 0);
	/* There is room again. */
	neighbours_probe(s.n, 1001, 3, &probe);
	assert_int_equal(s.results, PROBES_MAX);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),        cmocka_unit_test(test_one_listen_address),
		cmocka_unit_test(test_silence),        cmocka_unit_test(test_notice_is_heard),
		cmocka_unit_test(test_notice_is_sent), cmocka_unit_test(test_probe_order),
		cmocka_unit_test(test_probe_blind),    cmocka_unit_test(test_many_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
