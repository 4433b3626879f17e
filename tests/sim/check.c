/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

/* Safety: what must be true after every step. README.md says each in words. */

/* Two holders that hear each other: a notice is due within its interval, the newer one's first
 * comes when its next hops have answered. */
#define OVERLAP_MS       (OWNERSHIP_NOTICE_MS + KEEPER_VERIFY_MS + 100)
/* The keeper looks at least each KEEPER_PING_MS. */
#define SILENCE_SLACK_MS (KEEPER_PING_MS + 20)
#define LIFETIME_MS      (KEEPER_VALID_S * 1000 + 1200)
/* Chance of a false alarm where messages are lost. */
#define CHANCE           1e-12

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
{
	char text[400];
	va_list args;

	if (s->has_failed)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	s->has_failed = true;
	snprintf(s->failure, sizeof(s->failure), "%s: at %llu.%03llu s: %s", invariant,
		 (unsigned long long)s->now / 1000, (unsigned long long)s->now % 1000, text);
	if (s->is_tracing)
		sim_write(s, "FAILED", "%s: %s", invariant, text);
}

/* ---- one holder ---- */

/* What its kernel refused to remove goes by itself. */
static bool is_kernel_good(const struct sim *s, const struct host *h)
{
	return h->kernel_bad_at == 0 || host_mono(s, h) >= h->kernel_bad_at + LIFETIME_MS;
}

static bool is_counted(struct sim *s, size_t host)
{
	return sim_is_running(s, SIM_MAIN, host) && sim_is_running(s, SIM_KEEPER, host) &&
	       s->hosts[host].agent.stage == AGENT_SERVING && is_kernel_good(s, &s->hosts[host]);
}

static bool is_known(const struct sim *s, size_t to, size_t who)
{
	const struct agent *a = &s->hosts[to].agent;

	for (size_t i = 0; i < a->n_neighbours; i++) {
		if (endpoint_is_equal(&a->neighbours[i], &s->hosts[who].mesh))
			return true;
	}
	return false;
}

static bool is_two_way(const struct sim *s, enum net_kind kind, size_t i, size_t k)
{
	return !net_is_cut(s, kind, i, k) && !net_is_cut(s, kind, k, i);
}

/* On the link by the group; over the mesh one has to know where the other is. */
static bool hear_each_other(const struct sim *s, size_t i, size_t k)
{
	return (!s->conf.is_route && is_two_way(s, NET_LINK, i, k)) ||
	       (is_two_way(s, NET_MESH, i, k) && (is_known(s, i, k) || is_known(s, k, i)));
}

static uint64_t overlap_allowed(const struct sim *s, size_t i, size_t k)
{
	const struct net *net = &s->net;
	uint64_t slack = 2ull * (net->delay_ms + net->spread_ms) +
			 4ull * (s->hosts[i].lag_ms + s->hosts[k].lag_ms);
	double loss = net->loss_ppm / 1e6;

	/* Twice at a time: over the mesh and to the group; an older one needs an answer too. */
	if (loss > 0)
		slack += (uint64_t)(OWNERSHIP_NOTICE_MS * ceil(log(CHANCE) / log(loss)));
	return OVERLAP_MS + slack;
}

static void check_pair(struct sim *s, size_t a, size_t i, size_t k)
{
	uint64_t *since = &s->checks.overlap_at[a][i][k];

	if (!is_counted(s, i) || !is_counted(s, k) || !hear_each_other(s, i, k)) {
		*since = 0;
		return;
	}
	if (*since == 0)
		*since = s->now;
	if (s->now - *since > overlap_allowed(s, i, k))
		sim_fail(s, "one holder",
			 "%s has been held by %s (epoch %llu) and %s (epoch %llu), who hear each "
			 "other, for %llu ms",
			 sim_text(s, a), sim_name(s, i),
			 (unsigned long long)s->hosts[i].kernel[a].epoch, sim_name(s, k),
			 (unsigned long long)s->hosts[k].kernel[a].epoch,
			 (unsigned long long)(s->now - *since));
}

static void check_overlaps(struct sim *s, size_t a)
{
	uint32_t holders = s->checks.holders[a];

	for (size_t i = 0; i < s->conf.n_members; i++) {
		for (size_t k = i + 1; k < s->conf.n_members; k++) {
			if ((holders >> i & 1) != 0 && (holders >> k & 1) != 0)
				check_pair(s, a, i, k);
			else
				s->checks.overlap_at[a][i][k] = 0;
		}
	}
}

/* Times so far say nothing about how it will be from now on. */
void check_reset(struct sim *s)
{
	memset(s->checks.overlap_at, 0, sizeof(s->checks.overlap_at));
}

/* ---- the keeper and a silent main ---- */

void check_heard_main(struct sim *s, size_t host)
{
	s->hosts[host].silent_from = s->now + KEEPER_SILENCE_MS;
	s->hosts[host].silent_lag_ms = 0;
}

static void check_silence(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	uint64_t slack, silent_ms = s->now - h->silent_from + KEEPER_SILENCE_MS;

	/* A timer that was late when the host was busy is so when it is busy no more. */
	if (h->lag_ms > h->silent_lag_ms)
		h->silent_lag_ms = h->lag_ms;
	slack = SILENCE_SLACK_MS + 3ull * h->silent_lag_ms;
	if (h->silent_from == SIM_NEVER || s->now <= h->silent_from + slack ||
	    !sim_is_running(s, SIM_KEEPER, host))
		return;
	if (!is_kernel_good(s, h))
		return;
	for (size_t a = 0; a < s->n_addresses; a++) {
		if (h->kernel[a].is_there)
			sim_fail(
			    s, "keeper's watch",
			    "main of %s has been silent for %llu ms, its keeper runs and %s is "
			    "still there",
			    h->name, (unsigned long long)silent_ms, sim_text(s, a));
	}
}

void check_step(struct sim *s)
{
	for (size_t a = 0; a < s->n_addresses; a++) {
		if ((s->checks.holders[a] & (s->checks.holders[a] - 1)) != 0)
			check_overlaps(s, a);
	}
	for (size_t i = 0; i < s->conf.n_members; i++)
		check_silence(s, i);
}

/* ---- what a kernel has ---- */

/* Nobody takes an address from a member to which nothing has happened. */
static void check_need(struct sim *s, size_t host, size_t address, const char *why)
{
	if (!s->hosts[host].is_innocent || sim_home(s, address) != host ||
	    s->checks.is_moved[address])
		return;
	sim_fail(s, "no need", "%s, to which nothing has happened, lost its %s: %s",
		 sim_name(s, host), sim_text(s, address), why);
}

void check_kernel(struct sim *s, size_t host, size_t address, const char *why)
{
	struct host *h = &s->hosts[host];
	uint32_t bit = 1u << host;

	if (h->kernel[address].is_there) {
		s->checks.holders[address] |= bit;
		s->checks.claims++;
		return;
	}
	s->checks.holders[address] &= ~bit;
	for (size_t i = 0; i < s->conf.n_members; i++)
		s->checks.overlap_at[address][host < i ? host : i][host < i ? i : host] = 0;
	h->must_drop &= ~(1u << address);
	check_need(s, host, address, why);
}

void check_use(struct sim *s, size_t host, size_t address, const char *what)
{
	if ((s->hosts[host].must_drop >> address & 1) != 0)
		sim_fail(s, "drop first", "%s was suspended, and %s is %s before it was dropped",
			 sim_name(s, host), sim_text(s, address), what);
}

/* ---- epochs ---- */

/* False: this epoch was used before, for something else. */
static bool note_use(struct checks *c, uint64_t epoch, uint64_t id)
{
	if (c->n_used == c->cap_used) {
		c->cap_used = c->cap_used == 0 ? 64 : 2 * c->cap_used;
		c->used = realloc(c->used, c->cap_used * sizeof(*c->used));
		if (c->used == NULL)
			abort();
	}
	for (size_t i = c->n_used; i-- > 0;) {
		if (c->used[i].epoch == epoch)
			return c->used[i].id == id;
	}
	c->used[c->n_used++] = (struct epoch_use){ epoch, id };
	return true;
}

void check_order(struct sim *s, const struct coordinator_action *action)
{
	const struct store_content *store = &s->director.store;
	size_t a = sim_find(s, &action->ip);
	bool is_claim = action->type == COORDINATOR_CLAIM;

	SIM_SAY(s, SIM_DIRECTOR, "orders %s to %s %s, epoch %llu%s", sim_name(s, action->member),
		is_claim ? "claim" : "release", sim_text(s, a), (unsigned long long)action->epoch,
		action->force ? ", by force" : "");
	if (store->epoch < action->epoch || store->records[a].epoch != action->epoch ||
	    (is_claim && store->records[a].owner != action->member))
		sim_fail(s, "durable at the director",
			 "%s is ordered under epoch %llu, the store has %llu (of all %llu)",
			 sim_text(s, a), (unsigned long long)action->epoch,
			 (unsigned long long)store->records[a].epoch,
			 (unsigned long long)store->epoch);
	if (!note_use(&s->checks, action->epoch,
		      action->id << 8 | (uint64_t)(s->director.proc.gen & 0xff)))
		sim_fail(s, "epoch used once", "epoch %llu is used again, for %s at %s",
			 (unsigned long long)action->epoch, sim_text(s, a),
			 sim_name(s, action->member));
}

void check_asked(struct sim *s, size_t host, const struct ownership_action *action)
{
	struct host *h = &s->hosts[host];
	size_t a = h->order[action->index];
	const struct ownership_state *disk = &h->disk.ownership;
	bool is_recorded = false;

	h->kernel[a].epoch = action->epoch;
	if (action->epoch < h->agent.newest[a])
		sim_fail(s, "older epoch", "%s takes %s under epoch %llu, and knows of %llu",
			 h->name, sim_text(s, a), (unsigned long long)action->epoch,
			 (unsigned long long)h->agent.newest[a]);
	for (size_t i = 0; i < disk->n; i++)
		is_recorded |= ip_is_equal(&disk->records[i].ip, &s->addresses[a]) &&
			       disk->records[i].epoch >= action->epoch && disk->records[i].is_ours;
	if (!is_recorded)
		sim_fail(s, "durable at the agent", "%s takes %s, epoch %llu is not on its disk",
			 h->name, sim_text(s, a), (unsigned long long)action->epoch);
}

void check_notice(struct sim *s, size_t host, const struct mesh_msg *notice, bool was_held,
		  uint64_t epoch)
{
	size_t a = sim_find(s, &notice->address);
	bool is_held = addresses_is_held(s, host, a);
	bool is_newer = notice->epoch > epoch ||
			(notice->epoch == epoch && notice->number > s->hosts[host].number);

	if (notice->number == s->hosts[host].number)
		return;
	if (was_held && is_newer && is_held)
		sim_fail(s, "yield", "%s heard that %u has %s under epoch %llu and keeps it (%llu)",
			 sim_name(s, host), notice->number, sim_text(s, a),
			 (unsigned long long)notice->epoch, (unsigned long long)epoch);
	if (was_held && !is_newer && !is_held)
		sim_fail(s, "yield", "%s heard that %u has %s under epoch %llu and let go (%llu)",
			 sim_name(s, host), notice->number, sim_text(s, a),
			 (unsigned long long)notice->epoch, (unsigned long long)epoch);
}
