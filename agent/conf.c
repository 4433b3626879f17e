/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf.h"

#include "agent/conf_check.h"
#include "common/conf/glob.h"
#include "common/conf/types.h"
#include "common/ikev2/body.h"
#include "common/ikev2/session/session.h"

#define HOME_MAX        8
#define CONNECTIONS_MAX 256
#define REMOTE_ID_MAX   64
#define PROPOSALS_MAX   8
#define SAS_MAX         1000000
#define SECONDS_MAX     86400
#define REKEY_MAX_S     1000000
#define REKEY_MAX       1000000000
#define FILE_MAX        (1024 * 1024)
#define VALUES_MAX      65536

static const struct conf_choice claim_choices[] = {
	{ "l2", AGENT_CLAIM_L2 },
	{ "none", AGENT_CLAIM_NONE },
	{ "route", AGENT_CLAIM_ROUTE },
	{ NULL, 0 },
};

static const struct conf_row home_rows[] = {
	{
	    .name = "address",
	    .type = &conf_type_ip,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct agent_conf_home, address),
	    .help = "A service address of this member, as in the director's list.",
	},
	{
	    .name = "link",
	    .type = &conf_type_link,
	    CONF_AT(struct agent_conf_home, link),
	    .help = "The network interface that it belongs to; needed for claim l2, refused "
		    "for claim route.",
	},
	{
	    .name = "claim",
	    .type = &conf_type_choice,
	    .choices = claim_choices,
	    .def = "l2",
	    CONF_AT(struct agent_conf_home, claim),
	    .help = "l2: the agent adds the address to the link and announces it. none: the "
		    "operator configures it. route: the agent adds it to lo, for a routing daemon "
		    "to spread.",
	},
	{ .name = NULL },
};

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

static int check_fragment_size(const void *value, struct conf_why *why)
{
	const uint32_t *size = value;

	if (*size == 0 || *size >= FRAGMENT_SIZE_MIN)
		return 0;
	return conf_why_set(why, "is %u, but must be 0 or at least %d", *size, FRAGMENT_SIZE_MIN);
}

static const struct conf_row ike_rows[] = {
	{
	    .name = "id",
	    .type = &conf_type_identity,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct agent_conf_ike, id),
	    .help = "The gateway's identity (IDr), the same on all members.",
	},
	{
	    .name = "proposals",
	    .type = &conf_type_ike_suite,
	    .min_entries = 1,
	    .max_entries = PROPOSALS_MAX,
	    .def = "aes256gcm16-prfsha256-x25519, aes256gcm16-prfsha256-ecp256, "
		   "aes128gcm16-prfsha256-modp2048",
	    CONF_LIST_AT(struct agent_conf_ike, proposals, n_proposals),
	    .help = "IKE suites in order of preference.",
	},
	{
	    .name = "half-open-max",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = SAS_MAX,
	    .def = "5000",
	    .unit = "SAs",
	    CONF_AT(struct agent_conf_ike, half_open_max),
	    .help = "So many peers may be between IKE_SA_INIT and authentication.",
	},
	{
	    .name = "cookie-above",
	    .type = &conf_type_uint,
	    .max = SAS_MAX,
	    .def = "100",
	    .unit = "SAs",
	    CONF_AT(struct agent_conf_ike, cookie_above),
	    .help = "With so many half-open SAs or more, a peer has to show by a COOKIE that "
		    "its address is its own.",
	},
	{
	    .name = "half-open-timeout-s",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = 600,
	    .def = "30",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_ike, half_open_timeout_s),
	    .help = "A half-open SA is forgotten after this time.",
	},
	{
	    .name = "dpd-s",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = SECONDS_MAX,
	    .def = "60",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_ike, dpd_s),
	    .help = "After so much silence the peer is asked whether it is alive.",
	},
	{
	    .name = "rekey-ike-s",
	    .type = &conf_type_uint,
	    .max = REKEY_MAX_S,
	    .def = "14400",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_ike, rekey_ike_s),
	    .help = "The member rekeys an IKE SA at this age, less up to a tenth; one that is a "
		    "tenth older is deleted. 0: it leaves that to the peer.",
	},
	{
	    .name = "fragment-size",
	    .type = &conf_type_uint,
	    .max = UINT16_MAX,
	    .check = check_fragment_size,
	    .def = "1280",
	    .unit = "octets",
	    CONF_AT(struct agent_conf_ike, fragment_size),
	    .help = "IKE messages that need a bigger datagram, IP header included, are sent in "
		    "fragments where the peer can do so. 0: fragments are neither sent nor taken.",
	},
	{ .name = NULL },
};

static const struct conf_choice unique_choices[] = {
	{ "replace", POLICY_UNIQUE_REPLACE },
	{ "keep", POLICY_UNIQUE_KEEP },
	{ "never", POLICY_UNIQUE_NEVER },
	{ NULL, 0 },
};

static const struct conf_choice inside_choices[] = {
	{ "proxy-arp", AGENT_INSIDE_PROXY_ARP },
	{ "route", AGENT_INSIDE_ROUTE },
	{ NULL, 0 },
};

static const struct conf_row inside_rows[] = {
	{
	    .name = "mode",
	    .type = &conf_type_choice,
	    .choices = inside_choices,
	    .def = "proxy-arp",
	    CONF_AT(struct agent_conf_inside, mode),
	    .help = "proxy-arp: the member answers ARP and ND on the link for its peers' "
		    "addresses, at most 256 in one prefix. route: it sets kernel routes for a "
		    "routing daemon to spread.",
	},
	{
	    .name = "link",
	    .type = &conf_type_link,
	    CONF_AT(struct agent_conf_inside, link),
	    .help = "The network interface towards the protected network; needed for proxy-arp.",
	},
	{
	    .name = "metric",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = 1000000,
	    .def = "100",
	    CONF_AT(struct agent_conf_inside, metric),
	    .help = "The metric of kernel routes.",
	},
	{ .name = NULL },
};

static const struct conf_row connection_rows[] = {
	{
	    .name = "name",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct agent_conf_connection, name),
	    .help = "Its name in logs and lists.",
	},
	{
	    .name = "remote-id",
	    .type = &conf_type_glob,
	    .flags = CONF_REQUIRED,
	    .min_entries = 1,
	    .max_entries = REMOTE_ID_MAX,
	    CONF_LIST_AT(struct agent_conf_connection, remote_id, n_remote_id),
	    .help = "Patterns for the peer's identity, in which * stands for any characters. A "
		    "peer belongs to the first connection with one that matches.",
	},
	{
	    .name = "esp-proposals",
	    .type = &conf_type_esp_suite,
	    .min_entries = 1,
	    .max_entries = PROPOSALS_MAX,
	    .def = "aes256gcm16, aes128gcm16",
	    CONF_LIST_AT(struct agent_conf_connection, esp_proposals, n_esp_proposals),
	    .help = "ESP suites in order of preference.",
	},
	{
	    .name = "local-ts",
	    .type = &conf_type_prefix,
	    .flags = CONF_REQUIRED,
	    .min_entries = 1,
	    .max_entries = TS_MAX,
	    CONF_LIST_AT(struct agent_conf_connection, local_ts, n_local_ts),
	    .help = "What peers may reach in the protected network.",
	},
	{
	    .name = "remote-ts",
	    .type = &conf_type_prefix,
	    .flags = CONF_REQUIRED,
	    .min_entries = 1,
	    .max_entries = TS_MAX,
	    CONF_LIST_AT(struct agent_conf_connection, remote_ts, n_remote_ts),
	    .help = "The inner addresses that peers may have; the peers file narrows it for each.",
	},
	{
	    .name = "inside",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = inside_rows,
	    CONF_AT(struct agent_conf_connection, inside),
	    .help = "How traffic from the protected network finds the member that serves a peer.",
	},
	{
	    .name = "unique",
	    .type = &conf_type_choice,
	    .choices = unique_choices,
	    .def = "replace",
	    CONF_AT(struct agent_conf_connection, unique),
	    .help = "What becomes of a peer's IKE SAs when it sets up another one. replace: they "
		    "go if it says that it has no others (INITIAL_CONTACT). keep: the new one is "
		    "refused, unless it says so. never: what it says does not matter.",
	},
	{
	    .name = "rekey-child-s",
	    .type = &conf_type_uint,
	    .max = REKEY_MAX_S,
	    .def = "3600",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_connection, rekey_child_s),
	    .help = "The member rekeys a Child SA at this age, less up to a tenth; one that is a "
		    "tenth older is deleted. 0: it leaves that to the peer.",
	},
	{
	    .name = "rekey-mib",
	    .type = &conf_type_uint,
	    .max = REKEY_MAX,
	    .def = "0",
	    .unit = "MiB",
	    CONF_AT(struct agent_conf_connection, rekey_mib),
	    .help = "Or when so much went through it one way. 0: however much.",
	},
	{
	    .name = "rekey-packets",
	    .type = &conf_type_uint,
	    .max = REKEY_MAX,
	    .def = "0",
	    .unit = "packets",
	    CONF_AT(struct agent_conf_connection, rekey_packets),
	    .help = "Or after so many packets one way. 0: after 3,221,225,472, because their "
		    "numbers end with 4,294,967,295.",
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
	    .name = "home",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = home_rows,
	    .min_entries = 1,
	    .max_entries = HOME_MAX,
	    CONF_LIST_AT(struct agent_conf, home, n_home),
	    .help = "The service addresses of this member.",
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
	    .rows = ike_rows,
	    CONF_AT(struct agent_conf, ike),
	    .help = "IKEv2.",
	},
	{
	    .name = "connections",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = connection_rows,
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
