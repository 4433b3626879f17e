/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/setup/setup.h"

#include <stdio.h>
#include <stdlib.h>

/* What the schema lets through fits: nothing is cut. */
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
	case AGENT_CLAIM_NONE:
		break;
	}
	return KEEPER_CLAIM_NONE;
}

static int fill_keeper(const struct agent_conf *conf, struct keeper_conf *k, struct errtext *why)
{
	char text[KEEPER_TEXT_MAX];
	int err = 0;

	if (conf->n_home > KEEPER_ADDRESSES_MAX || conf->n_connections > KEEPER_CONNECTIONS_MAX) {
		errtext_set(why, "more than %d addresses or %d connections", KEEPER_ADDRESSES_MAX,
			    KEEPER_CONNECTIONS_MAX);
		return ERR_CONFIG;
	}
	k->log_level = conf->log.level;
	k->address_count = conf->n_home;
	for (size_t i = 0; err == 0 && i < conf->n_home; i++) {
		const struct agent_conf_home *home = &conf->home[i];

		k->addresses[i].ip = home->address;
		k->addresses[i].claim = to_keeper_claim(home->claim);
		err = copy_link(k->addresses[i].link, home->link, why);
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
	if (err == 0)
		err = copy_link(k->tun, conf->tun_device, why);
	if (err == 0 && keeper_conf_check(k, text) != 0) {
		errtext_set(why, "%s", text);
		err = ERR_CONFIG;
	}
	return err;
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
	s->homes = calloc(conf->n_home, sizeof(*s->homes));
	if (s->homes == NULL) {
		setup_free(s);
		return ERR_NO_MEMORY;
	}
	s->n_homes = conf->n_home;
	for (size_t i = 0; i < conf->n_home; i++)
		s->homes[i] = conf->home[i].address;
	err = fill_keeper(conf, &s->keeper, why);
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
	free(s->homes);
	free(s);
}
