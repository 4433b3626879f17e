/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/ikepeer/probe.h"
#include "cli/ikepeer/up.h"
#include "common/base/version.h"
#include "common/conf/cmdline.h"

/* ikepeer: an IKEv2 initiator for tunnels and probes. */

static void print_help(FILE *out)
{
	fprintf(out, "usage: ikepeer COMMAND [OPTION]...\n"
		     "An IKEv2 initiator: a peer of a Waypost cluster, or of any gateway.\n\n"
		     "  up      holds a tunnel, wherever the cluster sends it\n"
		     "  probe   shows what a peer would see of a gateway\n\n"
		     "      --version, --help    also: ikepeer COMMAND --help\n");
}

static int run(enum peer_command command, int argc, char **argv)
{
	/* Monitoring plugins say 3 where nothing could be found out. */
	const int usage = command == PEER_PROBE ? PROBE_UNKNOWN : EXIT_USAGE;
	struct peer_options options;
	struct logger lg;
	bool is_good;
	int code;

	if (!peer_options_parse(command, argc, argv, stdout, stderr, &options, &is_good)) {
		peer_options_free(&options);
		return is_good ? EXIT_DONE : usage;
	}
	lg = log_stderr(options.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "ikepeer");
	code =
	    command == PEER_UP ? up_run(&options, &lg, stdout) : probe_run(&options, &lg, stdout);
	peer_options_free(&options);
	return code;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "up") == 0)
		return run(PEER_UP, argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "probe") == 0)
		return run(PEER_PROBE, argc - 1, argv + 1);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("ikepeer %s\n", waypost_version);
		return EXIT_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (argc > 1)
		fprintf(stderr, "ikepeer: there is no command '%s'\n", argv[1]);
	print_help(stderr);
	return EXIT_USAGE;
}
