/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/setup/setup.h"

#include <stdio.h>
#include <stdlib.h>

/* What the schema lets through fits: nothing is cut. */
_Static_assert(AGENT_TRACK_MAX <= TRACK_MAX, "all that is configured is tracked");
_Static_assert(TS_MAX <= KEEPER_PREFIXES_MAX, "the keeper knows all of a connection's remote-ts");

static int copy_link(char out[IFNAMSIZ], const char *link, struct errtext *why)
{
	if (link == NULL)
		link = "";
	if (strlen(link) >= IFNAMSIZ) {
		errtext_set(why, "'%s' is too long for the name of a link", link);
		return ERR_CONFIG;
	}
	memcpy(out, link, strlen(link) + 1);
	return 0;
}

static enum keeper_claim to_keeper_claim(enum agent_claim claim)
{
	switch (claim) {
	case AGENT_CLAIM_L2:
		return KEEPER_CLAIM_L2;
	case AGENT_CLAIM_ROUTE:
		return KEEPER_CLAIM_ROUTE;
	case AGENT_CLAIM_HOOK:
		return KEEPER_CLAIM_HOOK;
	case AGENT_CLAIM_NONE:
		break;
	}
	return KEEPER_CLAIM_NONE;
}

static int add_address(struct setup *s, const struct agent_conf_address *in, bool is_home,
		       struct errtext *why)
{
	struct keeper_address *k = &s->keeper.addresses[s->n_addresses];
	size_t i = s->n_addresses;

	if (i == KEEPER_ADDRESSES_MAX) {
		errtext_set(why, "more than %d addresses", KEEPER_ADDRESSES_MAX);
		return ERR_CONFIG;
	}
	k->ip = in->address;
	k->claim = to_keeper_claim(in->claim);
	s->ownership.addresses[i].ip = in->address;
	s->ownership.addresses[i].is_home = is_home;
	s->ownership.addresses[i].is_watched = in->claim == AGENT_CLAIM_NONE;
	s->addresses[i] = in->address;
	s->n_addresses++;
	s->n_homes += is_home;
	s->keeper.address_count = s->ownership.n = s->n_addresses;
	return copy_link(k->link, in->link, why);
}

/* Home addresses first; of adopt what is not the member's own anyway. */
static int fill_addresses(const struct agent_conf *conf, struct setup *s, struct errtext *why)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < conf->n_home; i++)
		err = add_address(s, &conf->home[i], true, why);
	for (size_t i = 0; err == 0 && i < conf->n_adopt; i++) {
		if (!agent_conf_is_home(conf, &conf->adopt[i].address))
			err = add_address(s, &conf->adopt[i], false, why);
	}
	return err;
}

static int fill_claiming(const struct agent_conf *conf, struct keeper_conf *k, struct errtext *why)
{
	const char *hook = conf->claim_hook != NULL ? conf->claim_hook : "";

	for (size_t i = 0; i < conf->n_next_hops && i < KEEPER_NEXT_HOPS_MAX; i++)
		k->next_hops[k->next_hop_count++] = conf->next_hops[i];
	if (strlen(hook) >= sizeof(k->hook)) {
		errtext_set(why, "the path of 'claim-hook' is too long: at most %zu octets",
			    sizeof(k->hook) - 1);
		return ERR_CONFIG;
	}
	memcpy(k->hook, hook, strlen(hook) + 1);
	return 0;
}

static int fill_inside(const struct agent_conf *conf, struct keeper_conf *k, struct errtext *why)
{
	int err = 0;

	if (conf->n_connections > KEEPER_CONNECTIONS_MAX) {
		errtext_set(why, "more than %d connections", KEEPER_CONNECTIONS_MAX);
		return ERR_CONFIG;
	}
	k->connection_count = conf->n_connections;
	for (size_t i = 0; err == 0 && i < conf->n_connections; i++) {
		const struct agent_conf_connection *c = &conf->connections[i];
		struct keeper_connection *kc = &k->connections[i];

		kc->inside = c->inside.mode == AGENT_INSIDE_PROXY_ARP ? KEEPER_INSIDE_PROXY_ARP
								      : KEEPER_INSIDE_ROUTE;
		kc->metric = c->inside.metric;
		for (size_t p = 0; p < c->n_remote_ts && p < KEEPER_PREFIXES_MAX; p++)
			kc->remote_ts[kc->remote_ts_count++] = c->remote_ts[p];
		err = copy_link(kc->link, c->inside.link, why);
	}
	return err;
}

static int fill_keeper(const struct agent_conf *conf, struct setup *s, struct errtext *why)
{
	struct keeper_conf *k = &s->keeper;
	char text[KEEPER_TEXT_MAX];
	int err;

	k->log_level = conf->log.level;
	if ((err = fill_addresses(conf, s, why)) != 0 || (err = fill_claiming(conf, k, why)) != 0 ||
	    (err = fill_inside(conf, k, why)) != 0 ||
	    (err = copy_link(k->tun, conf->tun_device, why)) != 0)
		return err;
	if (keeper_conf_check(k, text) != 0) {
		errtext_set(why, "%s", text);
		return ERR_CONFIG;
	}
	return 0;
}

static void fill_track(const struct agent_conf *conf, struct track_conf *out)
{
	for (size_t i = 0; i < conf->n_track && i < TRACK_MAX; i++) {
		const struct agent_conf_track *in = &conf->track[i];
		struct track_entry *e = &out->entries[out->n++];

		*e = (struct track_entry){
			.kind = in->interface != NULL ? TRACK_INTERFACE
				: in->script != NULL  ? TRACK_SCRIPT
						      : TRACK_PING,
			.what = in->interface != NULL ? in->interface : in->script,
			.ip = in->ping,
			.interval_ms = conf_track_interval_ms(in),
			.timeout_ms = conf_track_timeout_ms(in),
			.fails = conf_track_fails(in),
			.hold_ms = in->hold_s * 1000,
		};
	}
}

/* Claim notices are heard on the links where addresses can be claimed by others too. */
static void fill_mesh(const struct agent_conf *conf, const struct keeper_conf *k,
		      struct mesh_conf *out)
{
	out->listen = conf->listen;
	for (size_t i = 0; i < k->address_count; i++) {
		size_t at = 0;

		if (k->addresses[i].claim != KEEPER_CLAIM_L2)
			continue;
		while (at < out->n_links && strcmp(out->links[at], k->addresses[i].link) != 0)
			at++;
		if (at == out->n_links)
			memcpy(out->links[out->n_links++], k->addresses[i].link, IFNAMSIZ);
	}
}

static void fill_selectors(struct ts_list *out, const struct ip_prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n && i < TS_MAX; i++)
		out->items[out->n++] = ts_from_prefix(&prefixes[i]);
}

static int fill_responder(const struct agent_conf *conf, struct setup *s)
{
	struct responder_conf *r = &s->responder;

	*r = (struct responder_conf){
		.shard = 0,
		.shards = 1,
		.half_open_max = conf->ike.half_open_max,
		.cookie_above = conf->ike.cookie_above,
		.half_open_timeout_ms = conf->ike.half_open_timeout_s * 1000,
		.dpd_ms = conf->ike.dpd_s * 1000,
		.rekey_ike_ms = conf->ike.rekey_ike_s * 1000,
		.fragment_size = (uint16_t)conf->ike.fragment_size,
		.force_encap = true, /* the TUN data plane sends nothing else */
		.resumable_s = conf->tickets.resumable_s,
		.rekey_resumed_ms = conf->tickets.rekey_s * 1000,
		.allow_short_auth = conf->tickets.auth == AGENT_TICKET_AUTH_ANY,
		.delete_voids_ticket = conf->tickets.on_delete == AGENT_TICKET_DELETE_VOID,
	};
	for (size_t i = 0; i < conf->ike.n_proposals && i < POLICY_MAX_SUITES; i++)
		r->suites[r->n_suites++] = conf->ike.proposals[i];
	return policy_id_parse(conf->ike.id, s->id_octets, &r->id);
}

static int fill_connections(const struct agent_conf *conf, struct setup *s)
{
	s->connections = calloc(conf->n_connections, sizeof(*s->connections));
	if (s->connections == NULL)
		return ERR_NO_MEMORY;
	s->n_connections = conf->n_connections;
	for (size_t i = 0; i < conf->n_connections; i++) {
		const struct agent_conf_connection *c = &conf->connections[i];
		struct policy_connection *p = &s->connections[i];

		p->name = c->name;
		p->unique = c->unique;
		p->rekey_child_ms = c->rekey_child_s * 1000;
		p->rekey_octets = (uint64_t)c->rekey_mib << 20;
		p->rekey_packets = c->rekey_packets;
		for (size_t k = 0; k < c->n_esp_proposals && k < POLICY_MAX_SUITES; k++)
			p->suites[p->n_suites++] = c->esp_proposals[k];
		fill_selectors(&p->local, c->local_ts, c->n_local_ts);
		fill_selectors(&p->remote, c->remote_ts, c->n_remote_ts);
	}
	return 0;
}

static int fill_peer(const struct agent_conf *conf, const struct setup *s,
		     const struct peer_conf *in, uint8_t id_octets[ID_TEXT_MAX],
		     struct policy_peer *out)
{
	const struct agent_conf_connection *c = agent_conf_find_connection(conf, in->identity);
	int err = policy_id_parse(in->identity, id_octets, &out->id);

	if (err != 0 || c == NULL)
		return ERR_CONFIG;
	out->psk = secret_bytes(&in->psk);
	out->connection = &s->connections[c - conf->connections];
	out->has_remote = in->n_remote_ts > 0;
	fill_selectors(&out->remote, in->remote_ts, in->n_remote_ts);
	return 0;
}

static int fill_policy(const struct agent_conf *conf, struct setup *s, struct errtext *why)
{
	size_t n = conf->peers->n_peers;
	struct policy_peer *peers = calloc(n > 0 ? n : 1, sizeof(*peers));
	uint8_t(*ids)[ID_TEXT_MAX] = calloc(n > 0 ? n : 1, sizeof(*ids));
	int err = peers == NULL || ids == NULL ? ERR_NO_MEMORY : 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		err = fill_peer(conf, s, &conf->peers->peers[i], ids[i], &peers[i]);
		if (err != 0)
			errtext_set(why, "peer '%s' cannot be used",
				    conf->peers->peers[i].identity);
	}
	if (err == 0) {
		s->policy = policy_new(peers, n);
		if (s->policy == NULL)
			err = ERR_NO_MEMORY;
	}
	free(peers);
	free(ids);
	return err;
}

int setup_new(const struct agent_conf *conf, struct setup **out, struct errtext *why)
{
	struct setup *s = calloc(1, sizeof(*s));
	int err;

	errtext_set(why, "out of memory");
	if (s == NULL)
		return ERR_NO_MEMORY;
	err = fill_keeper(conf, s, why);
	fill_track(conf, &s->track);
	fill_mesh(conf, &s->keeper, &s->mesh);
	if (err == 0) {
		err = fill_responder(conf, s) == 0 ? 0 : ERR_CONFIG;
		if (err != 0)
			errtext_set(why, "'%s' is no identity", conf->ike.id);
	}
	if (err == 0)
		err = fill_connections(conf, s);
	if (err == 0)
		err = fill_policy(conf, s, why);
	if (err != 0) {
		setup_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void setup_free(struct setup *s)
{
	if (s == NULL)
		return;
	policy_free(s->policy);
	free(s->connections);
	free(s);
}
