/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/cmdline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/version.h"

enum options {
	OPT_CHECK = 256,
	OPT_DUMP,
	OPT_STATE_DIR,
	OPT_LOG_LEVEL,
	OPT_VERSION,
	OPT_HELP
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "dump", no_argument, NULL, OPT_DUMP },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static void print_help(const struct cmdline_spec *spec)
{
	printf(
	    "usage: %s [OPTION]...\n%s\n\n"
	    "  -c, --config FILE    configuration (%s)\n"
	    "      --check          check the configuration and exit\n"
	    "      --dump           print the effective configuration, without secrets, and exit\n"
	    "      --state-dir DIR  what must survive a restart ($STATE_DIRECTORY or %s)\n"
	    "      --log-level L    error, warn, info or debug, instead of the file's\n"
	    "      --version        print the version and exit\n"
	    "      --help           print this and exit\n\n"
	    "Exit status: 0 done, 1 failed, 2 wrong command line or configuration.\n",
	    spec->program, spec->purpose, spec->config, spec->state_dir);
}

static bool fail(const struct cmdline_spec *spec, int *exit_code)
{
	fprintf(stderr, "Try '%s --help'.\n", spec->program);
	*exit_code = EXIT_USAGE;
	return false;
}

/* False ends the program, as cmdline_parse() does. */
static bool take_option(const struct cmdline_spec *spec, int c, struct cmdline *out, int *exit_code)
{
	switch (c) {
	case 'c':
		out->config = optarg;
		return true;
	case OPT_CHECK:
		out->mode = CMDLINE_CHECK;
		return true;
	case OPT_DUMP:
		out->mode = CMDLINE_DUMP;
		return true;
	case OPT_STATE_DIR:
		out->state_dir = optarg;
		return true;
	case OPT_LOG_LEVEL:
		out->has_log_level = log_level_parse(optarg, &out->log_level);
		if (out->has_log_level)
			return true;
		fprintf(stderr, "%s: '%s' is not one of error, warn, info, debug\n", spec->program,
			optarg);
		return fail(spec, exit_code);
	case OPT_VERSION:
		printf("%s %s\n", spec->program, waypost_version);
		*exit_code = EXIT_DONE;
		return false;
	case OPT_HELP:
		print_help(spec);
		*exit_code = EXIT_DONE;
		return false;
	default:
		return fail(spec, exit_code);
	}
}

bool cmdline_parse(const struct cmdline_spec *spec, int argc, char **argv, struct cmdline *out,
		   int *exit_code)
{
	const char *from_manager = getenv("STATE_DIRECTORY");
	int c;

	*out = (struct cmdline){
		.mode = CMDLINE_RUN,
		.config = spec->config,
		.state_dir = from_manager != NULL ? from_manager : spec->state_dir,
	};
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (!take_option(spec, c, out, exit_code))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", spec->program, argv[optind]);
		return fail(spec, exit_code);
	}
	return true;
}

/* True if everything in the folder is the user's; an empty one has nothing that is not. */
static bool has_only_files_of(DIR *dir, uid_t uid)
{
	const struct dirent *entry;
	struct stat st;

	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    st.st_uid != uid)
			return false;
	}
	return true;
}

/* Gives a folder of root's to the user, unless it is in use for something else: a slip in an option
 * must not make /etc the property of nobody. */
static int give_away(const char *path, DIR *dir, const struct passwd *pw, struct errtext *why)
{
	struct stat st;

	if (fstat(dirfd(dir), &st) == 0 && st.st_uid == pw->pw_uid)
		return 0;
	if (!has_only_files_of(dir, pw->pw_uid)) {
		errtext_set(why,
			    "%s is not %s's, and not empty: choose another folder, or make it "
			    "theirs (chown -R %s %s)",
			    path, pw->pw_name, pw->pw_name, path);
		return ERR_IO;
	}
	if (fchown(dirfd(dir), pw->pw_uid, pw->pw_gid) != 0) {
		errtext_set(why, "cannot give %s to %s: %s", path, pw->pw_name, strerror(errno));
		return ERR_IO;
	}
	return 0;
}

static int prepare_as_root(const char *path, const struct passwd *pw, struct errtext *why)
{
	DIR *dir = opendir(path);
	int err;

	if (dir == NULL) {
		if (errno == ENOTDIR)
			errtext_set(why, "%s is not a folder", path);
		else
			errtext_set(why, "cannot open %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	err = give_away(path, dir, pw, why);
	closedir(dir);
	return err;
}

int state_dir_prepare(const char *path, const char *user, struct errtext *why)
{
	const struct passwd *pw = user != NULL ? getpwnam(user) : NULL;

	if (user != NULL && pw == NULL) {
		errtext_set(why, "there is no user '%s'", user);
		return ERR_CONFIG;
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		errtext_set(why, "cannot make %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	/* Only root gives things away; anybody else must own it already. */
	if (pw != NULL && geteuid() == 0)
		return prepare_as_root(path, pw, why);
	if (access(path, W_OK | X_OK) != 0) {
		errtext_set(why, "cannot write to %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	return 0;
}
