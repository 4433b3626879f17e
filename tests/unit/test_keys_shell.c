/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/keys/keys.h"
#include "tests/lib/testtls.h"

/* Keys and revocations between a real store and an agent on TLS. */

#define M1 0
#define M2 1

static struct world {
	struct testtls w;
	struct director_conf conf;
	struct registry *registry;
	struct peers *peers;
	struct control *control;
	struct store *store;
	struct history *history;
	struct keys *keys;
	char folder[64], path[96];
	struct tls_stream *member; /* NULL from its end on */
	char received[65536];
	size_t received_len;
	int n_changes, n_answers;
} world;

static void on_keys(void *ctx)
{
	(void)ctx;
	world.n_changes++;
}

static void on_answered(void *ctx)
{
	(void)ctx;
	world.n_answers++;
}

static void on_changed(void *ctx)
{
	struct registry_event event;

	(void)ctx;
	while (registry_next_event(world.registry, &event))
		;
}

static void start_keys(void)
{
	const struct keys_resources res = { &world.conf, world.registry, world.store, world.history,
					    NULL };
	const struct keys_events events = { on_keys, on_answered, NULL };

	assert_int_equal(keys_new(&res, &events, &world.keys), 0);
	keys_attach(world.keys, world.control);
}

static int start(void **state)
{
	static char cluster[] = "demo";
	const struct registry_conf times = { .suspect_ms = 60000 };
	const struct control_events events = { .changed = on_changed };
	struct errtext why;

	(void)state;
	world = (struct world){ .n_changes = 0 };
	snprintf(world.folder, sizeof(world.folder), "/tmp/waypost-keys-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	snprintf(world.path, sizeof(world.path), "%s/director.db", world.folder);
	assert_int_equal(store_open(world.path, NULL, &world.store), 0);
	world.history = history_new(world.store, NULL);
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
	world.conf.rotate_every_s = 86400;
	world.conf.ticket_lifetime_s = 28800;
	assert_int_equal(control_new(&world.w.loop, &world.conf, world.registry, world.peers, NULL,
				     &events, &world.control, &why),
			 0);
	world.w.protocol.on_accept = control_accept;
	world.w.protocol.ctx = world.control;
	start_keys();
	return 0;
}

static bool is_ended(void *ctx)
{
	(void)ctx;
	return world.member == NULL;
}

static int stop(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char file[128];

	(void)state;
	if (world.member != NULL)
		tls_stream_close(world.member, "test ends");
	assert_true(testloop_run_until(&world.w.loop, is_ended, NULL));
	testtls_stop_server(&world.w);
	while (!world.w.is_server_closed)
		uv_run(&world.w.loop, UV_RUN_ONCE);
	keys_attach(world.keys, NULL);
	control_free(world.control);
	testtls_finish(&world.w);
	keys_free(world.keys);
	history_free(world.history);
	store_close(world.store);
	registry_free(world.registry);
	peers_free(world.peers);
	for (size_t i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", world.path, suffixes[i]);
		unlink(file);
	}
	return rmdir(world.folder);
}

/* ---- the agent of m1 ---- */

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	(void)s;
	(void)ctx;
	assert_true(world.received_len + data.len < sizeof(world.received));
	memcpy(world.received + world.received_len, data.ptr, data.len);
	world.received_len += data.len;
	world.received[world.received_len] = '\0';
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	(void)s;
	(void)err;
	(void)why;
	(void)ctx;
	world.member = NULL;
}

static bool is_open(void *ctx)
{
	(void)ctx;
	return tls_stream_is_open(world.member);
}

static const char *wanted;

static bool is_received(void *ctx)
{
	(void)ctx;
	return strstr(world.received, wanted) != NULL;
}

static const char *wait_received(const char *text)
{
	wanted = text;
	if (!testloop_run_until(&world.w.loop, is_received, NULL))
		fail_msg("no %s in %s", text, world.received);
	return strstr(world.received, text);
}

static void forget_received(void)
{
	world.received_len = 0;
	world.received[0] = '\0';
}

static void say(const char *text)
{
	assert_int_equal(
	    tls_stream_write(world.member, (struct bytes){ (const uint8_t *)text, strlen(text) }),
	    0);
}

static void join(void)
{
	static const struct tls_stream_events events = { .on_data = on_data, .on_close = on_close };

	assert_int_equal(tls_stream_connect(&world.w.loop, world.w.client_tls, &world.w.at,
					    &testtls_d1, NULL, &events, NULL, &world.member),
			 0);
	assert_true(testloop_run_until(&world.w.loop, is_open, NULL));
	say("{\"type\":\"hello\",\"id\":1,\"proto\":\"1.2\",\"member\":\"m1\",\"boot_id\":"
	    "\"00000000000000aa\",\"version\":\"1\",\"dataplane\":\"tun\",\"addresses\":[],"
	    "\"capacity\":10,\"max_epoch\":0,\"ring_ids\":[]}\n");
	wait_received("\"type\":\"ring\"");
	wait_received("\"type\":\"revoke\"");
}

/* Answers the last order of a type, with all ticket keys that there are. */
static void answer_ring(void)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), "{\"type\":\"ring_ok\",\"ids\":[\"notice-1\"");

	for (size_t i = 0; i < keyring_count(keys_ring(world.keys)); i++) {
		const struct store_key *k = keyring_get(keys_ring(world.keys), i);

		if (strcmp(k->use, "ticket") == 0)
			len += snprintf(text + len, sizeof(text) - (size_t)len, ",\"%s\"", k->id);
	}
	snprintf(text + len, sizeof(text) - (size_t)len, "]}\n");
	say(text);
}

static void answer_revoke(void)
{
	unsigned int id;
	char text[64];

	assert_int_equal(
	    sscanf(wait_received("\"type\":\"revoke\""), "\"type\":\"revoke\",\"id\":%u", &id), 1);
	snprintf(text, sizeof(text), "{\"type\":\"ok\",\"id\":%u}\n", id);
	say(text);
}

/* ---- tests ---- */

static bool has_issuing(void *ctx)
{
	const struct keyring *k = keys_ring(world.keys);

	(void)ctx;
	for (size_t i = 0; i < keyring_count(k); i++) {
		if (strcmp(keyring_get(k, i)->use, "ticket") == 0 &&
		    keyring_get(k, i)->state == STORE_KEY_ISSUING)
			return true;
	}
	return false;
}

/* m2 was never heard: waited for while the director settles, then no more. */
static void test_first_key(void **state)
{
	(void)state;
	join();
	/* What a welcome says and what is pushed is the same. */
	assert_non_null(
	    strstr(world.received, "\"ring\":[{\"id\":\"notice-1\",\"use\":\"notice\""));
	assert_non_null(
	    strstr(world.received, "\"keys\":[{\"id\":\"notice-1\",\"use\":\"notice\""));
	assert_non_null(strstr(world.received, "\"id\":\"qcd-2-1\",\"use\":\"qcd\""));
	assert_null(strstr(world.received, "\"issue\":true"));
	answer_ring();
	say("{\"type\":\"ok\",\"id\":1}\n");
	while (world.n_answers == 0)
		uv_run(&world.w.loop, UV_RUN_ONCE);
	keys_tick(world.keys, true);
	assert_false(has_issuing(NULL));
	keys_tick(world.keys, false);
	assert_true(has_issuing(NULL));
	assert_int_equal(world.n_changes, 1);
	wait_received("\"issue\":true");
}

/* What an API request brings, and that all of it is there after a restart. */
static void test_rotation_and_restart(void **state)
{
	struct errtext why = { "" };
	struct ticket_ring before, after;

	(void)state;
	join();
	answer_ring();
	keys_tick(world.keys, false);
	assert_true(testloop_run_until(&world.w.loop, has_issuing, NULL));
	forget_received();
	assert_int_equal(keys_rotate(world.keys, "ticket", true, "a1", &why), 0);
	wait_received("\"type\":\"ring\"");
	assert_false(has_issuing(NULL));
	answer_ring();
	assert_true(testloop_run_until(&world.w.loop, has_issuing, NULL));
	assert_int_equal(keys_rotate(world.keys, "notice", true, "a1", &why), ERR_VALUE);
	assert_int_equal(keys_revoke(world.keys, "x", "a1", &why), ERR_NOT_FOUND);
	keys_fill_tickets(world.keys, &before);
	assert_int_equal(before.n, 1);
	keys_attach(world.keys, NULL);
	keys_free(world.keys);
	start_keys();
	keys_fill_tickets(world.keys, &after);
	assert_int_equal(after.n, 1);
	assert_int_equal(after.keys[0].id, before.keys[0].id);
	assert_memory_equal(after.keys[0].secret, before.keys[0].secret, TICKET_SECRET_SIZE);
	assert_int_equal(after.keys[0].not_before_s, before.keys[0].not_before_s);
	assert_int_equal(after.keys[0].not_after_s, before.keys[0].not_after_s);
	assert_true(after.keys[0].may_issue);
}

static void test_revocations(void **state)
{
	struct store_revocation r = { .what = MSG_REVOKED_IDENTITY, .before_s = keys_now_s() };
	struct errtext why = { "" };
	int n;

	(void)state;
	join();
	answer_revoke();
	while (world.n_answers == 0)
		uv_run(&world.w.loop, UV_RUN_ONCE);
	forget_received();
	snprintf(r.name, sizeof(r.name), "p1");
	assert_int_equal(keys_revoke_tickets(world.keys, &r, "a1", &why), 0);
	assert_int_equal(r.id, 1);
	assert_int_equal(r.until_s, r.before_s + 28800 + KEYRING_SKEW_S);
	assert_false(keys_is_in_force(world.keys, 0, M1));
	assert_true(keys_is_awaited(world.keys, 0, M1));
	assert_false(keys_is_awaited(world.keys, 0, M2));
	wait_received("\"what\":\"identity\",\"name\":\"p1\"");
	n = world.n_answers;
	/* What was said of the list before counts for nothing. */
	say("{\"type\":\"ok\",\"id\":3}\n{\"type\":\"ok\",\"id\":99}\n");
	while (world.n_answers == n)
		uv_run(&world.w.loop, UV_RUN_ONCE);
	assert_false(keys_is_in_force(world.keys, 0, M1));
	answer_revoke();
	while (world.n_answers == n + 1)
		uv_run(&world.w.loop, UV_RUN_ONCE);
	assert_true(keys_is_in_force(world.keys, 0, M1));
	assert_false(keys_is_awaited(world.keys, 0, M1));
	assert_false(keys_is_in_force(world.keys, 0, M2));
	/* Over a restart; members say again what they have. */
	keys_attach(world.keys, NULL);
	keys_free(world.keys);
	start_keys();
	assert_int_equal(keys_revocation_count(world.keys), 1);
	assert_string_equal(keys_revocation(world.keys, 0)->name, "p1");
	assert_false(keys_is_in_force(world.keys, 0, M1));
}

static void test_refused_revocations(void **state)
{
	struct store_revocation r = { .what = MSG_REVOKED_ALL, .before_s = keys_now_s() + 1000 };
	struct errtext why = { "" };
	int err = 0;

	(void)state;
	assert_int_equal(keys_revoke_tickets(world.keys, &r, "a1", &why), ERR_VALUE);
	r.before_s = keys_now_s() - 28800 - KEYRING_SKEW_S - 1;
	assert_int_equal(keys_revoke_tickets(world.keys, &r, "a1", &why), ERR_VALUE);
	assert_non_null(strstr(why.text, "have expired"));
	assert_int_equal(keys_revocation_count(world.keys), 0);
	for (int i = 0; i <= MSG_REVOCATIONS_MAX && err == 0; i++) {
		r.before_s = keys_now_s();
		err = keys_revoke_tickets(world.keys, &r, "a1", &why);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_non_null(strstr(why.text, "revoke a whole connection, or all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_key, start, stop),
		cmocka_unit_test_setup_teardown(test_rotation_and_restart, start, stop),
		cmocka_unit_test_setup_teardown(test_revocations, start, stop),
		cmocka_unit_test_setup_teardown(test_refused_revocations, start, stop),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
