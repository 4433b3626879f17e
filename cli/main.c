/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/pki.h"
#include "common/base/version.h"
#include "common/conf/cmdline.h"

#define CONFIG_DEFAULT "/etc/waypost/clusteradm.yaml"

static const struct command {
	const char *name;
	const char *help;
	int (*run)(const struct command_context *c, int argc, char **argv);
} commands[] = {
	{ "status", "the cluster at a glance", command_status },
	{ "members", "the members, their state and load", command_members },
	{ "peers", "who is served where; --member NAME for one member", command_peers },
	{ "sas", "IKE and Child SAs; --member NAME, --peer IDENTITY", command_sas },
	{ "events", "what changed and why; --subject NAME, --limit N, --after ID", command_events },
	{ "placement", "ADDRESS: where a peer would be sent now, and why", command_placement },
	{ "addresses", "who owns which service address, and why", command_addresses },
	{ "address", "move ADDRESS MEMBER|home [--force]", command_address },
	{ "failover", "[status|pause|resume]", command_failover },
	{ "keys", "[list], rotate [ticket|qcd] [--revoke], revoke KEY", command_keys },
	{ "tickets", "[list], revoke --identity ID|--connection NAME|--all", command_tickets },
	{ "pki", "make and list the certificates of a cluster; needs no director", NULL },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fprintf(out, "usage: clusteradm [OPTION]... COMMAND [ARGUMENT]...\n"
		     "The operator's tool for a Waypost cluster.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\n  -c, --config FILE         director and certificate (" CONFIG_DEFAULT ")\n"
		"      --director ADDR:PORT  instead of the file's\n"
		"      --json                print JSON instead of text\n"
		"      --version, --help\n\n"
		"Exit status: 0 done, 1 refused, failed or not reachable, 2 wrong command line or\n"
		"configuration.\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

struct arguments {
	const char *config;
	const char *director;
	bool is_json;
};

/* Takes --json out of the command's own arguments: it is welcome on either side of the command. */
static int take_json(int argc, char **argv, bool *is_json)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			*is_json = true;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

static int usage(void)
{
	fprintf(stderr, "Try 'clusteradm --help'.\n");
	return EXIT_USAGE;
}

/* Returns -1 to go on, else the exit code. */
static int parse(int argc, char **argv, struct arguments *out)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "director", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+c:", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			out->config = optarg;
			break;
		case 'd':
			out->director = optarg;
			break;
		case 'j':
			out->is_json = true;
			break;
		case 'v':
			printf("clusteradm %s\n", waypost_version);
			return EXIT_DONE;
		case 'h':
			print_help(stdout);
			return EXIT_DONE;
		default:
			return usage();
		}
	}
	if (optind < argc)
		return -1;
	print_help(stderr);
	return EXIT_USAGE;
}

static int run(const struct command *command, const struct arguments *args, int argc, char **argv)
{
	struct conf_errors errors = conf_errors_to_stream(stderr);
	struct command_context c = { .is_json = args->is_json, .out = stdout, .err = stderr };
	struct clusteradm_conf *conf = NULL;
	int code;

	if (clusteradm_conf_load(args->config, &errors, &conf) != 0)
		return EXIT_USAGE;
	if (args->director != NULL &&
	    endpoint_parse(args->director, &conf->director.address) != 0) {
		fprintf(stderr,
			"clusteradm: '%s' is not an address and port like 192.0.2.10:7400\n",
			args->director);
		clusteradm_conf_free(conf);
		return EXIT_USAGE;
	}
	c.conf = conf;
	code = command->run(&c, argc, argv);
	clusteradm_conf_free(conf);
	if (fflush(stdout) != 0) {
		perror("clusteradm: standard output");
		return EXIT_FAILED;
	}
	return code;
}

int main(int argc, char **argv)
{
	struct arguments args = { .config = CONFIG_DEFAULT };
	const struct command *command;
	int code = parse(argc, argv, &args);

	if (code >= 0)
		return code;
	argc = take_json(argc - optind, argv + optind, &args.is_json);
	argv += optind;
	if (argc == 0)
		return usage();
	command = find_command(argv[0]);
	if (command == NULL) {
		fprintf(stderr, "clusteradm: there is no command '%s'\n", argv[0]);
		return usage();
	}
	if (command->run == NULL)
		return pki_command(argc, argv, args.is_json, stdout, stderr);
	return run(command, &args, argc, argv);
}
