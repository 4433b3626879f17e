/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/failover/executor.h"
#include "director/store/store_addresses.h"
#include "tests/lib/testloop.h"

/* The coordinator's shell with a real store; orders go to nobody. */
#define NOW_S 1764072000

struct world {
	char folder[64], path[96];
	uv_loop_t loop;
	struct director_conf conf;
	struct store *store;
	struct history *history;
	struct registry *registry;
	struct executor *executor;
	struct control_events ev;
	int n_served, n_changed;
	bool is_route; /* addresses are, on no link */
};

static void on_served(void *ctx)
{
	((struct world *)ctx)->n_served++;
}

static void on_changed(void *ctx)
{
	((struct world *)ctx)->n_changed++;
}

static void open_all(struct world *d, size_t n_members, int64_t now_s)
{
	const struct registry_conf times = { .suspect_ms = 300 };
	const struct executor_events events = { on_served, on_changed, d };
	struct executor_resources res = { .loop = &d->loop, .conf = &d->conf };

	assert_int_equal(store_open(d->path, NULL, &d->store), 0);
	d->history = history_new(d->store, NULL);
	d->registry = registry_new(&times);
	for (size_t i = 0; i < n_members; i++) {
		struct member m = { .number = (uint8_t)(i + 1), .n_home = 1, .weight = 100 };

		snprintf(m.name, sizeof(m.name), "m%zu", n_members - i);
		m.home[0] = (struct ip){ IP_V4, { 192, 0, 2, (uint8_t)(20 + n_members - i) } };
		assert_int_equal(registry_add(d->registry, &m), 0);
	}
	res.registry = d->registry;
	res.store = d->store;
	res.history = d->history;
	assert_int_equal(executor_new(&res, now_s, &events, &d->executor), 0);
	d->ev = executor_control_events(d->executor);
}

static void close_all(struct world *d)
{
	executor_stop(d->executor);
	executor_free(d->executor);
	history_free(d->history);
	registry_free(d->registry);
	store_close(d->store);
}

static void start(struct world *d)
{
	*d = (struct world){ .n_served = 0 };
	d->conf.profile = DIRECTOR_PROFILE_FAST;
	d->conf.hold_down_s = 60;
	snprintf(d->folder, sizeof(d->folder), "/tmp/waypost-executor-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	snprintf(d->path, sizeof(d->path), "%s/director.db", d->folder);
	assert_int_equal(uv_loop_init(&d->loop), 0);
	open_all(d, 2, NOW_S);
}

static void stop(struct world *d)
{
	char wal[128];

	close_all(d);
	assert_true(testloop_finish(&d->loop));
	snprintf(wal, sizeof(wal), "%s-wal", d->path);
	unlink(wal);
	unlink(d->path);
	assert_int_equal(rmdir(d->folder), 0);
}

static void drain(struct world *d)
{
	struct registry_event event;

	do {
		while (registry_next_event(d->registry, &event))
			;
	} while (executor_run(d->executor));
	history_flush(d->history);
}

/* A hello and a first heartbeat, with both addresses, of which it may hold its own. */
static void say_hello(struct world *d, const char *name, uint64_t held_epoch)
{
	static char link[] = "eth0";
	const struct registry_hello rh = { 0xaa, "1", "tun", 10 };
	const struct member_load load = { .takes_new = true };
	const struct endpoint mesh = { { IP_V4, { 192, 0, 2, 11 } }, 7401 };
	struct msg_address addresses[2];
	struct msg_hello hello = { .addresses = addresses, .n_addresses = 2 };
	enum msg_claim_kind claim = d->is_route ? MSG_CLAIM_ROUTE : MSG_CLAIM_L2;
	uint64_t now = uv_hrtime() / 1000000;
	bool is_reboot;
	size_t index;

	assert_int_equal(registry_find(d->registry, name, &index), 0);
	for (uint8_t i = 0; i < 2; i++) {
		addresses[i] = (struct msg_address){ .address = { IP_V4, { 192, 0, 2, 21 + i } },
						     .link = d->is_route ? NULL : link,
						     .claim = claim };
		if (ip_is_equal(&addresses[i].address,
				&registry_get(d->registry, index)->home[0]) &&
		    held_epoch > 0) {
			addresses[i].held = true;
			addresses[i].epoch = held_epoch;
		}
	}
	hello.max_epoch = held_epoch;
	registry_hello(d->registry, now, index, index + 1, &rh, &is_reboot);
	d->ev.hello(d->ev.ctx, index, &hello, &mesh);
	registry_heartbeat(d->registry, now, index, index + 1, &load);
	d->ev.heartbeat(d->ev.ctx, index);
	drain(d);
}

static void add_line(void *ctx, const struct store_address *a)
{
	char *out = ctx, text[IP_TEXT_MAX];

	snprintf(out + strlen(out), 512 - strlen(out), "%s %s %llu\n", ip_format(&a->ip, text),
		 a->owner, (unsigned long long)a->epoch);
}

static void expect_stored(const struct world *d, const char *want)
{
	char got[512] = "";

	assert_int_equal(store_addresses_read(d->store, add_line, got), 0);
	assert_string_equal(got, want);
}

static size_t served(const struct world *d, const char *name)
{
	static struct placement_table table;
	size_t index;

	assert_int_equal(registry_find(d->registry, name, &index), 0);
	registry_fill_table(d->registry, &table);
	return table.members[index].n_home;
}

struct found {
	const char *subject, *what;
	int n;
};

static void look(void *ctx, const struct store_event *e)
{
	struct found *f = ctx;

	if (strcmp(e->subject, f->subject) == 0 && strcmp(e->what, f->what) == 0)
		f->n++;
}

static int count_events(const struct world *d, const char *subject, const char *what)
{
	struct found f = { subject, what, 0 };

	assert_int_equal(store_events_read(d->store, 0, NULL, 1000, look, &f), 0);
	return f.n;
}

/* The answer to whatever claim of the address is under way. */
static void answer_claimed(struct world *d, const char *name, const char *address, uint64_t epoch)
{
	struct message m = { .type = MESSAGE_CLAIMED };
	size_t index;

	assert_int_equal(registry_find(d->registry, name, &index), 0);
	assert_int_equal(ip_parse(address, &m.claimed.address), 0);
	m.claimed.epoch = epoch;
	for (m.id = 1; m.id < 10; m.id++)
		d->ev.answer(d->ev.ctx, index, &m);
	drain(d);
}

/* ---- tests ---- */

/* Epochs begin at the clock; what is stored is there again after a restart. */
static void test_first_claim(void **state)
{
	const struct coordinator_address *a;
	struct world d;

	(void)state;
	start(&d);
	expect_stored(&d, "");
	say_hello(&d, "m1", 0);
	expect_stored(&d, "192.0.2.21 m1 1764072001\n");
	assert_int_equal(served(&d, "m1"), 0);
	assert_int_equal(count_events(&d, "192.0.2.21", "claiming: m1"), 1);
	d.n_served = 0;
	answer_claimed(&d, "m1", "192.0.2.21", 1764072001);
	assert_int_equal(count_events(&d, "192.0.2.21", "owned: m1"), 1);
	assert_int_equal(served(&d, "m1"), 1);
	assert_int_equal(served(&d, "m2"), 0);
	assert_true(d.n_served > 0);
	assert_int_equal(d.ev.epoch(d.ev.ctx), 1764072001);
	close_all(&d);

	open_all(&d, 2, NOW_S - 1000);
	drain(&d);
	a = coordinator_get(executor_coordinator(d.executor), 1); /* m1 is the second here */
	assert_int_equal(a->owner, 1);
	assert_int_equal(a->epoch, 1764072001);
	assert_true(coordinator_is_settling(executor_coordinator(d.executor)));
	assert_int_equal(served(&d, "m1"), 0); /* it has not said so yet */
	close_all(&d);

	/* Its owner is no longer in director.yaml. */
	assert_int_equal(store_open(d.path, NULL, &d.store), 0);
	struct store_address gone = { .ip = { IP_V4, { 192, 0, 2, 21 } }, .owner = "m9" };
	assert_int_equal(store_address_order(d.store, &gone, 0, &gone.epoch), 0);
	store_close(d.store);
	open_all(&d, 2, NOW_S);
	a = coordinator_get(executor_coordinator(d.executor), 1);
	assert_int_equal(a->owner, COORDINATOR_NONE);
	assert_int_equal(a->epoch, 1764072002);
	stop(&d);
}

/* A start is enough to raise the epochs; one that gave none out still knows that it is new. */
static void test_clock_that_goes_back(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	close_all(&d);
	open_all(&d, 2, NOW_S - 1000);
	say_hello(&d, "m1", 0);
	expect_stored(&d, "192.0.2.21 m1 1764072001\n");
	stop(&d);
}

/* What a member brings along is remembered, and exceeded by what is given out next. */
static void test_adoption(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	say_hello(&d, "m1", 1999999999);
	expect_stored(&d, "192.0.2.21 m1 1999999999\n");
	assert_int_equal(served(&d, "m1"), 1);
	say_hello(&d, "m2", 0);
	drain(&d);
	expect_stored(&d, "192.0.2.21 m1 1999999999\n192.0.2.22 m2 2000000000\n");
	stop(&d);
}

/* Once for each member, and only of two. */
static void test_two_without_a_link(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	d.conf.n_members = 2;
	say_hello(&d, "m1", 0);
	assert_int_equal(count_events(&d, "m1", "no failover"), 0);
	d.is_route = true;
	d.conf.n_members = 3;
	say_hello(&d, "m1", 0);
	assert_int_equal(count_events(&d, "m1", "no failover"), 0);
	d.conf.n_members = 2;
	say_hello(&d, "m1", 0);
	say_hello(&d, "m1", 0);
	assert_int_equal(count_events(&d, "m1", "no failover"), 1);
	assert_int_equal(count_events(&d, "m2", "no failover"), 0);
	stop(&d);
}

static void test_pause(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	for (int i = 0; i < 4; i++) {
		bool is_paused = i % 2 == 0;

		d.n_changed = 0;
		assert_int_equal(executor_pause(d.executor, is_paused, "ops"), 0);
		assert_int_equal(d.n_changed, 1);
		drain(&d);
		assert_int_equal(count_events(&d, "failover", is_paused ? "paused" : "resumed"),
				 1 + i / 2 + (is_paused ? i / 2 : 0));
		close_all(&d);
		open_all(&d, 2, NOW_S);
		drain(&d);
		assert_int_equal(coordinator_is_paused(executor_coordinator(d.executor)),
				 is_paused);
	}
	stop(&d);
}

static void test_move_is_refused(void **state)
{
	struct ip ip = { IP_V4, { 192, 0, 2, 21 } };
	struct errtext why = { "" };
	struct world d;

	(void)state;
	start(&d);
	assert_int_equal(executor_move(d.executor, &ip, "m9", false, "ops", &why), ERR_NOT_FOUND);
	assert_string_equal(why.text, "there is no member 'm9'");
	assert_int_equal(executor_move(d.executor, &ip, "m2", false, "ops", &why), ERR_BAD_STATE);
	assert_int_equal(executor_move(d.executor, &ip, "home", true, "ops", &why), ERR_BAD_STATE);
	ip.octets[3] = 99;
	assert_int_equal(executor_move(d.executor, &ip, "m2", false, "ops", &why), ERR_NOT_FOUND);
	stop(&d);
}

static void test_agent_events(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	d.ev.event(d.ev.ctx, 1, &(struct msg_event){ "alarm", "forged" });
	drain(&d);
	assert_int_equal(count_events(&d, "m1", "alarm"), 1);
	stop(&d);
}

/* A silent cluster: the next expiry comes, and in the end nobody waits for anything. */
static void test_expiry(void **state)
{
	struct world d;

	(void)state;
	start(&d);
	drain(&d);
	assert_in_range(executor_next_expiry(d.executor), 1, uv_hrtime() / 1000000 + 5000);
	executor_expire(d.executor);
	drain(&d);
	executor_stop(d.executor);
	assert_false(executor_run(d.executor));
	stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_claim),  cmocka_unit_test(test_clock_that_goes_back),
		cmocka_unit_test(test_adoption),     cmocka_unit_test(test_two_without_a_link),
		cmocka_unit_test(test_pause),        cmocka_unit_test(test_move_is_refused),
		cmocka_unit_test(test_agent_events), cmocka_unit_test(test_expiry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
