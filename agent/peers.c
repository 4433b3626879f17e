/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peers.h"

#include <stdlib.h>
#include <strings.h>

#include "agent/conf.h"
#include "common/conf/types.h"
#include "common/ikev2/body.h"

#define FILE_MAX        (16 * 1024 * 1024)
#define VALUES_MAX      1000000
#define PEERS_MAX       65536
#define PROXY_HOST_BITS 8 /* 256 addresses */

/* ---- rows ---- */

static const struct conf_row peer_rows[] = {
	{
	    .name = "id",
	    .type = &conf_type_identity,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct peer_conf, identity),
	    .help = "The peer's identity (IDi): a name, user@name, an address, or # and hex digits "
		    "for a key id.",
	},
	{
	    .name = "psk",
	    .type = &conf_type_psk,
	    .flags = CONF_REQUIRED | CONF_SECRET,
	    CONF_AT(struct peer_conf, psk),
	    .help = "The pre-shared key: text, or 0x and hex digits; at least 8 octets. Whoever "
		    "poses as the gateway to a peer can try guesses at leisure, so let a machine "
		    "draw it.",
	},
	{
	    .name = "remote-ts",
	    .type = &conf_type_prefix,
	    .max_entries = TS_MAX,
	    CONF_LIST_AT(struct peer_conf, remote_ts, n_remote_ts),
	    .help = "What this peer may have of its connection's remote-ts; all of it if not "
		    "given.",
	},
	{ .name = NULL },
};

static const struct conf_row rows[] = {
	{
	    .name = "peers",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = peer_rows,
	    .max_entries = PEERS_MAX,
	    CONF_LIST_AT(struct peers_conf, peers, n_peers),
	    .help = "Who may connect.",
	},
	{ .name = NULL },
};

/* ---- order ---- */

/* By identity, then in the order of the file. */
static int compare_peers(const void *a, const void *b)
{
	const struct peer_conf *const *left = a, *const *right = b;
	int order = strcasecmp((*left)->identity, (*right)->identity);

	if (order != 0)
		return order;
	return *left < *right ? -1 : *left > *right;
}

static int compare_identity(const void *key, const void *element)
{
	const struct peer_conf *const *peer = element;

	return strcasecmp(key, (*peer)->identity);
}

/* Pointers to all peers, sorted; NULL if there is no memory. */
static struct peer_conf **sort_peers(const struct peers_conf *conf)
{
	struct peer_conf **sorted = malloc((conf->n_peers + 1) * sizeof(struct peer_conf *));

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < conf->n_peers; i++)
		sorted[i] = &conf->peers[i];
	qsort(sorted, conf->n_peers, sizeof(struct peer_conf *), compare_peers);
	return sorted;
}

/* ---- rules between fields ---- */

static void check_duplicates(struct conf_check *check, const struct peers_conf *conf)
{
	struct peer_conf **sorted = sort_peers(conf);

	for (size_t i = 1; sorted != NULL && i < conf->n_peers; i++) {
		if (strcasecmp(sorted[i]->identity, sorted[i - 1]->identity) == 0)
			conf_check_fail(check, &sorted[i]->identity,
					"there is already a peer '%.80s'", sorted[i]->identity);
	}
	free(sorted);
}

static bool is_inside(const struct ip_prefix *prefix, const struct agent_conf_connection *c)
{
	for (size_t i = 0; i < c->n_remote_ts; i++) {
		if (c->remote_ts[i].bits <= prefix->bits &&
		    ip_prefix_has(&c->remote_ts[i], &prefix->ip))
			return true;
	}
	return false;
}

/* Each address of a peer is answered for one by one. */
static bool is_too_wide(const struct ip_prefix *prefix, const struct agent_conf_connection *c)
{
	return c->inside.mode == AGENT_INSIDE_PROXY_ARP &&
	       ip_size(&prefix->ip) * 8 - prefix->bits > PROXY_HOST_BITS;
}

static void check_own_ts(struct conf_check *check, const struct peer_conf *peer,
			 const struct agent_conf_connection *c)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < peer->n_remote_ts; i++) {
		const struct ip_prefix *prefix = &peer->remote_ts[i];

		ip_prefix_format(prefix, text);
		if (!is_inside(prefix, c))
			conf_check_fail(check, prefix,
					"%s is outside of remote-ts of connection '%s'", text,
					c->name);
		else if (is_too_wide(prefix, c))
			conf_check_fail(check, prefix,
					"%s has more than 256 addresses, too many for proxy-arp: "
					"connection '%s' needs 'mode: route'",
					text, c->name);
	}
}

static void check_inherited_ts(struct conf_check *check, const struct peer_conf *peer,
			       const struct agent_conf_connection *c)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < c->n_remote_ts && peer->n_remote_ts == 0; i++) {
		if (!is_too_wide(&c->remote_ts[i], c))
			continue;
		conf_check_fail(
		    check, &peer->remote_ts,
		    "peer '%.80s' may have all of %s, more than 256 addresses and too "
		    "many for proxy-arp: give it a remote-ts, or connection '%s' 'mode: "
		    "route'",
		    peer->identity, ip_prefix_format(&c->remote_ts[i], text), c->name);
		break;
	}
}

static void check_peers(struct conf_check *check, const void *value, const void *ctx)
{
	const struct peers_conf *conf = value;
	const struct agent_conf *agent = ctx;

	check_duplicates(check, conf);
	for (size_t i = 0; i < conf->n_peers; i++) {
		const struct peer_conf *peer = &conf->peers[i];
		const struct agent_conf_connection *c =
		    agent_conf_find_connection(agent, peer->identity);

		if (c == NULL) {
			conf_check_fail(check, &peer->identity,
					"peer '%.80s' matches no connection's remote-id",
					peer->identity);
			continue;
		}
		check_own_ts(check, peer, c);
		check_inherited_ts(check, peer, c);
	}
}

/* ---- interface ---- */

const struct conf_schema peers_conf_schema = {
	.rows = rows,
	.size = sizeof(struct peers_conf),
	.file = { .max_size = FILE_MAX, .is_private = true },
	.max_values = VALUES_MAX,
	.check = check_peers,
};

int peers_conf_parse(const struct conf_source *source, const struct agent_conf *agent,
		     struct conf_errors *errs, struct peers_conf **out)
{
	struct peers_conf *conf;
	void *loaded;
	int err = conf_load(&peers_conf_schema, source, agent, errs, &loaded);

	if (err != 0)
		return err;
	conf = loaded;
	conf->by_identity = sort_peers(conf);
	if (conf->by_identity == NULL) {
		conf_errors_add(errs, source->name, (struct conf_pos){ 0, 0 }, "out of memory");
		peers_conf_free(conf);
		return ERR_NO_MEMORY;
	}
	*out = conf;
	return 0;
}

int peers_conf_load(const char *path, const struct agent_conf *agent, struct conf_errors *errs,
		    struct peers_conf **out)
{
	struct conf_file file;
	int err = conf_file_read(path, &peers_conf_schema.file, errs, &file);

	if (err != 0)
		return err;
	err = peers_conf_parse(&file.source, agent, errs, out);
	conf_file_free(&file);
	return err;
}

void peers_conf_free(struct peers_conf *peers)
{
	if (peers != NULL)
		free(peers->by_identity);
	conf_free(&peers_conf_schema, peers);
}

static void dump_peer(const struct peer_conf *peer, const struct agent_conf *agent, FILE *out)
{
	const struct agent_conf_connection *c = agent_conf_find_connection(agent, peer->identity);
	const struct ip_prefix *ts = peer->n_remote_ts > 0 ? peer->remote_ts : c->remote_ts;
	size_t n = peer->n_remote_ts > 0 ? peer->n_remote_ts : c->n_remote_ts;
	char text[PREFIX_TEXT_MAX];

	fprintf(out, "#   %s: connection %s, remote-ts", peer->identity, c->name);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : " ", ip_prefix_format(&ts[i], text));
	fputc('\n', out);
}

void peers_conf_dump(const struct peers_conf *peers, const struct agent_conf *agent, FILE *out)
{
	fprintf(out, "# %zu peers:\n", peers->n_peers);
	for (size_t i = 0; i < peers->n_peers; i++)
		dump_peer(peers->by_identity[i], agent, out);
}

const struct peer_conf *peers_conf_find(const struct peers_conf *peers, const char *identity)
{
	struct peer_conf **found = bsearch(identity, peers->by_identity, peers->n_peers,
					   sizeof(struct peer_conf *), compare_identity);

	return found != NULL ? *found : NULL;
}
