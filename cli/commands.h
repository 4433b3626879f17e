/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <jansson.h>

#include "cli/conf.h"

/* What every command that asks the director is given. */
struct command_context {
	const struct clusteradm_conf *conf;
	bool is_json; /* --json */
	FILE *out;
	FILE *err;
};

/*
 * Commands take their own arguments, argv[0] being their name, and return an exit code: 0 done, 1
 * refused, failed or not reachable, 2 usage.
 */
int command_status(const struct command_context *c, int argc, char **argv);
int command_members(const struct command_context *c, int argc, char **argv);
int command_peers(const struct command_context *c, int argc, char **argv);
int command_sas(const struct command_context *c, int argc, char **argv);
int command_events(const struct command_context *c, int argc, char **argv);
int command_placement(const struct command_context *c, int argc, char **argv);
int command_addresses(const struct command_context *c, int argc, char **argv);
int command_address(const struct command_context *c, int argc, char **argv);
int command_failover(const struct command_context *c, int argc, char **argv);
int command_keys(const struct command_context *c, int argc, char **argv);
int command_tickets(const struct command_context *c, int argc, char **argv);

/*
 * GET path from the director; 0 and a new reference, or an exit code, with the reason on c->err.
 */
int command_get(const struct command_context *c, const char *path, json_t **json);

/* POST body, whose reference it takes (NULL: no memory for it), likewise. */
int command_post(const struct command_context *c, const char *path, json_t *body, json_t **json);

/* Members of an object in an answer: NULL, 0 or false if they are not there. */
const char *json_text(const json_t *object, const char *name);
long long json_number(const json_t *object, const char *name);
bool json_flag(const json_t *object, const char *name);

/* "a, b" of a list of texts, in buf. */
const char *json_join(const json_t *list, char *buf, size_t size);

/* For a command without arguments: an exit code, with the reason on c->err. */
int refuse_arguments(const struct command_context *c, int argc, char **argv);

/* Appends ?name=value, or &name=value, encoded; false if it does not fit. */
#define COMMAND_PATH_MAX 512
bool command_add_param(char path[COMMAND_PATH_MAX], const char *name, const char *value);

/* With --json prints it as it came and returns true. */
bool command_print_json(const struct command_context *c, json_t *json);

/* "3 d 4 h", "5 m 10 s", "250 ms". Returns out. */
#define AGE_TEXT_MAX 32
const char *age_format(json_int_t ms, char out[AGE_TEXT_MAX]);

#endif
