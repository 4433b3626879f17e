/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pki.h"

#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "common/pki/pki.h"
#include "common/pki/store.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static const char usage_text[] =
    "usage: clusteradm pki init [--dir DIR] [--cluster NAME] [--days N] [--force]\n"
    "       clusteradm pki issue KIND NAME [--dir DIR] [--days N] [--host HOST]... [--force]\n"
    "       clusteradm pki list [--dir DIR]\n"
    "\n"
    "init   makes the CA of a cluster: ca.crt, which every host gets, and ca.key, which none gets\n"
    "issue  makes KIND-NAME.crt and KIND-NAME.key; KIND is director, member, admin or monitor\n"
    "list   shows the certificates of the folder and when they end\n"
    "\n"
    "  --dir DIR        the folder (pki)\n"
    "  --cluster NAME   the cluster's name in the certificates (waypost)\n"
    "  --days N         how long it is valid (a CA 3650 days, others 825)\n"
    "  --host HOST      a DNS name or IP address that the certificate is good for too;\n"
    "                   once for each\n"
    "  --force          replace what is there\n"
    "  --json           answer in JSON\n";

struct options {
	const char *dir;
	const char *cluster;
	unsigned int days; /* 0: not given */
	const char *hosts[PKI_HOSTS_MAX];
	size_t n_hosts;
	bool force;
	bool json;
	char **arguments;
	int n_arguments;
};

struct call {
	struct options options;
	FILE *out;
	FILE *err;
};

/* One for each word after "pki"; allowed holds the short codes of its options. */
struct subcommand {
	const char *name;
	const char *allowed;
	int n_arguments;
	int (*run)(const struct call *call);
};

__attribute__((format(printf, 2, 3))) static int refuse_usage(const struct call *call,
							      const char *fmt, ...)
{
	va_list args;

	fputs("clusteradm pki: ", call->err);
	va_start(args, fmt);
	vfprintf(call->err, fmt, args);
	va_end(args);
	fputs(" (see 'clusteradm pki --help')\n", call->err);
	return EXIT_USAGE;
}

static int refuse(const struct call *call, const struct errtext *why, const char *hint)
{
	fprintf(call->err, "clusteradm pki: %s%s\n", why->text, hint);
	return EXIT_FAILED;
}

/* ---- options ---- */

static int parse_days(const struct call *call, const char *text, unsigned int *out)
{
	char *end;
	unsigned long days = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || days < 1 || days > PKI_DAYS_MAX)
		return refuse_usage(call, "--days must be from 1 to %d, not '%s'", PKI_DAYS_MAX,
				    text);
	*out = (unsigned int)days;
	return 0;
}

static int add_host(struct call *call, const char *host)
{
	struct errtext why;

	if (pki_check_host(host, &why) != 0)
		return refuse_usage(call, "%s", why.text);
	if (call->options.n_hosts == PKI_HOSTS_MAX)
		return refuse_usage(call, "--host may be given %d times", PKI_HOSTS_MAX);
	call->options.hosts[call->options.n_hosts++] = host;
	return 0;
}

static int take_option(struct call *call, int code, const char *value)
{
	struct options *o = &call->options;

	switch (code) {
	case 'd':
		o->dir = value;
		return 0;
	case 'c':
		o->cluster = value;
		return 0;
	case 'n':
		return parse_days(call, value, &o->days);
	case 'h':
		return add_host(call, value);
	case 'f':
		o->force = true;
		return 0;
	default:
		o->json = true;
		return 0;
	}
}

static const struct option long_options[] = {
	{ "dir", required_argument, NULL, 'd' },  { "cluster", required_argument, NULL, 'c' },
	{ "days", required_argument, NULL, 'n' }, { "host", required_argument, NULL, 'h' },
	{ "force", no_argument, NULL, 'f' },      { "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'H' },       { NULL, 0, NULL, 0 },
};

static int refuse_option(const struct call *call, int code, const char *word)
{
	if (code == ':')
		return refuse_usage(call, "%s needs a value", word);
	if (strncmp(word, "--", 2) != 0)
		return refuse_usage(call, "unknown option -%c", optopt);
	return refuse_usage(call, "unknown option %s", word);
}

/* Returns 0, an exit code, or -1 if help was asked for. argv[0] is the subcommand. */
static int parse_options(struct call *call, const struct subcommand *sub, int argc, char **argv)
{
	int code, index = 0, status = 0;

	optind = 0; /* glibc: forget an earlier run */
	opterr = 0;
	while (status == 0 && (code = getopt_long(argc, argv, ":", long_options, &index)) != -1) {
		if (code == ':' || code == '?')
			return refuse_option(call, code, argv[optind - 1]);
		if (code == 'H')
			return -1;
		if (strchr(sub->allowed, code) == NULL)
			return refuse_usage(call, "--%s is not for 'pki %s'",
					    long_options[index].name, sub->name);
		status = take_option(call, code, optarg);
	}
	call->options.arguments = argv + optind;
	call->options.n_arguments = argc - optind;
	return status;
}

/* ---- answers ---- */

static int print_json(const struct call *call, json_t *answer)
{
	bool is_done = answer != NULL &&
		       json_dumpf(answer, call->out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 &&
		       fputc('\n', call->out) != EOF;

	json_decref(answer);
	return is_done ? 0 : EXIT_FAILED;
}

static json_t *describe(const char *dir, const char *stem, const struct pki_info *info)
{
	char expires[PKI_TIME_MAX];

	return json_pack("{s:s+++,s:s+++,s:s,s:s,s:s}", "certificate", dir, "/", stem, ".crt",
			 "key", dir, "/", stem, ".key", "cluster", info->cluster, "serial",
			 info->serial, "expires", pki_time_format(info->not_after_s, expires));
}

/* ---- init ---- */

static int report_ca(const struct call *call, const struct pki_info *info)
{
	const char *dir = call->options.dir;
	char expires[PKI_TIME_MAX];

	if (call->options.json)
		return print_json(call, describe(dir, PKI_CA_STEM, info));
	fprintf(
	    call->out,
	    "The CA of cluster %s, valid until %s:\n"
	    "  %s/%s.crt  every host of the cluster gets a copy\n"
	    "  %s/%s.key  stays here, or better off line: whoever has it can join the cluster\n",
	    info->cluster, pki_time_format(info->not_after_s, expires), dir, PKI_CA_STEM, dir,
	    PKI_CA_STEM);
	if (call->options.force)
		fputs("Certificates of an earlier CA in this folder are no longer good: issue them "
		      "again.\n",
		      call->out);
	return 0;
}

static int run_init(const struct call *call)
{
	const struct options *o = &call->options;
	struct pki_ca_order order = {
		.cluster = o->cluster != NULL ? o->cluster : "waypost",
		.days = o->days != 0 ? o->days : PKI_CA_DAYS,
		.now_s = (int64_t)time(NULL),
	};
	struct rng rng = rng_system();
	struct pki_pair pair = { NULL, NULL };
	struct pki_info info;
	struct errtext why = { "" };
	int err;

	if (!text_is_name(order.cluster))
		return refuse_usage(call, "a cluster's name is 1 to %d of a-z, 0-9 and -, not '%s'",
				    NAME_TEXT_MAX, order.cluster);
	err = pki_make_ca(&order, &rng, &pair, &why);
	if (err == 0)
		err = pki_make_folder(o->dir, &why);
	if (err == 0)
		err = pki_write_pair(o->dir, PKI_CA_STEM, &pair, o->force, &why);
	if (err == 0)
		err = pki_describe(pair.cert, &info, &why);
	pki_pair_free(&pair);
	if (err == ERR_EXISTS)
		return refuse(call, &why, "; with --force a new CA replaces it");
	return err != 0 ? refuse(call, &why, "") : report_ca(call, &info);
}

/* ---- issue ---- */

static int report_leaf(const struct call *call, const char *stem,
		       const struct pki_leaf_order *order, const struct pki_info *info)
{
	bool is_cut = info->not_after_s < order->now_s + (int64_t)order->days * 86400;
	const char *dir = call->options.dir;
	char expires[PKI_TIME_MAX], uri[PKI_URI_MAX];
	json_t *answer;

	pki_identity_format(&info->identity, uri);
	if (!call->options.json) {
		fprintf(call->out, "%s/%s.crt and .key: %s, valid until %s%s\n", dir, stem, uri,
			pki_time_format(info->not_after_s, expires),
			is_cut ? ", when the CA expires" : "");
		return 0;
	}
	answer = describe(dir, stem, info);
	if (json_object_set_new(answer, "identity", json_string(uri)) != 0) {
		json_decref(answer);
		answer = NULL;
	}
	return print_json(call, answer);
}

/* In the order in which an operator can do something about it. */
static int issue(const struct options *o, struct pki_leaf_order *order, const char *stem,
		 struct pki_info *info, struct errtext *why)
{
	struct rng rng = rng_system();
	struct pki_pair ca = { NULL, NULL }, pair = { NULL, NULL };
	int err = pki_read_pair(o->dir, PKI_CA_STEM, &ca, why);

	if (err == 0 && !o->force)
		err = pki_check_absent(o->dir, stem, why);
	if (err == 0)
		err = pki_make_leaf(&ca, order, &rng, &pair, why);
	if (err == 0)
		err = pki_write_pair(o->dir, stem, &pair, o->force, why);
	if (err == 0)
		err = pki_describe(pair.cert, info, why);
	pki_pair_free(&pair);
	pki_pair_free(&ca);
	return err;
}

static int run_issue(const struct call *call)
{
	const struct options *o = &call->options;
	const char *kind = o->arguments[0], *name = o->arguments[1];
	struct pki_leaf_order order = {
		.hosts = o->hosts,
		.n_hosts = o->n_hosts,
		.days = o->days != 0 ? o->days : PKI_LEAF_DAYS,
		.now_s = (int64_t)time(NULL),
	};
	struct pki_info info;
	struct errtext why = { "" };
	char stem[PKI_STEM_MAX];
	int err;

	if (pki_kind_parse(kind, &order.identity.kind) != 0)
		return refuse_usage(call, "KIND is director, member, admin or monitor, not '%s'",
				    kind);
	if (!text_is_name(name))
		return refuse_usage(call, "NAME is 1 to %d of a-z, 0-9 and -, not '%s'",
				    NAME_TEXT_MAX, name);
	snprintf(order.identity.name, sizeof(order.identity.name), "%s", name);
	err = issue(o, &order, pki_stem_format(&order.identity, stem), &info, &why);
	if (err == ERR_EXISTS)
		return refuse(call, &why, "; with --force a new one replaces it");
	if (err == ERR_NOT_FOUND)
		return refuse(call, &why, "; is this the folder that 'pki init' made?");
	return err != 0 ? refuse(call, &why, "") : report_leaf(call, stem, &order, &info);
}

/* ---- the command ---- */

static int run_list(const struct call *call)
{
	return pki_list(call->options.dir, (int64_t)time(NULL), call->options.json, call->out,
			call->err);
}

static const struct subcommand subcommands[] = {
	{ "init", "dcnfj", 0, run_init },
	{ "issue", "dnhfj", 2, run_issue },
	{ "list", "dj", 0, run_list },
};

static const struct subcommand *find_subcommand(const char *name)
{
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		if (strcmp(subcommands[i].name, name) == 0)
			return &subcommands[i];
	}
	return NULL;
}

int pki_command(int argc, char **argv, bool json, FILE *out, FILE *err)
{
	struct call call = { .options = { .dir = "pki", .json = json }, .out = out, .err = err };
	const struct subcommand *sub;
	int status;

	if (argc < 2) {
		fputs(usage_text, err);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0) {
		fputs(usage_text, out);
		return 0;
	}
	sub = find_subcommand(argv[1]);
	if (sub == NULL)
		return refuse_usage(&call, "'%s' is not init, issue or list", argv[1]);
	status = parse_options(&call, sub, argc - 1, argv + 1);
	if (status < 0) {
		fputs(usage_text, out);
		return 0;
	}
	if (status != 0)
		return status;
	if (call.options.n_arguments < sub->n_arguments)
		return refuse_usage(&call, "'pki %s' needs KIND and NAME", sub->name);
	if (call.options.n_arguments > sub->n_arguments)
		return refuse_usage(
		    &call, "one argument too many: '%s'",
		    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): counted */
		    call.options.arguments[sub->n_arguments]);
	return sub->run(&call);
}
