/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_report.h"

#include "agent/inside/inside.h"
#include "common/base/version.h"

/*
 * The kernel counts in ticks of 10 ms, and a second of work is no load yet: samples of a second,
 * smoothed so that about the last five count.
 */
#define CPU_SAMPLE_MS 1000
#define CPU_NEWEST    0.2

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void sample_cpu(struct agent_report *r)
{
	struct cpu_sample now;
	uint64_t now_at = now_ms();

	if (r->cpu_sampled_ms != 0 && now_at - r->cpu_sampled_ms < CPU_SAMPLE_MS)
		return;
	if (cpu_read(&now) != 0)
		return;
	if (r->cpu_sampled_ms != 0)
		r->cpu += CPU_NEWEST * (cpu_share(&r->cpu_before, &now) - r->cpu);
	r->cpu_before = now;
	r->cpu_sampled_ms = now_at;
}

static uint32_t to_ppm(double share)
{
	if (share <= 0)
		return 0;
	return share >= 1 ? MSG_SHARE_MAX : (uint32_t)(share * MSG_SHARE_MAX);
}

static double load_of(const struct agent_report *r, const struct agent_conf *conf, size_t sas,
		      size_t half_open)
{
	double by_sas = (double)sas / conf->capacity;
	double by_half_open = (double)half_open / conf->ike.half_open_max;
	double load = r->cpu;

	if (by_sas > load)
		load = by_sas;
	return by_half_open > load ? by_half_open : load;
}

static enum msg_claim_kind to_msg_claim(enum keeper_claim claim)
{
	switch (claim) {
	case KEEPER_CLAIM_L2:
		return MSG_CLAIM_L2;
	case KEEPER_CLAIM_ROUTE:
		return MSG_CLAIM_ROUTE;
	case KEEPER_CLAIM_HOOK:
		return MSG_CLAIM_HOOK;
	case KEEPER_CLAIM_NONE:
		break;
	}
	return MSG_CLAIM_NONE;
}

void report_fill_hello(struct agent_report *r, const struct agent_conf *conf,
		       const struct setup *setup, struct msg_hello *hello)
{
	for (size_t i = 0; i < setup->n_addresses; i++) {
		const struct keeper_address *k = &setup->keeper.addresses[i];

		r->addresses[i] = (struct msg_address){
			.address = k->ip,
			.link = k->link[0] != '\0' ? k->link : NULL,
			.claim = to_msg_claim(k->claim),
		};
	}
	hello->version = waypost_version;
	hello->dataplane = "tun";
	hello->addresses = r->addresses;
	hello->n_addresses = setup->n_addresses;
	hello->capacity = conf->capacity;
}

static void count_sas(const struct shard *shard, size_t *sas, size_t *half_open)
{
	const struct responder *responder = shard_responder(shard);

	*sas = responder != NULL ? responder_count_established(responder) : 0;
	*half_open = responder != NULL ? responder_count_half_open(responder) : 0;
}

void report_fill_heartbeat(struct agent_report *r, const struct agent_conf *conf,
			   const struct shard *shard, struct msg_heartbeat *hb)
{
	size_t sas, half_open;

	sample_cpu(r);
	count_sas(shard, &sas, &half_open);
	hb->load_ppm = to_ppm(load_of(r, conf, sas, half_open));
	hb->cpu_ppm = to_ppm(r->cpu);
	hb->sas = sas;
	hb->half_open = half_open;
}

static size_t fill_rates(struct agent_report *r, const struct responder *responder)
{
	size_t n = 0;

	for (size_t i = 0; responder != NULL && i < IKE_COUNTER_COUNT; i++) {
		uint64_t total = responder_counter(responder, (enum ike_counter)i);

		if (total != r->last_counters[i])
			r->rates[n++] = (struct msg_counter){
				ike_counter_name((enum ike_counter)i),
				total - r->last_counters[i],
			};
		r->last_counters[i] = total;
	}
	return n;
}

static const char *const esp_error_names[] = {
#define ESP_NAME(name, text) "esp-" text,
	ESP_VERDICTS(ESP_NAME)
#undef ESP_NAME
};

static size_t fill_errors(struct agent_report *r, const struct responder *responder,
			  const struct esp_set *esp)
{
	size_t n = 0;

	for (size_t i = COUNT_DROP_HEADER; responder != NULL && i < IKE_COUNTER_COUNT; i++) {
		uint64_t total = responder_counter(responder, (enum ike_counter)i);

		if (total > 0)
			r->errors[n++] = (struct msg_counter){
				ike_counter_name((enum ike_counter)i),
				total,
			};
	}
	for (size_t i = ESP_OK + 1; i < ESP_VERDICT_COUNT; i++) {
		uint64_t total = esp_set_verdicts(esp, (enum esp_verdict)i);

		if (total > 0)
			r->errors[n++] = (struct msg_counter){ esp_error_names[i], total };
	}
	return n;
}

void report_fill_report(struct agent_report *r, const struct agent_conf *conf,
			const struct shard *shard, const struct addresses *addresses,
			struct msg_report *report)
{
	struct shard_traffic traffic = shard_traffic(shard);
	size_t sas, half_open;

	sample_cpu(r);
	count_sas(shard, &sas, &half_open);
	report->load = (struct msg_load){
		.load_ppm = to_ppm(load_of(r, conf, sas, half_open)),
		.cpu_ppm = to_ppm(r->cpu),
		.sas = sas,
		.half_open = half_open,
		.capacity = conf->capacity,
	};
	report->traffic = (struct msg_traffic){
		.octets_in = traffic.octets_in,
		.octets_out = traffic.octets_out,
		.packets_in = traffic.packets_in,
		.packets_out = traffic.packets_out,
	};
	report->rates = r->rates;
	report->n_rates = fill_rates(r, shard_responder(shard));
	report->errors = r->errors;
	report->n_errors = fill_errors(r, shard_responder(shard), shard_esp(shard));
	report->n_errors += addresses_counters(addresses, r->errors + report->n_errors);
}

static enum msg_peer_how how_of(const struct peer_info *peer)
{
	if (peer->is_resumed)
		return MSG_HOW_RESUMED;
	return peer->redirected_from.family != IP_NONE ? MSG_HOW_REDIRECTED_FROM : MSG_HOW_FULL;
}

void report_fill_peer(enum action_type what, const struct peer_info *peer, uint64_t now_ms,
		      struct ip_prefix inner[MSG_INNER_MAX], struct msg_peer *entry)
{
	bool is_cut; /* the director shows the first ones */
	size_t n = inside_prefixes(&peer->inner, inner, MSG_INNER_MAX, &is_cut);

	*entry = (struct msg_peer){
		.event = what == ACTION_PEER_UP     ? MSG_PEER_UP
			 : what == ACTION_PEER_DOWN ? MSG_PEER_DOWN
						    : MSG_PEER_MOVED,
		.identity = peer->identity,
		.spi = peer->spi,
		.old_spi = peer->old_spi,
		.address = peer->path.remote,
		.connection = peer->connection,
		.inner = inner,
		.n_inner = n,
		.how = how_of(peer),
		.supersedes = what == ACTION_PEER_UP ? peer->supersedes : 0,
		.initial_contact = what == ACTION_PEER_UP && peer->is_initial_contact,
		.from = peer->redirected_from,
		.since_ms = now_ms - peer->since_ms,
	};
}
