/* SPDX-License-Identifier: Apache-2.0 */
#include "director/conf.h"

#include "common/conf/types.h"
#include "director/conf_check.h"
#include "director/placement/placement.h"

#define LISTEN_MAX  16
#define HOME_MAX    8
#define MEMBERS_MAX 191 /* numbers of members go from 1 to 191 */
#define FILE_MAX    (1024 * 1024)
#define VALUES_MAX  65536
#define RATE_MAX    1000000
#define WORKERS_MAX 256
#define WEIGHT_MAX  1000
#define BOUNDED_MAX 10
#define HOLD_MAX    86400
#define ROTATE_MAX  (30 * 86400)
#define TICKET_MAX  (7 * 86400)
#define KEYS_MIN    60

/* ---- rows ---- */

static const struct conf_row listen_rows[] = {
	{
	    .name = "ike",
	    .type = &conf_type_ip,
	    .flags = CONF_REQUIRED,
	    .min_entries = 1,
	    .max_entries = LISTEN_MAX,
	    CONF_LIST_AT(struct director_conf, ike, n_ike),
	    .help = "Addresses that peers are configured with. UDP ports 500 and 4500 of each are "
		    "answered.",
	},
	{
	    .name = "control",
	    .type = &conf_type_endpoint,
	    .flags = CONF_REQUIRED | CONF_WILDCARD,
	    CONF_AT(struct director_conf, control),
	    .help = "Address and TCP port of the control channel and the API, and UDP port of "
		    "heartbeats.",
	},
	{ .name = NULL },
};

static const struct conf_choice no_redirect_choices[] = {
	{ "ignore", DIRECTOR_NO_REDIRECT_IGNORE },
	{ "reject", DIRECTOR_NO_REDIRECT_REJECT },
	{ NULL, 0 },
};

static const struct conf_choice resume_choices[] = {
	{ "auto", DIRECTOR_RESUME_AUTO },
	{ "redirect", DIRECTOR_RESUME_REDIRECT },
	{ "nack", DIRECTOR_RESUME_NACK },
	{ NULL, 0 },
};

static const struct conf_row front_end_rows[] = {
	{
	    .name = "workers",
	    .type = &conf_type_uint,
	    .max = WORKERS_MAX,
	    .def = "0",
	    .unit = "threads",
	    CONF_AT(struct director_conf, workers),
	    .help = "Threads that answer peers; 0: one per core.",
	},
	{
	    .name = "no-redirect-support",
	    .type = &conf_type_choice,
	    .choices = no_redirect_choices,
	    .def = "ignore",
	    CONF_AT(struct director_conf, no_redirect),
	    .help = "What peers get that show no support for redirects: no answer, so that they "
		    "try their next address, or an error notify.",
	},
	{
	    .name = "resume",
	    .type = &conf_type_choice,
	    .choices = resume_choices,
	    .def = "auto",
	    CONF_AT(struct director_conf, resume),
	    .help = "What peers get that ask here to resume. auto: a redirect to a member, where "
		    "the request or the ticket says that the peer follows redirects; else, and "
		    "with nack always, the word to start anew. redirect: always a redirect, for "
		    "peers that follow them without saying so.",
	},
	{
	    .name = "rate-limit",
	    .type = &conf_type_uint,
	    .max = RATE_MAX,
	    .def = "100",
	    .unit = "answers per second",
	    CONF_AT(struct director_conf, rate_limit),
	    .help = "Limit for each source prefix, /24 for IPv4 and /48 for IPv6; 0: no limit.",
	},
	{
	    .name = "rate-burst",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = RATE_MAX,
	    .def = "200",
	    .unit = "answers",
	    CONF_AT(struct director_conf, rate_burst),
	    .help = "So many at once before the limit counts.",
	},
	{ .name = NULL },
};

static int check_full_at(const void *value, struct conf_why *why)
{
	const double *full_at = value;

	return *full_at > 0 ? 0 : conf_why_set(why, "must be above 0: at 0 every member is full");
}

static const struct conf_choice policy_choices[] = {
	{ "sticky", DIRECTOR_POLICY_STICKY },
	{ "least-load", DIRECTOR_POLICY_LEAST_LOAD },
	{ NULL, 0 },
};

static const struct conf_row placement_rows[] = {
	{
	    .name = "policy",
	    .type = &conf_type_choice,
	    .choices = policy_choices,
	    .def = "sticky",
	    CONF_AT(struct director_conf, policy),
	    .help = "sticky: the same peer goes to the same member while that has room. "
		    "least-load: to the less loaded of two members drawn by weight.",
	},
	{
	    .name = "bounded-load",
	    .type = &conf_type_decimal,
	    .min = 1,
	    .max = BOUNDED_MAX,
	    .def = "1.25",
	    CONF_AT(struct director_conf, bounded_load),
	    .help = "sticky passes over a member whose load is above this many times the mean.",
	},
	{
	    .name = "full-at",
	    .type = &conf_type_decimal,
	    .max = 1,
	    .def = "0.95",
	    .check = check_full_at,
	    CONF_AT(struct director_conf, full_at),
	    .help = "A member whose SAs fill it to this share of its capacity gets no new peers.",
	},
	{ .name = NULL },
};

static const struct conf_row pin_rows[] = {
	{
	    .name = "prefix",
	    .type = &conf_type_prefix,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct director_conf_pin, prefix),
	    .help = "Addresses of peers.",
	},
	{
	    .name = "member",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct director_conf_pin, member),
	    .help = "The member that serves them while it is active.",
	},
	{ .name = NULL },
};

static const struct conf_choice profile_choices[] = {
	{ "normal", DIRECTOR_PROFILE_NORMAL },
	{ "fast", DIRECTOR_PROFILE_FAST },
	{ NULL, 0 },
};

static const struct conf_row timers_rows[] = {
	{
	    .name = "profile",
	    .type = &conf_type_choice,
	    .choices = profile_choices,
	    .def = "normal",
	    CONF_AT(struct director_conf, profile),
	    .help = "normal: a heartbeat each second, suspicion after 3 s of silence. fast: each "
		    "100 ms, and after 300 ms; for members on a network without congestion.",
	},
	{ .name = NULL },
};

static const struct conf_choice failback_choices[] = {
	{ "auto", DIRECTOR_FAILBACK_AUTO },
	{ "manual", DIRECTOR_FAILBACK_MANUAL },
	{ NULL, 0 },
};

static const struct conf_row failover_rows[] = {
	{
	    .name = "failback",
	    .type = &conf_type_choice,
	    .choices = failback_choices,
	    .def = "auto",
	    CONF_AT(struct director_conf, failback),
	    .help = "auto: an address moves back to its home member once that was fit for it for "
		    "hold-down-s. manual: by clusteradm address move only.",
	},
	{
	    .name = "hold-down-s",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = HOLD_MAX,
	    .def = "60",
	    .unit = "seconds",
	    CONF_AT(struct director_conf, hold_down_s),
	    .help =
		"How long a member has to be connected, able and not draining, without a break, "
		"before its addresses move home.",
	},
	{
	    .name = "witness",
	    .type = &conf_type_ip,
	    .max_entries = DIRECTOR_WITNESSES_MAX,
	    CONF_LIST_AT(struct director_conf, witness, n_witness),
	    .help = "Hosts on the members' outside link that always answer ARP or neighbour "
		    "discovery, such as gateways. A member that is asked about another one counts "
		    "only if it reaches a third member or one of these; so a cluster of two needs "
		    "one.",
	},
	{
	    .name = "fence",
	    .type = &conf_type_path,
	    CONF_AT(struct director_conf, fence),
	    .help = "A program that makes sure that a member holds an address no more, for example "
		    "by cutting its power. Run as the director's user with the name of the member "
		    "and the address before an administrator's forced move; it has to exit with 0 "
		    "within 30 s.",
	},
	{ .name = NULL },
};

static const struct conf_row keys_rows[] = {
	{
	    .name = "rotate-every-s",
	    .type = &conf_type_uint,
	    .min = KEYS_MIN,
	    .max = ROTATE_MAX,
	    .def = "86400",
	    .unit = "seconds",
	    CONF_AT(struct director_conf, rotate_every_s),
	    .help = "How often another key takes over to seal tickets under.",
	},
	{
	    .name = "ticket-lifetime-s",
	    .type = &conf_type_uint,
	    .min = KEYS_MIN,
	    .max = TICKET_MAX,
	    .def = "28800",
	    .unit = "seconds",
	    CONF_AT(struct director_conf, ticket_lifetime_s),
	    .help = "The longest that any member gives tickets for (tickets.lifetime-s in "
		    "agent.yaml): for so long an old key still opens them, and a revocation is "
		    "kept. At most six times rotate-every-s.",
	},
	{ .name = NULL },
};

static const struct conf_row member_rows[] = {
	{
	    .name = "name",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct director_conf_member, name),
	    .help = "As in the member's certificate and in its agent.yaml.",
	},
	{
	    .name = "home",
	    .type = &conf_type_ip,
	    .flags = CONF_REQUIRED,
	    .min_entries = 1,
	    .max_entries = HOME_MAX,
	    CONF_LIST_AT(struct director_conf_member, home, n_home),
	    .help = "The member's service addresses, to which peers are redirected.",
	},
	{
	    .name = "weight",
	    .type = &conf_type_uint,
	    .max = WEIGHT_MAX,
	    .def = "100",
	    CONF_AT(struct director_conf_member, weight),
	    .help = "Its share of new peers relative to the others; 0: none.",
	},
	{ .name = NULL },
};

static const struct conf_row rows[] = {
	{
	    .name = "cluster",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct director_conf, cluster),
	    .help = "The cluster's name.",
	},
	{
	    .name = "name",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct director_conf, name),
	    .help = "The director's own name, as in its certificate.",
	},
	{
	    .name = "run-as",
	    .type = &conf_type_user,
	    .def = "nobody",
	    CONF_AT(struct director_conf, run_as),
	    .help = "The user that the director becomes when it is started as root.",
	},
	{
	    .name = "listen",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = listen_rows,
	    CONF_HERE,
	    .help = "Where the director listens.",
	},
	{
	    .name = "tls",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_tls_rows,
	    CONF_AT(struct director_conf, tls),
	    .help = "Files in PEM for the control channel and the API.",
	},
	{
	    .name = "front-end",
	    .type = &conf_type_map,
	    .rows = front_end_rows,
	    CONF_HERE,
	    .help = "How peers are answered.",
	},
	{
	    .name = "placement",
	    .type = &conf_type_map,
	    .rows = placement_rows,
	    CONF_HERE,
	    .help = "Which member a peer is redirected to.",
	},
	{
	    .name = "pins",
	    .type = &conf_type_map,
	    .rows = pin_rows,
	    .max_entries = PLACEMENT_MAX_PINS,
	    CONF_LIST_AT(struct director_conf, pins, n_pins),
	    .help = "Peers that always go to one member; the longest prefix that holds their "
		    "address decides.",
	},
	{
	    .name = "timers",
	    .type = &conf_type_map,
	    .rows = timers_rows,
	    CONF_HERE,
	    .help = "How soon a silent member is noticed.",
	},
	{
	    .name = "failover",
	    .type = &conf_type_map,
	    .rows = failover_rows,
	    CONF_HERE,
	    .help = "What becomes of the addresses of members that are down.",
	},
	{
	    .name = "keys",
	    .type = &conf_type_map,
	    .rows = keys_rows,
	    CONF_HERE,
	    .help = "The keys of tickets, with which peers resume at any member.",
	},
	{
	    .name = "members",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = member_rows,
	    .min_entries = 1,
	    .max_entries = MEMBERS_MAX,
	    CONF_LIST_AT(struct director_conf, members, n_members),
	    .help = "Who may join.",
	},
	{
	    .name = "log",
	    .type = &conf_type_map,
	    .rows = conf_log_rows,
	    CONF_AT(struct director_conf, log),
	    .help = "Logging.",
	},
	{ .name = NULL },
};

/* ---- interface ---- */

const struct conf_schema director_conf_schema = {
	.rows = rows,
	.size = sizeof(struct director_conf),
	.file = { .max_size = FILE_MAX },
	.max_values = VALUES_MAX,
	.check = director_conf_check,
};

int director_conf_load(const char *path, struct conf_errors *errs, struct director_conf **out)
{
	void *conf;
	int err = conf_load_file(&director_conf_schema, path, NULL, errs, &conf);

	if (err == 0)
		*out = conf;
	return err;
}

int director_conf_parse(const struct conf_source *source, struct conf_errors *errs,
			struct director_conf **out)
{
	void *conf;
	int err = conf_load(&director_conf_schema, source, NULL, errs, &conf);

	if (err == 0)
		*out = conf;
	return err;
}

void director_conf_free(struct director_conf *conf)
{
	conf_free(&director_conf_schema, conf);
}

int director_conf_dump(const struct director_conf *conf, FILE *out)
{
	return conf_dump(&director_conf_schema, conf, out);
}

const struct director_conf_member *director_conf_find_member(const struct director_conf *conf,
							     const char *name)
{
	for (size_t i = 0; i < conf->n_members; i++) {
		if (strcmp(conf->members[i].name, name) == 0)
			return &conf->members[i];
	}
	return NULL;
}

const struct director_conf_member *director_conf_find_home(const struct director_conf *conf,
							   const struct ip *ip)
{
	for (size_t i = 0; i < conf->n_members; i++) {
		for (size_t j = 0; j < conf->members[i].n_home; j++) {
			if (ip_is_equal(&conf->members[i].home[j], ip))
				return &conf->members[i];
		}
	}
	return NULL;
}

uint32_t director_conf_heartbeat_ms(const struct director_conf *conf)
{
	return conf->profile == DIRECTOR_PROFILE_FAST ? 100 : 1000;
}

uint32_t director_conf_suspect_ms(const struct director_conf *conf)
{
	return conf->profile == DIRECTOR_PROFILE_FAST ? 300 : 3000;
}
