/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <getopt.h>
#include <string.h>

#include "common/conf/cmdline.h"

/*
 * "clusteradm sas": IKE SAs and Child SAs. Only their member knows them all, so one member after
 * another is asked, page by page.
 */
#define PAGES_MAX 100000 /* so that no answer keeps us for ever */

/* ---- asking ---- */

static int add_page(const struct command_context *c, const char *member, const char *peer,
		    char cursor[32], json_t *all)
{
	char path[COMMAND_PATH_MAX] = "/v1/sas";
	json_t *json = NULL;
	const char *next;
	int code;

	if (!command_add_param(path, "member", member) ||
	    (peer != NULL && !command_add_param(path, "peer", peer)) ||
	    (cursor[0] != '\0' && !command_add_param(path, "cursor", cursor))) {
		fprintf(c->err, "clusteradm sas: a name is too long\n");
		return EXIT_USAGE;
	}
	code = command_get(c, path, &json);
	if (code != EXIT_DONE)
		return code;
	next = json_text(json, "next");
	snprintf(cursor, 32, "%s", next != NULL ? next : "");
	if (json_array_extend(all, json_object_get(json, "sas")) != 0) {
		fprintf(c->err, "clusteradm sas: the answer has no list of SAs\n");
		code = EXIT_FAILED;
	}
	json_decref(json);
	return code;
}

static int add_member(const struct command_context *c, const char *member, const char *peer,
		      json_t *all)
{
	char cursor[32] = "";
	int code = EXIT_DONE;

	for (size_t i = 0; i < PAGES_MAX && code == EXIT_DONE; i++) {
		code = add_page(c, member, peer, cursor, all);
		if (cursor[0] == '\0')
			break;
	}
	return code;
}

/* One that does not answer is no reason to say nothing of the others. */
static int add_active_members(const struct command_context *c, const char *peer, json_t *all)
{
	json_t *json = NULL, *m;
	size_t i;
	int code = command_get(c, "/v1/members", &json), worst = code;

	if (code != EXIT_DONE)
		return code;
	json_array_foreach(json_object_get(json, "members"), i, m)
	{
		const char *name = json_text(m, "name"), *state = json_text(m, "state");

		if (name == NULL || state == NULL || strcmp(state, "active") != 0)
			continue;
		code = add_member(c, name, peer, all);
		if (code != EXIT_DONE)
			worst = code;
	}
	json_decref(json);
	return worst;
}

/* ---- the answer for people ---- */

static const char *text_or(const json_t *object, const char *name, const char *instead)
{
	const char *text = json_text(object, name);

	return text != NULL ? text : instead;
}

static bool has(const json_t *object, const char *name)
{
	return json_is_integer(json_object_get(object, name));
}

/* ", WORDS AGE" if there is such an age or term. */
static void print_age(FILE *out, const json_t *object, const char *name, const char *words,
		      const char *after)
{
	char age[AGE_TEXT_MAX];

	if (has(object, name))
		fprintf(out, "%s%s%s", words, age_format(json_number(object, name), age), after);
}

static void print_end(FILE *out, const char *title, const json_t *end)
{
	fprintf(out, "  %-7s '%s' at %s%s\n", title, text_or(end, "identity", "?"),
		text_or(end, "address", "?"), json_flag(end, "nat") ? ", behind a NAT" : "");
}

static void print_traffic(FILE *out, const char *title, const char *spi, const json_t *traffic)
{
	fprintf(out, "    %-7s %s, %lld octets, %lld packets", title, spi,
		json_number(traffic, "octets"), json_number(traffic, "packets"));
	print_age(out, traffic, "used_ms", ", ", " ago");
	fputc('\n', out);
}

static void print_child(FILE *out, const json_t *child)
{
	char selectors[2048];

	fprintf(out, "  %s #%s: %s, %s, %s%s, %s\n", text_or(child, "connection", "?"),
		text_or(child, "id", "?"), text_or(child, "state", "?"),
		text_or(child, "mode", "?"), text_or(child, "protocol", "?"),
		json_flag(child, "udp_encapsulation") ? " in UDP" : "",
		text_or(child, "algorithms", "no algorithms yet"));
	fprintf(out, "    %s", has(child, "installed_ms") ? "installed" : "not installed yet");
	print_age(out, child, "installed_ms", " ", " ago");
	print_age(out, child, "rekey_in_ms", ", rekeying in ", "");
	print_age(out, child, "ends_in_ms", ", ends in ", "");
	if (json_text(child, "rekey_why") != NULL)
		fprintf(out, "; rekeyed: %s", json_text(child, "rekey_why"));
	fputc('\n', out);
	print_traffic(out, "in", text_or(child, "spi_in", "?"), json_object_get(child, "in"));
	print_traffic(out, "out", text_or(child, "spi_out", "?"), json_object_get(child, "out"));
	fprintf(out, "    %-7s %s\n", "local",
		json_join(json_object_get(child, "local_ts"), selectors, sizeof(selectors)));
	fprintf(out, "    %-7s %s\n", "remote",
		json_join(json_object_get(child, "remote_ts"), selectors, sizeof(selectors)));
}

static void print_times(FILE *out, const json_t *sa)
{
	fprintf(out, "  %s", has(sa, "established_ms") ? "established" : "not established");
	print_age(out, sa, "established_ms", " ", " ago");
	print_age(out, sa, "heard_ms", ", heard ", " ago");
	print_age(out, sa, "rekey_in_ms", ", rekeying in ", "");
	print_age(out, sa, "ends_in_ms", ", ends in ", "");
	if (json_text(sa, "rekey_why") != NULL) {
		fprintf(out, "; rekeyed %lld times, last", json_number(sa, "rekeys"));
		print_age(out, sa, "rekeyed_ms", " ", " ago");
		fprintf(out, ": %s", json_text(sa, "rekey_why"));
	}
	fprintf(out, "; no reauthentication\n");
}

static void print_sa(FILE *out, const json_t *sa)
{
	bool is_initiator = json_flag(sa, "initiator");
	long long missing = json_number(sa, "child_count");
	json_t *child;
	size_t i;

	fprintf(out, "%s: %s, %s, IKEv%lld, %s_%c* %s_%c\n", text_or(sa, "member", "?"),
		text_or(sa, "connection", "(not authenticated)"), text_or(sa, "state", "?"),
		json_number(sa, "version"), text_or(sa, "spi", "?"), is_initiator ? 'i' : 'r',
		text_or(sa, "peer_spi", "?"), is_initiator ? 'r' : 'i');
	print_end(out, "local", json_object_get(sa, "local"));
	print_end(out, "remote", json_object_get(sa, "remote"));
	if (json_text(sa, "redirected_from") != NULL)
		fprintf(out, "  redirected from %s\n", json_text(sa, "redirected_from"));
	fprintf(out, "  %s%s\n", text_or(sa, "algorithms", "no algorithms yet"),
		json_flag(sa, "nat_forced") ? ", UDP encapsulation forced" : "");
	print_times(out, sa);
	if (json_text(sa, "task") != NULL)
		fprintf(out, "  asking the peer: %s, %lld more wait\n", json_text(sa, "task"),
			json_number(sa, "tasks_waiting"));
	json_array_foreach(json_object_get(sa, "children"), i, child)
	{
		print_child(out, child);
		missing--;
	}
	if (missing > 0)
		fprintf(out, "  and %lld more Child SAs\n", missing);
}

/* ---- the command ---- */

static int usage(const struct command_context *c)
{
	fprintf(c->err, "usage: clusteradm sas [--member NAME] [--peer IDENTITY]\n");
	return EXIT_USAGE;
}

static int show(const struct command_context *c, const char *member, const char *peer)
{
	json_t *all = json_array(), *sa;
	size_t i;
	int code =
	    member != NULL ? add_member(c, member, peer, all) : add_active_members(c, peer, all);

	if (!command_print_json(c, all)) {
		json_array_foreach(all, i, sa) print_sa(c->out, sa);
	}
	json_decref(all);
	return code;
}

int command_sas(const struct command_context *c, int argc, char **argv)
{
	static const struct option options[] = { { "member", required_argument, NULL, 'm' },
						 { "peer", required_argument, NULL, 'p' },
						 { NULL, 0, NULL, 0 } };
	const char *member = NULL, *peer = NULL;
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "m:p:", options, NULL)) != -1) {
		if (opt == 'm')
			member = optarg;
		else if (opt == 'p')
			peer = optarg;
		else
			return usage(c);
	}
	if (refuse_arguments(c, argc - optind + 1, argv + optind - 1) != EXIT_DONE)
		return EXIT_USAGE;
	return show(c, member, peer);
}
