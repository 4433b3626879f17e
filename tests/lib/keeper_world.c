/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/keeper_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ip to_ip(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

static struct ip_prefix to_prefix(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void add_connection(struct keeper_conf *conf, enum keeper_inside inside, const char *link,
			   uint32_t metric, const char *remote_ts)
{
	struct keeper_connection *c = &conf->connections[conf->connection_count++];

	c->inside = inside;
	c->metric = metric;
	snprintf(c->link, sizeof(c->link), "%s", link);
	c->remote_ts[c->remote_ts_count++] = to_prefix(remote_ts);
}

void world_add_address(struct keeper_conf *conf, const char *ip, enum keeper_claim claim)
{
	struct keeper_address *a = &conf->addresses[conf->address_count++];

	a->ip = to_ip(ip);
	a->claim = claim;
	snprintf(a->link, sizeof(a->link), "eth0");
}

static void set_conf(struct keeper_conf *conf)
{
	snprintf(conf->tun, sizeof(conf->tun), "waypost0");
	world_add_address(conf, "192.0.2.21", KEEPER_CLAIM_L2);
	world_add_address(conf, "2001:db8::21", KEEPER_CLAIM_L2);
	world_add_address(conf, "192.0.2.22", KEEPER_CLAIM_NONE);
	add_connection(conf, KEEPER_INSIDE_PROXY_ARP, "eth1", 0, "10.1.0.0/16");
	add_connection(conf, KEEPER_INSIDE_ROUTE, "", 77, "10.0.0.0/8");
	add_connection(conf, KEEPER_INSIDE_PROXY_ARP, "eth2", 0, "2001:db8:1::/48");
	add_connection(conf, KEEPER_INSIDE_PROXY_ARP, "eth2", 0, "10.1.0.0/16");
	add_connection(conf, KEEPER_INSIDE_ROUTE, "", 88, "0.0.0.0/0");
	conf->connections[1].remote_ts[conf->connections[1].remote_ts_count++] =
	    to_prefix("2001:db8::/32");
}

struct keeper_world *world_new(uint32_t routes_max)
{
	struct keeper_world *w = calloc(1, sizeof(*w));
	struct keeper_time now = { WORLD_START_MS, WORLD_START_MS };
	char why[KEEPER_TEXT_MAX];

	set_conf(&w->conf);
	w->conf.routes_max = routes_max;
	assert_int_equal(keeper_conf_check(&w->conf, why), 0);
	w->now_ms = WORLD_START_MS;
	w->next_ping = WORLD_START_MS + KEEPER_PING_MS;
	assert_int_equal(keeper_core_new(&w->conf, NULL, now, &w->core), 0);
	return w;
}

void world_free(struct keeper_world *w)
{
	keeper_core_free(w->core);
	free(w);
}

/* ---- the trace ------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void note(struct keeper_world *w, const char *fmt, ...)
{
	size_t len = strlen(w->trace);
	va_list args;

	if (len > 0)
		len += (size_t)snprintf(w->trace + len, sizeof(w->trace) - len, ", ");
	va_start(args, fmt);
	vsnprintf(w->trace + len, sizeof(w->trace) - len, fmt, args);
	va_end(args);
	assert_true(strlen(w->trace) < sizeof(w->trace) - 1);
}

static void note_report(struct keeper_world *w, const struct keeper_report *r)
{
	assert_int_equal(r->version, KEEPER_MSG_VERSION);
	if (r->type == KEEPER_PONG)
		w->pongs++;
	else if (r->type == KEEPER_ANSWER)
		note(w, "answer %u %d%s", r->id, r->result,
		     r->request.type != KEEPER_ASK || r->result != 0 ? ""
		     : r->is_there                                   ? " there"
								     : " nobody");
	else if (r->type == KEEPER_CONFLICT)
		note(w, "conflict %u %s %u", r->index, r->text, r->count);
	else if (r->type == KEEPER_ADDRESS_LOST)
		note(w, "lost %u", r->index);
	else
		note(w, "dropped");
}

static void note_action(struct keeper_world *w, const struct keeper_action *a)
{
	static const char *const names[WORLD_ACTIONS] = {
		[KEEPER_ACT_LOOKUP] = "lookup",        [KEEPER_ACT_PROBE] = "probe",
		[KEEPER_ACT_PROBE_STOP] = "stop",      [KEEPER_ACT_ADDRESS_SET] = "set",
		[KEEPER_ACT_ADDRESS_DEL] = "del",      [KEEPER_ACT_ANNOUNCE] = "announce",
		[KEEPER_ACT_ROUTE_SET] = "route",      [KEEPER_ACT_ROUTE_DEL] = "unroute",
		[KEEPER_ACT_ROUTE_ANNOUNCE] = "shout", [KEEPER_ACT_VERIFY] = "verify",
		[KEEPER_ACT_VERIFY_STOP] = "verified", [KEEPER_ACT_HOOK_START] = "hook",
		[KEEPER_ACT_HOOK_KILL] = "kill",       [KEEPER_ACT_ASK] = "ask",
		[KEEPER_ACT_ASK_STOP] = "asked",       [KEEPER_ACT_LAST_WORDS] = "words",
	};
	char prefix[PREFIX_TEXT_MAX];

	if (a->type == KEEPER_ACT_REPORT)
		note_report(w, &a->report);
	else if (a->type == KEEPER_ACT_EXIT)
		note(w, "exit");
	else if (a->type == KEEPER_ACT_FENCE_KEEP)
		w->fences_kept++;
	else if (a->type == KEEPER_ACT_FENCE_REMOVE)
		w->fence_removal = *a;
	else if (a->type == KEEPER_ACT_HOOK_START)
		note(w, "%s %zu %llu", a->is_claim ? "claim" : "release", a->index,
		     (unsigned long long)a->epoch);
	else if (a->prefix.bits == 0)
		note(w, "%s %zu", names[a->type], a->index);
	else
		note(w, "%s%s %s %zu", a->is_replacing ? "re" : "", names[a->type],
		     ip_prefix_format(&a->prefix, prefix), a->index);
}

void world_run(struct keeper_world *w)
{
	struct keeper_action action;

	if (!w->has_unread)
		keeper_core_heard_all(w->core, w->now_ms);
	while (!w->is_ended && keeper_core_next(w->core, w->now_ms, &action)) {
		note_action(w, &action);
		w->is_ended = action.type == KEEPER_ACT_EXIT;
		if (action.type != KEEPER_ACT_REPORT && action.type != KEEPER_ACT_EXIT)
			keeper_core_take_result(w->core, w->now_ms, &action,
						&w->results[action.type]);
	}
}

void world_hear_arp(struct keeper_world *w, uint16_t operation, uint8_t mac, const char *sender,
		    const char *target)
{
	struct keeper_heard heard = { .link = "eth0",
				      .own_mac = { 2 },
				      .mac = { 2, [5] = mac },
				      .is_arp = true,
				      .arp = { .operation = operation,
					       .sender_mac = { 2, [5] = mac },
					       .sender = to_ip(sender),
					       .target = to_ip(target) } };

	keeper_core_take_heard(w->core, w->now_ms, &heard);
	world_run(w);
}

void world_hear_na(struct keeper_world *w, uint8_t mac, const char *target, const char *to)
{
	struct keeper_heard heard = { .link = "eth0",
				      .own_mac = { 2 },
				      .mac = { 2, [5] = mac },
				      .nd = { .type = ND_ADVERTISEMENT,
					      .source = to_ip("fe80::99"),
					      .to = to_ip(to),
					      .target = to_ip(target) } };

	keeper_core_take_heard(w->core, w->now_ms, &heard);
	world_run(w);
}

void world_end_hook(struct keeper_world *w, size_t index, int status, const char *line)
{
	keeper_core_take_hook(w->core, index, status, line);
	world_run(w);
}

/* ---- events ---------------------------------------------------------------- */

void world_wake(struct keeper_world *w)
{
	struct keeper_time now = { w->now_ms, w->now_ms + w->slept_ms };

	keeper_core_wake(w->core, now);
	world_run(w);
}

static void tick(struct keeper_world *w)
{
	keeper_core_tick(w->core, w->now_ms);
	world_run(w);
}

void world_say(struct keeper_world *w, const struct keeper_request *request)
{
	struct keeper_request r = *request;

	r.version = KEEPER_MSG_VERSION;
	keeper_core_take_message(w->core, w->now_ms, (struct bytes){ (uint8_t *)&r, sizeof(r) });
	world_run(w);
}

void world_say_words(struct keeper_world *w, uint16_t len)
{
	struct keeper_last_words words = { .version = KEEPER_MSG_VERSION,
					   .type = KEEPER_LAST_WORDS,
					   .len = len,
					   .to = { to_ip("192.0.2.1"), 500 } };

	keeper_core_take_message(w->core, w->now_ms,
				 (struct bytes){ (uint8_t *)&words, sizeof(words) });
	world_run(w);
}

void world_say_address(struct keeper_world *w, uint16_t type, uint32_t id, uint16_t index)
{
	world_say(w, &(struct keeper_request){ .type = type, .id = id, .index = index });
}

void world_say_route(struct keeper_world *w, uint16_t type, uint32_t id, uint16_t connection,
		     const char *prefix, uint64_t arrival)
{
	world_say(w, &(struct keeper_request){ .type = type,
					       .id = id,
					       .index = connection,
					       .prefix = to_prefix(prefix),
					       .arrival = arrival });
}

void world_turn(struct keeper_world *w)
{
	world_wake(w);
	if (w->now_ms >= w->next_ping) {
		world_say(w, &(struct keeper_request){ .type = KEEPER_PING });
		w->next_ping = w->now_ms + KEEPER_PING_MS;
	}
	tick(w);
}

void world_pass(struct keeper_world *w, uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	while (w->now_ms < end && !w->is_ended) {
		uint64_t next = keeper_core_next_ms(w->core, w->now_ms);

		next = w->next_ping < next ? w->next_ping : next;
		assert_true(next >= w->now_ms);
		w->now_ms = next < end ? next : end;
		world_turn(w);
	}
}

void world_expect(struct keeper_world *w, const char *what, const char *want)
{
	if (strcmp(w->trace, want) != 0)
		fail_msg("%s:\n got  \"%s\"\n want \"%s\"", what, w->trace, want);
	w->trace[0] = '\0';
}

void world_forget(struct keeper_world *w)
{
	w->trace[0] = '\0';
}

void world_hold_address(struct keeper_world *w)
{
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
	world_pass(w, KEEPER_PROBE_MS + 2500);
	world_forget(w);
}

void world_hold_everything(struct keeper_world *w)
{
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 1);
	w->results[KEEPER_ACT_LOOKUP].presence = KEEPER_PRESENCE_OURS;
	world_say_address(w, KEEPER_ADDRESS_ADD, 2, 2);
	world_say_route(w, KEEPER_ROUTE_ADD, 3, 0, "10.1.0.201/32", 1);
	world_say_route(w, KEEPER_ROUTE_ADD, 4, 1, "10.64.0.0/16", 1);
	world_hold_address(w);
}
