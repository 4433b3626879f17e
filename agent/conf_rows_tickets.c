/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf_rows.h"

#include "agent/conf.h"
#include "common/conf/types.h"

#define LIFETIME_MIN 60
#define LIFETIME_MAX (7 * 86400)
#define SECONDS_MAX  (365 * 86400)
#define USED_MAX     (1 << 24)

/* The rows about session resumption. */

static int check_lifetime(const void *value, struct conf_why *why)
{
	const uint32_t *seconds = value;

	if (*seconds == 0 || *seconds >= LIFETIME_MIN)
		return 0;
	return conf_why_set(why, "is %u, but must be 0 or at least %d", *seconds, LIFETIME_MIN);
}

static const struct conf_choice auth_choices[] = {
	{ "any", AGENT_TICKET_AUTH_ANY },
	{ "rfc", AGENT_TICKET_AUTH_RFC },
	{ NULL, 0 },
};

static const struct conf_choice delete_choices[] = {
	{ "void", AGENT_TICKET_DELETE_VOID },
	{ "keep", AGENT_TICKET_DELETE_KEEP },
	{ NULL, 0 },
};

const struct conf_row conf_ticket_rows[] = {
	{
	    .name = "lifetime-s",
	    .type = &conf_type_uint,
	    .max = LIFETIME_MAX,
	    .check = check_lifetime,
	    .def = "28800",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_tickets, lifetime_s),
	    .help = "How long a ticket is good, if the key that it is sealed under lives as long. "
		    "0: none are given or taken.",
	},
	{
	    .name = "resumable-s",
	    .type = &conf_type_uint,
	    .max = SECONDS_MAX,
	    .def = "604800",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_tickets, resumable_s),
	    .help = "So long after it showed its own secret a peer can be resumed, however often "
		    "it was in the meantime; then it has to show it again. 0: for ever.",
	},
	{
	    .name = "rekey-s",
	    .type = &conf_type_uint,
	    .max = SECONDS_MAX,
	    .def = "300",
	    .unit = "seconds",
	    CONF_AT(struct agent_conf_tickets, rekey_s),
	    .help = "A resumed IKE SA is rekeyed with a key exchange between half of this age and "
		    "all of it, because whoever gets hold of a ticket key can read what was "
		    "resumed. 0: as other IKE SAs.",
	},
	{
	    .name = "auth",
	    .type = &conf_type_choice,
	    .choices = auth_choices,
	    .def = "any",
	    CONF_AT(struct agent_conf_tickets, auth),
	    .help = "The AUTH of a resumption as the RFC has it only (rfc), or as libreswan "
		    "computes it, too (any): without nonce and identity. The answer is in kind.",
	},
	{
	    .name = "on-delete",
	    .type = &conf_type_choice,
	    .choices = delete_choices,
	    .def = "void",
	    CONF_AT(struct agent_conf_tickets, on_delete),
	    .help = "A peer that deletes its IKE SA cannot use its ticket at this member any "
		    "more (void); or it can, as libreswan wants it after 'suspend' (keep).",
	},
	{
	    .name = "used-max",
	    .type = &conf_type_uint,
	    .min = 1,
	    .max = USED_MAX,
	    .def = "100000",
	    .unit = "tickets",
	    CONF_AT(struct agent_conf_tickets, used_max),
	    .help = "So many used tickets are remembered until they expire, about 150 octets "
		    "each.",
	},
	{ .name = NULL },
};
