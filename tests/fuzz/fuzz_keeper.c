/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/keeper/frame.h"
#include "agent/keeper/keeper_core.h"

/*
 * The core against a main that says anything, a kernel that refuses at will and a clock that jumps.
 * The input is a script of steps: an octet that picks the step, then its operands. Whatever the
 * script, the actions after an event come to an end, the address or route of each action is a
 * configured one, every ask is answered, hooks do not overlap, and the end of main leaves nothing
 * held.
 *
 * Frames are tried on the same input: ARP that decodes encodes to the same octets, ND that decodes
 * has what a conflict is judged by, and our own probe for its target is one.
 */
#define ACTIONS_MAX 1000

struct script {
	const uint8_t *ptr;
	size_t left;
};

struct state {
	struct keeper_conf conf;
	struct keeper_core *core;
	struct keeper_time now;
	int err; /* what the kernel answers */
	enum keeper_presence presence;
	bool is_ended;
	int held;   /* addresses set and not deleted, as a bit mask */
	int hooked; /* addresses whose hook runs, likewise */
	int routes; /* set less deleted */
	int asks;   /* said less answered */
};

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static uint8_t take(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->ptr++;
}

static void set_conf(struct keeper_conf *conf)
{
	*conf = (struct keeper_conf){
		.address_count = 4,
		.addresses = { { { IP_V4, { 192, 0, 2, 21 } }, KEEPER_CLAIM_L2, "eth0" },
			       { { IP_V6, { 0x20, 0x01 } }, KEEPER_CLAIM_L2, "eth0" },
			       { { IP_V4, { 192, 0, 2, 22 } }, KEEPER_CLAIM_NONE, "eth0" },
			       { { IP_V4, { 192, 0, 2, 23 } }, KEEPER_CLAIM_HOOK, "" } },
		.next_hop_count = 2,
		.next_hops = { { IP_V4, { 192, 0, 2, 1 } }, { IP_V6, { 0x20, 0x01, [15] = 1 } } },
		.hook = "/hook",
		.connection_count = 2,
		.connections = { { .inside = KEEPER_INSIDE_PROXY_ARP,
				   .link = "eth1",
				   .remote_ts_count = 1,
				   .remote_ts = { { { IP_V4, { 10 } }, 8 } } },
				 { .inside = KEEPER_INSIDE_ROUTE,
				   .remote_ts_count = 1,
				   .remote_ts = { { { IP_V4, { 10 } }, 8 } } } },
		.tun = "waypost0",
		.routes_max = 4,
	};
}

/* The kernel's books. A refused deletion leaves an address that nobody renews. */
static void execute(struct state *st, const struct keeper_action *a)
{
	struct keeper_result result = { .err = st->err, .presence = st->presence };
	bool is_route = a->type == KEEPER_ACT_ROUTE_SET || a->type == KEEPER_ACT_ROUTE_DEL ||
			a->type == KEEPER_ACT_ROUTE_ANNOUNCE;

	if (a->type == KEEPER_ACT_REPORT) {
		if (a->report.type == KEEPER_ANSWER && a->report.request.type == KEEPER_ASK)
			st->asks--;
		return;
	}
	require(a->type != KEEPER_ACT_ASK || a->slot < KEEPER_ASKS_MAX);
	if (a->type == KEEPER_ACT_HOOK_START) {
		require(a->index == 3 && (st->hooked & 1 << a->index) == 0);
		st->hooked |= st->err == 0 ? 1 << a->index : 0;
	}
	if (a->type == KEEPER_ACT_HOOK_KILL)
		st->hooked &= ~(1 << a->index);
	if (is_route)
		require(a->index < st->conf.connection_count && a->prefix.ip.family == IP_V4 &&
			a->prefix.ip.octets[0] == 10 && a->prefix.bits >= 8);
	else
		require(a->index < st->conf.address_count);
	if (a->type == KEEPER_ACT_ADDRESS_SET && st->err == 0)
		st->held |= 1 << a->index;
	if (a->type == KEEPER_ACT_ADDRESS_DEL)
		st->held &= ~(1 << a->index);
	if (a->type == KEEPER_ACT_ROUTE_SET && st->err == 0 && !a->is_replacing)
		st->routes++;
	if (a->type == KEEPER_ACT_ROUTE_DEL)
		st->routes--;
	keeper_core_take_result(st->core, st->now.mono_ms, a, &result);
}

static void run_actions(struct state *st)
{
	struct keeper_action action;
	int count = 0;

	keeper_core_heard_all(st->core, st->now.mono_ms);
	while (!st->is_ended && keeper_core_next(st->core, st->now.mono_ms, &action)) {
		require(++count < ACTIONS_MAX);
		if (action.type == KEEPER_ACT_EXIT)
			st->is_ended = true;
		else
			execute(st, &action);
	}
	require(st->routes >= 0 && st->routes <= (int)st->conf.routes_max);
	require(keeper_core_next_ms(st->core, st->now.mono_ms) > st->now.mono_ms || st->is_ended);
}

static void say(struct state *st, struct script *s)
{
	struct keeper_request r = { .version = KEEPER_MSG_VERSION,
				    .type = (uint16_t)(take(s) % 6 + 1),
				    .id = 1,
				    .index = take(s) % 5,
				    .arrival = take(s) % 3 };
	uint8_t last = take(s);
	uint8_t octets[sizeof(r)];

	r.force = last % 2;
	r.target = (struct ip){ IP_V4, { 192, 0, 2, last % 4 } };
	st->asks += r.type == KEEPER_ASK ? 1 : 0;
	r.prefix = (struct ip_prefix){ { IP_V4, { 10, 0, 0, last } }, last % 3 == 0 ? 32 : last };
	memcpy(octets, &r, sizeof(r));
	keeper_core_take_message(st->core, st->now.mono_ms,
				 (struct bytes){ octets, sizeof(octets) });
}

/* Any octets of the right size: indexes and prefixes that no client would send. */
static void say_anything(struct state *st, struct script *s)
{
	uint8_t octets[sizeof(struct keeper_request)];
	uint16_t version = KEEPER_MSG_VERSION;
	struct keeper_request r;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = take(s);
	memcpy(octets, &version, sizeof(version));
	memcpy(&r, octets, sizeof(r));
	st->asks += r.type == KEEPER_ASK ? 1 : 0;
	keeper_core_take_message(st->core, st->now.mono_ms,
				 (struct bytes){ octets, sizeof(octets) });
}

/* Half of it about addresses that matter. */
static struct ip take_ip(struct script *s, bool is_v6)
{
	static const uint8_t last[] = { 21, 22, 23, 1, 2, 3, 0 };
	uint8_t which = last[take(s) % sizeof(last)];

	if (is_v6)
		return (struct ip){ IP_V6, { 0x20, 0x01, [15] = which == 21 ? 0 : which } };
	return (struct ip){ IP_V4, { 192, 0, 2, which } };
}

static void hear(struct state *st, struct script *s)
{
	uint8_t kind = take(s);
	struct keeper_heard heard = { .link = kind & 1 ? "eth0" : "eth1",
				      .own_mac = { 2 },
				      .mac = { 2, kind & 2 ? 1 : 0 },
				      .is_arp = (kind & 4) != 0 };

	heard.arp = (struct arp){ .operation = kind & 8 ? ARP_REPLY : ARP_REQUEST,
				  .sender_mac = { 2, kind & 2 ? 1 : 0 },
				  .sender = take_ip(s, false),
				  .target = take_ip(s, false) };
	heard.nd = (struct nd){ .type = kind & 8 ? ND_ADVERTISEMENT : ND_SOLICITATION,
				.source = take_ip(s, true),
				.to = take_ip(s, true),
				.target = take_ip(s, true) };
	keeper_core_take_heard(st->core, st->now.mono_ms, &heard);
}

static void say_words(struct state *st, struct script *s)
{
	struct keeper_last_words words = { .version = KEEPER_MSG_VERSION,
					   .type = KEEPER_LAST_WORDS,
					   .len = (uint16_t)(take(s) * 3),
					   .to = { { IP_V4, { 192, 0, 2, 1 } }, 1 } };

	keeper_core_take_message(st->core, st->now.mono_ms,
				 (struct bytes){ (const uint8_t *)&words, sizeof(words) });
}

static void step(struct state *st, struct script *s)
{
	uint64_t gap_ms;

	switch (take(s) % 8) {
	case 0:
		say(st, s);
		break;
	case 1:
		say_anything(st, s);
		break;
	case 2:
		gap_ms = (uint64_t)take(s) * 10;
		st->now.mono_ms += gap_ms;
		st->now.boot_ms += gap_ms;
		keeper_core_wake(st->core, st->now);
		run_actions(st);
		keeper_core_tick(st->core, st->now.mono_ms);
		break;
	case 3:
		st->err = -(take(s) % 23);
		st->presence = (enum keeper_presence)(take(s) % 4);
		break;
	case 4:
		hear(st, s);
		break;
	case 5:
		if ((st->hooked & 1 << 3) == 0)
			break;
		st->hooked = 0;
		keeper_core_take_hook(st->core, 3, take(s) % 3 - 1, "said");
		break;
	case 6:
		say_words(st, s);
		break;
	default:
		st->now.boot_ms += (uint64_t)take(s) * 100;
		keeper_core_wake(st->core, st->now);
		break;
	}
	run_actions(st);
}

static void check_core(struct bytes input)
{
	struct state st = { .now = { 1000, 1000 } };
	struct script s = { input.ptr, input.len };

	set_conf(&st.conf);
	if (keeper_core_new(&st.conf, NULL, st.now, &st.core) != 0)
		return;
	while (s.left > 0 && !st.is_ended)
		step(&st, &s);
	st.now.mono_ms += KEEPER_PROBE_MS;
	if (!st.is_ended)
		run_actions(&st);
	require(st.asks == 0 || keeper_core_is_ending(st.core));
	keeper_core_take_eof(st.core, "end of script");
	run_actions(&st);
	require(st.held == 0 && st.routes == 0);
	/* Release hooks may be waited for. */
	st.now.mono_ms += KEEPER_HOOK_END_MS;
	run_actions(&st);
	require(st.is_ended);
	keeper_core_free(st.core);
}

static void check_arp(struct bytes input)
{
	uint8_t again[FRAME_ARP_SIZE];
	struct arp arp;

	if (frame_arp_decode(input, &arp) != 0)
		return;
	frame_arp_encode(&arp, again);
	require(memcmp(again, input.ptr, sizeof(again)) == 0);
}

static void check_nd(struct bytes input)
{
	static const uint8_t mine[FRAME_MAC_SIZE] = { 2 }, other[FRAME_MAC_SIZE] = { 2, 1 };
	uint8_t again[FRAME_NS_SIZE];
	struct nd nd, probe;

	if (frame_nd_decode(input, &nd) != 0)
		return;
	require(nd.type == ND_SOLICITATION || nd.type == ND_ADVERTISEMENT);
	require(frame_nd_judge(&nd, mine, &nd.target, mine) == FRAME_NO_CONFLICT);
	require(nd.type == ND_SOLICITATION ||
		frame_nd_judge(&nd, other, &nd.target, mine) == FRAME_IN_USE);
	frame_ns_encode(&nd.target, mine, again);
	require(frame_nd_decode((struct bytes){ again, sizeof(again) }, &probe) == 0);
	require(frame_nd_judge(&probe, other, &nd.target, mine) == FRAME_CLAIMED_ALSO);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct bytes octets = { input, size };

	check_arp(octets);
	check_nd(octets);
	check_core(octets);
	return 0;
}
