/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf.h"

#include "agent/conf_check.h"
#include "agent/conf_rows.h"
#include "agent/keeper/keeper.h"
#include "common/conf/glob.h"
#include "common/conf/types.h"

#define HOME_MAX        8
#define CONNECTIONS_MAX 256
#define SAS_MAX         1000000
#define FILE_MAX        (1024 * 1024)
#define VALUES_MAX      65536

/* The words are there so that the refusal can be clear. */
static const struct conf_choice dataplane_choices[] = {
	{ "tun", AGENT_DATAPLANE_TUN },
	{ "kernel", AGENT_DATAPLANE_KERNEL },
	{ "auto", AGENT_DATAPLANE_AUTO },
	{ NULL, 0 },
};

static int check_dataplane(const void *value, struct conf_why *why)
{
	const enum agent_dataplane *type = value;

	if (*type == AGENT_DATAPLANE_TUN)
		return 0;
	return conf_why_set(why, "is '%s', but only 'tun' is available so far",
			    dataplane_choices[*type].name);
}

static const struct conf_row dataplane_rows[] = {
	{
	    .name = "type",
	    .type = &conf_type_choice,
	    .choices = dataplane_choices,
	    .check = check_dataplane,
	    .def = "tun",
	    CONF_AT(struct agent_conf, dataplane),
	    .help = "What encrypts and decrypts. tun: the agent itself behind a TUN device, with "
		    "UDP encapsulation. Only tun is available so far.",
	},
	{
	    .name = "device",
	    .type = &conf_type_link,
	    .def = "waypost0",
	    CONF_AT(struct agent_conf, tun_device),
	    .help = "The name of the TUN device.",
	},
	{
	    .name = "mtu",
	    .type = &conf_type_uint,
	    .min = 576,
	    .max = 9000,
	    .def = "1400",
	    .unit = "octets",
	    CONF_AT(struct agent_conf, tun_mtu),
	    .help = "The biggest packet inside of the tunnels.",
	},
	{ .name = NULL },
};

static const struct conf_row rows[] = {
	{
	    .name = "member",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct agent_conf, member),
	    .help = "This member's name, as in its certificate and in the director's list.",
	},
	{
	    .name = "run-as",
	    .type = &conf_type_user,
	    .def = "nobody",
	    CONF_AT(struct agent_conf, run_as),
	    .help = "The user that the main process becomes when its sockets are open.",
	},
	{
	    .name = "director",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_director_rows,
	    CONF_AT(struct agent_conf, director),
	    .help = "The director to join.",
	},
	{
	    .name = "tls",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_tls_rows,
	    CONF_AT(struct agent_conf, tls),
	    .help = "Files in PEM for the control channel.",
	},
	{
	    .name = "listen",
	    .type = &conf_type_endpoint,
	    .flags = CONF_WILDCARD,
	    .def = "0.0.0.0:7401",
	    CONF_AT(struct agent_conf, listen),
	    .help =
		"Where other members reach this one over UDP, with probes and claim notices. "
		"The port is 7401. 0.0.0.0 and [::] both stand for all addresses; else it is the "
		"one address, which is no service address, that others are told to use.",
	},
	{
	    .name = "home",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_address_rows,
	    .min_entries = 1,
	    .max_entries = HOME_MAX,
	    CONF_LIST_AT(struct agent_conf, home, n_home),
	    .help = "The service addresses of this member.",
	},
	{
	    .name = "adopt",
	    .type = &conf_type_map,
	    .rows = conf_address_rows,
	    .max_entries = KEEPER_ADDRESSES_MAX,
	    CONF_LIST_AT(struct agent_conf, adopt, n_adopt),
	    .help = "Addresses of other members that this one may take over. Its own are skipped, "
		    "so that all members can have the same list. With home at most 64.",
	},
	{
	    .name = "next-hops",
	    .type = &conf_type_ip,
	    .max_entries = KEEPER_NEXT_HOPS_MAX,
	    CONF_LIST_AT(struct agent_conf, next_hops, n_next_hops),
	    .help =
		"Neighbours on the links of the addresses, such as routers. One of those of its "
		"family has to answer, by ARP or ND, an address that was claimed with l2, or "
		"the claim has failed. None: it is not verified.",
	},
	{
	    .name = "claim-hook",
	    .type = &conf_type_path,
	    CONF_AT(struct agent_conf, claim_hook),
	    .help = "The script for addresses with claim hook. The keeper runs it as SCRIPT "
		    "claim|release ADDRESS EPOCH, and kills it after 10 seconds.",
	},
	{
	    .name = "track",
	    .type = &conf_type_map,
	    .rows = conf_track_rows,
	    .max_entries = AGENT_TRACK_MAX,
	    CONF_LIST_AT(struct agent_conf, track, n_track),
	    .help = "What must work; while any of it does not, the member gives up its addresses "
		    "and takes none.",
	},
	{
	    .name = "capacity",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = SAS_MAX,
	    .def = "10000",
	    .unit = "SAs",
	    CONF_AT(struct agent_conf, capacity),
	    .help = "IKE SAs that this member is sized for; its load counts against this.",
	},
	{
	    .name = "dataplane",
	    .type = &conf_type_map,
	    .rows = dataplane_rows,
	    CONF_HERE,
	    .help = "What carries the peers' packets.",
	},
	{
	    .name = "ike",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_ike_rows,
	    CONF_AT(struct agent_conf, ike),
	    .help = "IKEv2.",
	},
	{
	    .name = "tickets",
	    .type = &conf_type_map,
	    .rows = conf_ticket_rows,
	    CONF_AT(struct agent_conf, tickets),
	    .help = "Session resumption (RFC 5723): peers that ask for a ticket can come back at "
		    "any member of the cluster without a key exchange.",
	},
	{
	    .name = "connections",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_connection_rows,
	    .min_entries = 1,
	    .max_entries = CONNECTIONS_MAX,
	    CONF_LIST_AT(struct agent_conf, connections, n_connections),
	    .help = "What peers may do.",
	},
	{
	    .name = "peers-file",
	    .type = &conf_type_path,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct agent_conf, peers_file),
	    .help = "The file with the peers and their secrets; its mode must be 0600 or 0640.",
	},
	{
	    .name = "log",
	    .type = &conf_type_map,
	    .rows = conf_log_rows,
	    CONF_AT(struct agent_conf, log),
	    .help = "Logging.",
	},
	{ .name = NULL },
};

const struct conf_schema agent_conf_schema = {
	.rows = rows,
	.size = sizeof(struct agent_conf),
	.file = { .max_size = FILE_MAX },
	.max_values = VALUES_MAX,
	.check = agent_conf_check,
};

bool agent_conf_is_home(const struct agent_conf *conf, const struct ip *ip)
{
	for (size_t i = 0; i < conf->n_home; i++) {
		if (ip_is_equal(&conf->home[i].address, ip))
			return true;
	}
	return false;
}

/* Loads the peers from text, or from their file if that is NULL. Takes conf over. */
static int add_peers(struct agent_conf *conf, const struct conf_source *peers,
		     struct conf_errors *errs, struct agent_conf **out)
{
	int err = peers != NULL ? peers_conf_parse(peers, conf, errs, &conf->peers)
				: peers_conf_load(conf->peers_file, conf, errs, &conf->peers);

	if (err == 0)
		*out = conf;
	else
		agent_conf_free(conf);
	return err;
}

int agent_conf_load(const char *path, struct conf_errors *errs, struct agent_conf **out)
{
	void *conf;
	int err = conf_load_file(&agent_conf_schema, path, NULL, errs, &conf);

	return err != 0 ? err : add_peers(conf, NULL, errs, out);
}

int agent_conf_parse(const struct conf_source *source, const struct conf_source *peers,
		     struct conf_errors *errs, struct agent_conf **out)
{
	void *conf;
	int err = conf_load(&agent_conf_schema, source, NULL, errs, &conf);

	return err != 0 ? err : add_peers(conf, peers, errs, out);
}

void agent_conf_free(struct agent_conf *conf)
{
	if (conf != NULL)
		peers_conf_free(conf->peers);
	conf_free(&agent_conf_schema, conf);
}

int agent_conf_dump(const struct agent_conf *conf, FILE *out)
{
	int err = conf_dump(&agent_conf_schema, conf, out);

	if (err != 0)
		return err;
	peers_conf_dump(conf->peers, conf, out);
	return fflush(out) == 0 && ferror(out) == 0 ? 0 : ERR_IO;
}

const struct agent_conf_connection *agent_conf_find_connection(const struct agent_conf *conf,
							       const char *identity)
{
	for (size_t i = 0; i < conf->n_connections; i++) {
		const struct agent_conf_connection *c = &conf->connections[i];

		for (size_t j = 0; j < c->n_remote_id; j++) {
			if (glob_is_match(c->remote_id[j], identity))
				return c;
		}
	}
	return NULL;
}
