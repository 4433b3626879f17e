/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

#include <stdio.h>

/* When the next hops are asked, after the addition. */
static const uint32_t verify_ms[] = { 0, 100, 200 };
#define QUESTIONS (sizeof(verify_ms) / sizeof(verify_ms[0]))

enum frame_conflict core_heard_judge(const struct keeper_heard *heard, const struct ip *ip)
{
	return heard->is_arp ? frame_arp_judge(&heard->arp, ip, heard->own_mac)
			     : frame_nd_judge(&heard->nd, heard->mac, ip, heard->own_mac);
}

const char *core_mac_text(const uint8_t mac[FRAME_MAC_SIZE], char out[CORE_MAC_TEXT_MAX])
{
	snprintf(out, CORE_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return out;
}

/* ---- next hops ------------------------------------------------------------- */

static bool is_next_hop(const struct ip *ip, const struct ip *hop)
{
	return hop->family == ip->family && !ip_is_equal(hop, ip);
}

static size_t count_next_hops(const struct keeper_core *core, const struct ip *ip)
{
	size_t count = 0;

	for (size_t i = 0; i < core->conf->next_hop_count; i++)
		count += is_next_hop(ip, &core->conf->next_hops[i]) ? 1 : 0;
	return count;
}

bool core_verify_begin(struct keeper_core *core, uint64_t now_ms, size_t index)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	struct address *a = &core->addresses[index];

	if (conf->claim != KEEPER_CLAIM_L2 || count_next_hops(core, &conf->ip) == 0)
		return false;
	a->verified = 0;
	a->end_ms = now_ms + KEEPER_VERIFY_MS;
	core_address_move(core, index, VERIFYING, "added");
	return true;
}

/*
 * Only an answer to that address counts, not that the next hop is heard of: it has to have learned
 * where the address is, and the way back has to work.
 */
static bool is_answer_to(const struct keeper_heard *heard, const struct ip *hop,
			 const struct ip *ip)
{
	if (heard->is_arp)
		return heard->arp.operation == ARP_REPLY && ip_is_equal(&heard->arp.sender, hop) &&
		       ip_is_equal(&heard->arp.target, ip);
	return heard->nd.type == ND_ADVERTISEMENT && ip_is_equal(&heard->nd.target, hop) &&
	       ip_is_equal(&heard->nd.to, ip);
}

static void take_answer(struct keeper_core *core, size_t index, const struct keeper_heard *heard)
{
	const struct ip *ip = &core->conf->addresses[index].ip;
	char story[KEEPER_TEXT_MAX], text[IP_TEXT_MAX];

	for (size_t i = 0; i < core->conf->next_hop_count; i++) {
		const struct ip *hop = &core->conf->next_hops[i];

		if (!is_next_hop(ip, hop) || !is_answer_to(heard, hop, ip))
			continue;
		snprintf(story, sizeof(story), "%s answers it", ip_format(hop, text));
		core_address_push(core, KEEPER_ACT_VERIFY_STOP, index);
		core_address_move(core, index, HELD, story);
		core_address_answer(core, index, 0, "");
		return;
	}
}

static void give_up(struct keeper_core *core, size_t index)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	char why[KEEPER_TEXT_MAX], text[IP_TEXT_MAX];

	snprintf(why, sizeof(why), "none of %zu next hops answers %s on %s",
		 count_next_hops(core, &conf->ip), ip_format(&conf->ip, text), conf->link);
	core_address_undo(core, index, ERR_TIMEOUT, why);
}

/* ---- others ---------------------------------------------------------------- */

static void take_conflict(struct keeper_core *core, size_t index, const struct keeper_heard *heard,
			  bool is_probing)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	char ip[IP_TEXT_MAX], mac[CORE_MAC_TEXT_MAX], why[KEEPER_TEXT_MAX];

	snprintf(why, sizeof(why), "%s is %s by %s on %s", ip_format(&conf->ip, ip),
		 is_probing ? "also being claimed" : "in use", core_mac_text(heard->mac, mac),
		 conf->link);
	core_address_push(core, KEEPER_ACT_PROBE_STOP, index);
	core_address_refuse(core, index, ERR_EXISTS, why);
}

/*
 * RFC 5227, 2.4 (c): a host that will not give its address up defends it, and does that not more
 * than once in an interval. What comes within the interval is answered at its end, since it may be
 * what the neighbours heard last.
 */
static void defend(struct keeper_core *core, uint64_t now_ms, size_t index)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	struct address *a = &core->addresses[index];
	struct keeper_report report = { .type = KEEPER_CONFLICT,
					.index = (uint16_t)index,
					.count = a->conflicts };
	char ip[IP_TEXT_MAX], mac[CORE_MAC_TEXT_MAX];

	core_mac_text(a->conflict_mac, mac);
	log_warn(core->lg, LG_KEEPER,
		 "%s on %s is ours, but %s says it has it (%u times): defended",
		 ip_format(&conf->ip, ip), conf->link, mac, a->conflicts);
	a->conflicts = 0;
	a->defend_at_ms = now_ms + KEEPER_CONFLICT_MS;
	core_push_report(core, &report, mac);
}

void core_verify_take_heard(struct keeper_core *core, uint64_t now_ms, size_t index,
			    const struct keeper_heard *heard)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	struct address *a = &core->addresses[index];
	enum frame_conflict conflict;

	if (conf->claim != KEEPER_CLAIM_L2 || strcmp(conf->link, heard->link) != 0)
		return;
	conflict = core_heard_judge(heard, &conf->ip);
	if (a->state == PROBING && conflict != FRAME_NO_CONFLICT) {
		take_conflict(core, index, heard, conflict == FRAME_CLAIMED_ALSO);
		return;
	}
	if (a->state != VERIFYING && a->state != HELD)
		return;
	if (conflict == FRAME_IN_USE) {
		if (a->conflicts == 0 && a->defend_at_ms < now_ms)
			a->defend_at_ms = now_ms;
		a->conflicts++;
		memcpy(a->conflict_mac, heard->mac, FRAME_MAC_SIZE);
	}
	if (a->state == VERIFYING)
		take_answer(core, index, heard);
}

/* ---- timers ---------------------------------------------------------------- */

bool core_verify_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		      struct keeper_action *out)
{
	struct address *a = &core->addresses[index];

	if (a->conflicts > 0 && now_ms >= a->defend_at_ms) {
		defend(core, now_ms, index);
		out->type = KEEPER_ACT_ANNOUNCE;
		return true;
	}
	if (a->state != VERIFYING)
		return false;
	if (core->heard_all_ms >= a->end_ms) {
		give_up(core, index);
		out->type = KEEPER_ACT_VERIFY_STOP;
		return true;
	}
	if (a->verified < QUESTIONS && now_ms >= a->held_ms + verify_ms[a->verified]) {
		a->verified++;
		out->type = KEEPER_ACT_VERIFY;
		return true;
	}
	return false;
}

uint64_t core_verify_next_ms(const struct address *a)
{
	uint64_t next_ms = a->conflicts > 0 ? a->defend_at_ms : UINT64_MAX;

	if (a->state != VERIFYING)
		return next_ms;
	if (a->verified < QUESTIONS && a->held_ms + verify_ms[a->verified] < next_ms)
		next_ms = a->held_ms + verify_ms[a->verified];
	return a->end_ms < next_ms ? a->end_ms : next_ms;
}
