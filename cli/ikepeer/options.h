/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_OPTIONS_H
#define CLI_IKEPEER_OPTIONS_H

#include <stdio.h>

#include "common/base/ip.h"
#include "common/base/secret.h"
#include "common/ikev2/session/connection.h"

/* The command lines of ikepeer's commands. */
enum peer_command {
	PEER_UP = 1,
	PEER_PROBE = 2,
};

struct peer_options {
	enum peer_command command;
	struct ip gateway;
	struct ip source; /* IP_NONE: as the kernel has it */
	char *id;         /* NULL: no credentials (probe) */
	char *gateway_id; /* NULL: whoever has the key */
	struct secret psk;
	struct ts_list local;  /* n 0: not given */
	struct ts_list remote; /* n 0: not given */
	size_t n_ike, n_esp;
	struct ike_suite ike[POLICY_MAX_SUITES];
	struct esp_suite esp[POLICY_MAX_SUITES];
	bool is_json;
	bool is_verbose;
	bool no_redirect;
	bool is_short_auth; /* AUTH of a resumed SA as libreswan has it */
	/* up */
	const char *tun;
	const char *user; /* NULL: stays who it is, but for capabilities */
	const char *ticket_file;
	bool no_tickets;
	bool no_routes;
	uint32_t dpd_ms;
	uint32_t rekey_ms;
	uint32_t tries; /* failed ones in a row until it gives up; 0: never */
	/* probe */
	bool is_following;
	bool is_resume;
	uint32_t timeout_ms;
	uint32_t warning_ms;  /* 0: none */
	uint32_t critical_ms; /* 0: none */
};

/*
 * argv[0] is the command's name. Reads the file of the key, too. Returns true to go on; false if
 * all is done (--help), or with a mistake, which is on err: then *is_good is false.
 */
bool peer_options_parse(enum peer_command command, int argc, char **argv, FILE *out, FILE *err,
			struct peer_options *options, bool *is_good);

/* Wipes the key. */
void peer_options_free(struct peer_options *options);

#endif
