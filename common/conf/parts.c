/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/parts.h"

#include "common/conf/types.h"

const struct conf_row conf_tls_rows[] = {
	{
	    .name = "ca",
	    .type = &conf_type_path,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct conf_tls, ca),
	    .help = "The cluster's CA certificate; every other side must have one from it.",
	},
	{
	    .name = "certificate",
	    .type = &conf_type_path,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct conf_tls, certificate),
	    .help = "The certificate to show.",
	},
	{
	    .name = "key",
	    .type = &conf_type_path,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct conf_tls, key),
	    .help = "The private key that belongs to it.",
	},
	{ .name = NULL },
};

const struct conf_row conf_director_rows[] = {
	{
	    .name = "address",
	    .type = &conf_type_endpoint,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct conf_director, address),
	    .help = "The director's listen.control.",
	},
	{
	    .name = "name",
	    .type = &conf_type_name,
	    .flags = CONF_REQUIRED,
	    CONF_AT(struct conf_director, name),
	    .help = "The director's name; its certificate must be for this one.",
	},
	{ .name = NULL },
};

static const struct conf_choice levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warn", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

const struct conf_row conf_log_rows[] = {
	{
	    .name = "level",
	    .type = &conf_type_choice,
	    .choices = levels,
	    .def = "info",
	    CONF_AT(struct conf_log, level),
	    .help = "What is logged: this and all that is graver.",
	},
	{ .name = NULL },
};
