/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/terms.h"

#include "common/ikev2/responder/policy.h"

#define SETUP_TIMEOUT_MS 20000
#define REKEY_CHILD_MS   3600000
#define FRAGMENT_SIZE    1280

static void add_any(struct ts_list *out, uint8_t family)
{
	struct ip_prefix any = { .ip = { .family = family } };

	out->items[out->n++] = ts_from_prefix(&any);
}

static void fill_connection(struct policy_connection *c, const struct peer_options *o,
			    const struct ip *source)
{
	struct ip_prefix own = { *source, (uint8_t)(8 * ip_size(source)) };

	c->name = "tunnel";
	c->rekey_child_ms = REKEY_CHILD_MS;
	c->n_suites = o->n_esp;
	memcpy(c->suites, o->esp, sizeof(c->suites));
	c->local = o->local;
	c->remote = o->remote;
	if (c->local.n == 0 && o->command == PEER_UP)
		c->local.items[c->local.n++] = ts_from_prefix(&own);
	else if (c->local.n == 0)
		add_any(&c->local, source->family);
	if (c->remote.n == 0)
		add_any(&c->remote, source->family);
}

int terms_fill(struct terms *t, const struct peer_options *o, const struct ip *source)
{
	int err;

	t->conf = (struct initiator_conf){
		.n_suites = o->n_ike,
		.setup_timeout_ms = o->command == PEER_UP ? SETUP_TIMEOUT_MS : o->timeout_ms,
		.dpd_ms = o->dpd_ms,
		.rekey_ike_ms = o->rekey_ms,
		.fragment_size = FRAGMENT_SIZE,
		.follow_redirects = !o->no_redirect,
		/* A probe must not end the tunnel of whoever has the same identity. */
		.initial_contact = o->command == PEER_UP,
		.want_ticket = o->command == PEER_UP && !o->no_tickets,
		.short_auth = o->is_short_auth,
		.message_id_sync = o->command == PEER_UP,
	};
	memcpy(t->conf.suites, o->ike, sizeof(t->conf.suites));
	fill_connection(&t->connection, o, source);
	t->peer.psk = secret_bytes(&o->psk);
	t->peer.connection = &t->connection;
	err = policy_id_parse(o->id, t->id_octets, &t->conf.id);
	if (err == 0 && o->gateway_id != NULL)
		err = policy_id_parse(o->gateway_id, t->gateway_id_octets, &t->peer.id);
	return err;
}
