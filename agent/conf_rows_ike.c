/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf_rows.h"

#include "agent/conf.h"
#include "common/conf/types.h"
#include "common/ikev2/body.h"
#include "common/ikev2/session/session.h"

#define REMOTE_ID_MAX 64
#define PROPOSALS_MAX 8
#define SAS_MAX       1000000
#define SECONDS_MAX   86400
#define REKEY_MAX_S   1000000
#define REKEY_MAX     1000000000

/* The rows about IKE and about connections. */

static int check_fragment_size(const void *value, struct conf_why *why)
{
	const uint32_t *size = value;

	if (*size == 0 || *size >= FRAGMENT_SIZE_MIN)
		return 0;
	return conf_why_set(why, "is %u, but must be 0 or at least %d", *size, FRAGMENT_SIZE_MIN);
}

const struct conf_row conf_ike_rows[] = {
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

const struct conf_row conf_connection_rows[] = {
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
	    .def = "aes256gcm16-x25519, aes256gcm16-ecp256, aes256gcm16-modp2048, aes256gcm16, "
		   "aes128gcm16",
	    CONF_LIST_AT(struct agent_conf_connection, esp_proposals, n_esp_proposals),
	    .help = "ESP suites in order of preference. One with a group is for rekeys with a key "
		    "exchange (PFS), one without for rekeys without; for the first Child SA, in "
		    "IKE_AUTH, it makes no difference.",
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
	    .help = "Or when so much, less up to a tenth, went through it one way. 0: however "
		    "much.",
	},
	{
	    .name = "rekey-packets",
	    .type = &conf_type_uint,
	    .max = REKEY_MAX,
	    .def = "0",
	    .unit = "packets",
	    CONF_AT(struct agent_conf_connection, rekey_packets),
	    .help = "Or after so many packets, less up to a tenth, one way. 0: after "
		    "3,221,225,472, because their numbers end with 4,294,967,295.",
	},
	{ .name = NULL },
};
