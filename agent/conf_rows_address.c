/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf_rows.h"

#include "agent/conf.h"
#include "common/conf/types.h"

#define TRACK_INTERVAL_MS  1000
#define TRACK_INTERVAL_S   10
#define TRACK_TIMEOUT_S    5
#define TRACK_PING_FAILS   3
#define TRACK_SCRIPT_FAILS 2
#define SECONDS_MAX        3600

/* The rows about service addresses, and about what a member must have to hold any. */

static const struct conf_choice claim_choices[] = {
	{ "l2", AGENT_CLAIM_L2 },
	{ "none", AGENT_CLAIM_NONE },
	{ "route", AGENT_CLAIM_ROUTE },
	{ "hook", AGENT_CLAIM_HOOK },
	{ NULL, 0 },
};

const struct conf_row conf_address_rows[] = {
	{
	    .name = "address",
	    .type = &conf_type_ip,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct agent_conf_address, address),
	    .help = "A service address, as in the director's list.",
	},
	{
	    .name = "link",
	    .type = &conf_type_link,
	    CONF_AT(struct agent_conf_address, link),
	    .help = "The network interface that it belongs to; needed for claim l2, refused "
		    "for claim route; without it claim hook uses lo.",
	},
	{
	    .name = "claim",
	    .type = &conf_type_choice,
	    .choices = claim_choices,
	    .def = "l2",
	    CONF_AT(struct agent_conf_address, claim),
	    .help = "l2: the agent adds the address to the link and announces it. none: the "
		    "operator configures it. route: the agent adds it to lo, for a routing daemon "
		    "to spread. hook: the agent adds it and runs claim-hook, which makes the "
		    "network send it here.",
	},
	{ .name = NULL },
};

const struct conf_row conf_track_rows[] = {
	{
	    .name = "interface",
	    .type = &conf_type_link,
	    CONF_AT(struct agent_conf_track, interface),
	    .help = "A network interface that must be there, up and connected.",
	},
	{
	    .name = "ping",
	    .type = &conf_type_ip,
	    CONF_AT(struct agent_conf_track, ping),
	    .help = "An address that must answer ICMP echo requests.",
	},
	{
	    .name = "script",
	    .type = &conf_type_path,
	    CONF_AT(struct agent_conf_track, script),
	    .help = "A program that must exit with status 0; run without arguments, as the user of "
		    "run-as.",
	},
	{
	    .name = "interval-ms",
	    .type = &conf_type_uint,
	    .def = "0",
	    .max = SECONDS_MAX * 1000,
	    .unit = "milliseconds",
	    CONF_AT(struct agent_conf_track, interval_ms),
	    .help = "Between the requests of ping, at least 100; 0: 1000.",
	},
	{
	    .name = "interval-s",
	    .type = &conf_type_uint,
	    .def = "0",
	    .max = SECONDS_MAX,
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_track, interval_s),
	    .help = "Between the starts of script; 0: 10.",
	},
	{
	    .name = "timeout-s",
	    .type = &conf_type_uint,
	    .def = "0",
	    .max = SECONDS_MAX,
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_track, timeout_s),
	    .help = "A script that takes longer is killed and has failed; 0: 5.",
	},
	{
	    .name = "fails",
	    .type = &conf_type_uint,
	    .def = "0",
	    .max = 100,
	    .unit = "failures",
	    CONF_AT(struct agent_conf_track, fails),
	    .help = "So many failures in a row count as down; 0: 3 of ping, 2 of script. An "
		    "interface is down at once.",
	},
	{
	    .name = "hold-s",
	    .type = &conf_type_uint,
	    .def = "10",
	    .max = SECONDS_MAX,
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_track, hold_s),
	    .help = "After it was up and then down it has to work for this long before it counts "
		    "as up.",
	},
	{ .name = NULL },
};

uint32_t conf_track_interval_ms(const struct agent_conf_track *t)
{
	if (t->script != NULL)
		return 1000 * (t->interval_s > 0 ? t->interval_s : TRACK_INTERVAL_S);
	return t->interval_ms > 0 ? t->interval_ms : TRACK_INTERVAL_MS;
}

uint32_t conf_track_timeout_ms(const struct agent_conf_track *t)
{
	return 1000 * (t->timeout_s > 0 ? t->timeout_s : TRACK_TIMEOUT_S);
}

uint32_t conf_track_fails(const struct agent_conf_track *t)
{
	if (t->fails > 0)
		return t->fails;
	return t->script != NULL ? TRACK_SCRIPT_FAILS : TRACK_PING_FAILS;
}
