/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/coordinator_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct world world;

#define SPIN_MAX 8 /* calls at one point in time */

struct ip cluster_ip(size_t address)
{
	struct ip ip = { .family = IP_V4, .octets = { 192, 0, 2, 0 } };

	ip.octets[3] = (uint8_t)(21 + address);
	return ip;
}

static size_t address_of(const struct ip *ip)
{
	return (size_t)ip->octets[3] - 21;
}

/* ---- start and end ---- */

void cluster_reset(size_t n_members)
{
	world = (struct world){
		.conf = {
			.suspect_ms = 300,
			.doubt_ms = 220,
			.probe_ms = 200,
			.reprobe_ms = 250,
			.fence_ms = 4400,
			.order_ms = 1500,
			.settle_ms = 5000,
			.is_auto_failback = true,
			.hold_down_ms = 60000,
		},
		.now = WORLD_START_MS,
		.n_members = n_members,
		.epoch = WORLD_FIRST_EPOCH,
	};
	for (size_t i = 0; i < n_members; i++) {
		world.members[i].agent = MSG_SEEN_YES;
		world.members[i].link = MSG_SEEN_YES;
		(void)cluster_add_address(i);
		world.records[i].owner = i;
		world.records[i].epoch = 900 + i;
	}
}

size_t cluster_add_address(size_t home)
{
	size_t i = world.n_addresses++;

	assert_true(i < WORLD_ADDRESSES);
	world.records[i] = (struct coordinator_record){
		.ip = cluster_ip(i),
		.owner = home,
		.epoch = 900 + i,
	};
	return i;
}

static size_t home_of(size_t address)
{
	return coordinator_get(world.coordinator, address)->home;
}

void cluster_start(void)
{
	const struct registry_conf conf = { .suspect_ms = world.conf.suspect_ms };
	/* The home member of an address outlives restarts: it is what was said first. */
	static size_t homes[WORLD_ADDRESSES];

	for (size_t i = 0; i < world.n_addresses; i++)
		homes[i] = world.coordinator != NULL ? home_of(i)
			   : i < world.n_members     ? i
						     : world.records[i].owner;
	cluster_stop();
	world.n_waiting = 0;
	world.registry = registry_new(&conf);
	assert_non_null(world.registry);
	world.coordinator = coordinator_new(&world.conf, world.registry, NULL);
	assert_non_null(world.coordinator);
	for (size_t i = 0; i < world.n_members; i++) {
		struct member m = { .number = (uint8_t)(i + 1), .n_home = 1, .weight = 100 };

		snprintf(m.name, sizeof(m.name), "m%zu", i + 1);
		m.home[0] = cluster_ip(i);
		assert_int_equal(registry_add(world.registry, &m), 0);
		world.members[i].session = 0;
	}
	for (size_t i = 0; i < world.n_addresses; i++)
		assert_int_equal(coordinator_add(world.coordinator, homes[i], &world.records[i]),
				 0);
	coordinator_start(world.coordinator, world.now, world.epoch, world.is_paused);
	cluster_pump();
}

void cluster_stop(void)
{
	coordinator_free(world.coordinator);
	registry_free(world.registry);
	world.coordinator = NULL;
	world.registry = NULL;
}

/* ---- what members do ---- */

static const struct endpoint *mesh_of(size_t member)
{
	static struct endpoint mesh;

	mesh.ip = cluster_ip(100 + member);
	mesh.port = 7401;
	return &mesh;
}

void cluster_hello(size_t member)
{
	struct cluster_member *m = &world.members[member];
	const struct registry_hello hello = {
		.boot_id = 1, .version = "1", .dataplane = "tun", .capacity = 1000
	};
	struct msg_address list[WORLD_ADDRESSES];
	bool is_reboot;
	size_t n = 0;

	for (size_t i = 0; i < world.n_addresses; i++) {
		bool is_home = home_of(i) == member;

		if (!is_home && m->has_no_adopt)
			continue;
		list[n++] = (struct msg_address){
			.address = cluster_ip(i),
			.link = "eth0",
			.claim = is_home && m->is_fixed ? MSG_CLAIM_NONE
				 : m->is_routed         ? MSG_CLAIM_ROUTE
							: MSG_CLAIM_L2,
			.held = m->held[i] != 0 || (is_home && m->is_fixed && !m->is_unseen),
			.epoch = m->held[i],
		};
	}
	m->session = ++world.last_session;
	registry_hello(world.registry, world.now, member, m->session, &hello, &is_reboot);
	coordinator_hello(world.coordinator, world.now, member, list, n, m->max_epoch,
			  mesh_of(member));
	cluster_pump();
}

void cluster_beat(size_t member)
{
	const struct cluster_member *m = &world.members[member];
	const struct member_load load = { .takes_new = !m->is_unable, .is_unable = m->is_unable };

	registry_heartbeat(world.registry, world.now, member, m->session, &load);
	coordinator_heartbeat(world.coordinator, world.now, member);
	cluster_pump();
}

void cluster_join(size_t member)
{
	cluster_hello(member);
	world.members[member].is_beating = true;
	cluster_beat(member);
}

void cluster_begin(size_t n_members)
{
	if (world.n_members == 0)
		cluster_reset(n_members);
	cluster_start();
	for (size_t i = 0; i < n_members; i++)
		cluster_join(i);
	cluster_run(500);
	for (size_t i = 0; i < world.n_addresses; i++)
		cluster_expect_owner(i, home_of(i));
	cluster_forget();
}

void cluster_disconnect(size_t member)
{
	struct cluster_member *m = &world.members[member];

	registry_disconnected(world.registry, world.now, member, m->session, "reset by peer");
	m->session = 0;
	coordinator_disconnected(world.coordinator, world.now, member);
	cluster_pump();
}

void cluster_bye(size_t member, bool releases)
{
	struct cluster_member *m = &world.members[member];
	struct ip released[WORLD_ADDRESSES];
	size_t n = 0;

	for (size_t i = 0; releases && i < world.n_addresses; i++) {
		if (m->held[i] != 0)
			released[n++] = cluster_ip(i);
		m->held[i] = 0;
	}
	registry_bye(world.registry, world.now, member, m->session, "maintenance");
	m->session = 0;
	m->is_beating = false;
	coordinator_bye(world.coordinator, world.now, member, released, n);
	cluster_pump();
}

void cluster_gone(size_t member)
{
	memset(world.members[member].held, 0, sizeof(world.members[member].held));
	world.members[member].is_beating = false;
	coordinator_gone(world.coordinator, world.now, member);
	cluster_pump();
}

void cluster_kill(size_t member)
{
	struct cluster_member *m = &world.members[member];

	m->is_beating = false;
	m->is_mute_prober = true;
	m->obedience = WORLD_IS_MUTE;
	m->agent = MSG_SEEN_NO;
	m->link = MSG_SEEN_NO;
	memset(m->held, 0, sizeof(m->held));
}

void cluster_revive(size_t member)
{
	struct cluster_member *m = &world.members[member];

	m->is_mute_prober = false;
	m->obedience = WORLD_OBEYS;
	m->agent = MSG_SEEN_YES;
	m->link = MSG_SEEN_YES;
}

void cluster_let_go(size_t member, size_t address, const char *why)
{
	const struct msg_released released = { cluster_ip(address),
					       world.members[member].held[address], why };

	world.members[member].held[address] = 0;
	coordinator_released(world.coordinator, world.now, member, 0, &released);
	cluster_pump();
}

void cluster_claimed(size_t member, size_t address, uint64_t id, uint64_t epoch)
{
	const struct msg_claimed m = { cluster_ip(address), epoch };

	world.members[member].held[address] = epoch;
	coordinator_claimed(world.coordinator, world.now, member, id, &m);
}

void cluster_refused(size_t member, size_t address, uint64_t id, const char *code)
{
	const struct msg_refused m = {
		.address = cluster_ip(address),
		.max_epoch = world.members[member].max_epoch,
		.code = code,
		.why = "for a test",
	};

	coordinator_refused(world.coordinator, world.now, member, id, &m);
}

void cluster_released(size_t member, size_t address, uint64_t id)
{
	const struct msg_released m = { cluster_ip(address), 0, "as ordered" };

	world.members[member].held[address] = 0;
	coordinator_released(world.coordinator, world.now, member, id, &m);
}

void cluster_probe_result(const struct coordinator_action *probe, enum msg_seen agent,
			  uint64_t number, enum msg_seen link, enum msg_seen reference)
{
	const struct msg_probe_result m = {
		.address = probe->ip,
		.agent = agent,
		.number = agent == MSG_SEEN_YES ? number : 0,
		.link = link,
		.reference = reference,
	};

	coordinator_probed(world.coordinator, world.now, probe->member, probe->id, &m);
}

/* ---- the shell ---- */

static void answer_store(const struct coordinator_action *action, int err)
{
	struct coordinator_record record = action->record;

	if (err == 0 && !action->is_adopted) {
		world.epoch = (world.epoch > action->at_least ? world.epoch : action->at_least) + 1;
		record.epoch = world.epoch;
	} else if (err == 0 && record.epoch > world.epoch) {
		world.epoch = record.epoch;
	}
	if (err == 0)
		world.records[address_of(&action->ip)] = record;
	coordinator_stored(world.coordinator, world.now, action->ticket, err, record.epoch);
}

void cluster_store_answer(int err)
{
	size_t n = world.n_waiting;
	struct coordinator_action waiting[4 * WORLD_ADDRESSES];

	assert_true(n > 0);
	memcpy(waiting, world.waiting, sizeof(waiting));
	world.n_waiting = 0;
	for (size_t i = 0; i < n; i++)
		answer_store(&waiting[i], err);
	cluster_pump();
}

static void do_store(const struct coordinator_action *action)
{
	if (world.store == WORLD_STORE_WAITS) {
		assert_true(world.n_waiting < 4 * WORLD_ADDRESSES);
		world.waiting[world.n_waiting++] = *action;
	} else {
		answer_store(action, world.store == WORLD_STORE_FAILS ? ERR_IO : 0);
	}
}

static void check_order(const struct coordinator_action *action)
{
	const struct coordinator_record *r = &world.records[address_of(&action->ip)];

	assert_true(action->epoch <= world.epoch);
	assert_int_equal(action->epoch, r->epoch);
	assert_true(action->member < world.n_members);
	if (action->type == COORDINATOR_CLAIM)
		assert_int_equal(r->owner, action->member);
	for (size_t i = 0; i < world.n_used; i++)
		assert_true(world.used[i] != action->epoch);
	world.used[world.n_used++] = action->epoch;
}

static void do_claim(const struct coordinator_action *action)
{
	struct cluster_member *m = &world.members[action->member];

	check_order(action);
	if (m->obedience == WORLD_IS_MUTE)
		return;
	if (m->obedience == WORLD_REFUSES)
		cluster_refused(action->member, address_of(&action->ip), action->id, m->code);
	else
		cluster_claimed(action->member, address_of(&action->ip), action->id, action->epoch);
}

static void do_release(const struct coordinator_action *action)
{
	check_order(action);
	if (world.members[action->member].obedience != WORLD_IS_MUTE)
		cluster_released(action->member, address_of(&action->ip), action->id);
}

static void do_probe(const struct coordinator_action *action)
{
	const struct cluster_member *prober = &world.members[action->member];
	const struct cluster_member *m = &world.members[action->probe.number - 1];
	uint64_t number = action->probe.number;
	bool is_held = m->is_fixed || m->held[address_of(&action->ip)] != 0;

	if (prober->is_mute_prober)
		return;
	cluster_probe_result(action, is_held ? m->agent : MSG_SEEN_NO, number,
			     is_held ? m->link : MSG_SEEN_NO,
			     prober->no_witness ? MSG_SEEN_NO : MSG_SEEN_YES);
}

void cluster_pump(void)
{
	struct coordinator_action action;

	while (coordinator_next_action(world.coordinator, &action)) {
		assert_true(world.n_actions < WORLD_ACTIONS);
		world.actions[world.n_actions++] = action;
		switch (action.type) {
		case COORDINATOR_STORE:
			do_store(&action);
			break;
		case COORDINATOR_CLAIM:
			do_claim(&action);
			break;
		case COORDINATOR_RELEASE:
			do_release(&action);
			break;
		case COORDINATOR_PROBE:
			do_probe(&action);
			break;
		case COORDINATOR_EVENT:
			assert_true(action.subject[0] != '\0' && action.what[0] != '\0' &&
				    action.why[0] != '\0');
			break;
		case COORDINATOR_FENCE:
		case COORDINATOR_CHANGED:
			break;
		}
	}
}

int cluster_move(size_t address, size_t member, bool force)
{
	const struct ip ip = cluster_ip(address);
	struct errtext why = { "" };
	int err = coordinator_move(world.coordinator, world.now, &ip, member, force, "alice", &why);

	if (err != 0)
		assert_true(why.text[0] != '\0');
	cluster_pump();
	return err;
}

void cluster_pause(bool is_paused)
{
	world.is_paused = is_paused;
	coordinator_pause(world.coordinator, world.now, is_paused, "alice");
	cluster_pump();
}

/* ---- time ---- */

static uint64_t next_timer(void)
{
	uint64_t a = registry_next_expiry(world.registry);
	uint64_t b = coordinator_next_expiry(world.coordinator);

	return a < b ? a : b;
}

/* Timers are called when they are due, not a moment later, and must not be due again at once. */
static void run_timers(void)
{
	for (size_t spin = 0; next_timer() <= world.now; spin++) {
		if (spin == SPIN_MAX) {
			cluster_print();
			fail_msg(
			    "timers are due again and again: registry %lld, coordinator %lld",
			    (long long)(registry_next_expiry(world.registry) - world.now),
			    (long long)(coordinator_next_expiry(world.coordinator) - world.now));
		}
		registry_expire(world.registry, world.now);
		coordinator_expire(world.coordinator, world.now);
		cluster_pump();
	}
}

void cluster_run(uint64_t ms)
{
	uint64_t until = world.now + ms;

	for (;;) {
		uint64_t next = world.now - world.now % WORLD_BEAT_MS + WORLD_BEAT_MS;
		uint64_t timer = next_timer();

		if (timer < next)
			next = timer < world.now ? world.now : timer;
		if (next > until)
			break;
		world.now = next;
		run_timers();
		for (size_t i = 0; next % WORLD_BEAT_MS == 0 && i < world.n_members; i++) {
			if (world.members[i].is_beating)
				cluster_beat(i);
		}
	}
	world.now = until;
}

uint64_t cluster_until_owned(size_t address, size_t member, uint64_t limit_ms)
{
	uint64_t began = world.now;
	struct ip ip = cluster_ip(address);

	while (!coordinator_is_served(world.coordinator, member, &ip)) {
		if (world.now - began > limit_ms) {
			cluster_print();
			fail_msg("192.0.2.%zu is not m%zu's after %llu ms", 21 + address,
				 member + 1, (unsigned long long)limit_ms);
		}
		cluster_run(1);
	}
	return world.now - began;
}

/* ---- what came of it ---- */

const struct coordinator_address *cluster_address(size_t address)
{
	return coordinator_get(world.coordinator, address);
}

void cluster_expect_owner(size_t address, size_t member)
{
	const struct coordinator_address *a = cluster_address(address);
	struct ip ip = cluster_ip(address);

	if (a->owner == member && a->state == ADDRESS_OWNED &&
	    coordinator_is_served(world.coordinator, member, &ip))
		return;
	cluster_print();
	fail_msg("192.0.2.%zu is %s, owner m%zd: %s", 21 + address,
		 coordinator_state_name(a->state), (ssize_t)a->owner + 1, a->why);
}

void cluster_forget(void)
{
	world.n_actions = 0;
}

size_t cluster_count(enum coordinator_action_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < world.n_actions; i++)
		n += world.actions[i].type == type ? 1 : 0;
	return n;
}

const struct coordinator_action *cluster_last(enum coordinator_action_type type, size_t member)
{
	for (size_t i = world.n_actions; i-- > 0;) {
		const struct coordinator_action *action = &world.actions[i];

		if (action->type == type &&
		    (member == COORDINATOR_NONE || action->member == member))
			return action;
	}
	return NULL;
}

const struct coordinator_action *cluster_event(const char *subject, const char *what,
					       const char *why)
{
	for (size_t i = world.n_actions; i-- > 0;) {
		const struct coordinator_action *action = &world.actions[i];

		if (action->type == COORDINATOR_EVENT && strstr(action->subject, subject) != NULL &&
		    strstr(action->what, what) != NULL && strstr(action->why, why) != NULL)
			return action;
	}
	return NULL;
}

void cluster_print(void)
{
	static const char *const names[] = { "store", "claim", "release", "probe",
					     "fence", "event", "changed" };

	for (size_t i = world.n_actions > 60 ? world.n_actions - 60 : 0; i < world.n_actions; i++) {
		const struct coordinator_action *a = &world.actions[i];
		char ip[IP_TEXT_MAX];

		if (a->type == COORDINATOR_EVENT)
			print_message("event %s: %s: %s\n", a->subject, a->what, a->why);
		else
			print_message("%s m%zd %s epoch %llu\n", names[a->type],
				      (ssize_t)a->member + 1, ip_format(&a->ip, ip),
				      (unsigned long long)a->epoch);
	}
}
