/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "common/conf/cmdline.h"

/* "clusteradm failover": whether it acts, and to stop it for maintenance. */

static const char *state_of(const json_t *json)
{
	if (json_flag(json, "paused"))
		return "PAUSED: addresses of members that die are not taken over";
	if (json_flag(json, "settling"))
		return "settling: the director has just started and hears its members out";
	return "on";
}

static void print(const struct command_context *c, const json_t *json)
{
	char witnesses[256], isolated[512];

	json_join(json_object_get(json, "witnesses"), witnesses, sizeof(witnesses));
	json_join(json_object_get(json, "isolated"), isolated, sizeof(isolated));
	fprintf(c->out, "failover   %s\n", state_of(json));
	if (strcmp(json_text(json, "failback") != NULL ? json_text(json, "failback") : "",
		   "auto") == 0)
		fprintf(c->out, "failback   auto, after %lld s\n",
			json_number(json, "hold_down_s"));
	else
		fprintf(c->out, "failback   manual\n");
	fprintf(c->out, "witnesses  %s\n", witnesses[0] != '\0' ? witnesses : "none");
	fprintf(c->out, "fence      %s\n", json_flag(json, "fence") ? "by script" : "none");
	fprintf(c->out, "epoch      %lld\n", json_number(json, "epoch"));
	if (isolated[0] != '\0')
		fprintf(c->out, "isolated   %s\n", isolated);
}

static int usage(const struct command_context *c)
{
	fprintf(c->err,
		"usage: clusteradm failover [status|pause|resume]\n"
		"While it is paused nothing is taken from members that are silent, and nothing "
		"moves home.\n");
	return EXIT_USAGE;
}

int command_failover(const struct command_context *c, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "status";
	json_t *json = NULL;
	int code;

	if (argc > 2)
		return usage(c);
	if (strcmp(what, "status") == 0)
		code = command_get(c, "/v1/failover", &json);
	else if (strcmp(what, "pause") == 0)
		code = command_post(c, "/v1/failover/pause", json_object(), &json);
	else if (strcmp(what, "resume") == 0)
		code = command_post(c, "/v1/failover/resume", json_object(), &json);
	else
		return usage(c);
	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json))
		print(c, json);
	json_decref(json);
	return EXIT_DONE;
}
