/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/options.h"

#include <getopt.h>
#include <stdlib.h>

#include "cli/ikepeer/option_values.h"

#define TUN_DEFAULT    "ikepeer0"
#define USER_DEFAULT   "nobody"
#define DPD_MAX_S      86400
#define REKEY_MAX_S    604800
#define TIMEOUT_S      10
#define TIMEOUT_MAX    300
#define MS_MAX         60000
#define TRIES_MAX      1000000
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static const char *const ike_default[] = {
	"aes256gcm16-prfsha256-x25519",
	"aes256gcm16-prfsha256-ecp256",
	"aes128gcm16-prfsha256-modp2048",
};
static const char *const esp_default[] = { "aes256gcm16", "aes128gcm16" };

enum option_id {
	OPT_HELP = 'h',
	OPT_GATEWAY = 256,
	OPT_SOURCE,
	OPT_ID,
	OPT_GATEWAY_ID,
	OPT_PSK_FILE,
	OPT_LOCAL,
	OPT_REMOTE,
	OPT_IKE,
	OPT_ESP,
	OPT_JSON,
	OPT_VERBOSE,
	OPT_NO_REDIRECT,
	OPT_AUTH_FORM,
	OPT_TUN,
	OPT_USER,
	OPT_TICKET_FILE,
	OPT_NO_TICKETS,
	OPT_NO_ROUTES,
	OPT_DPD,
	OPT_REKEY,
	OPT_TRIES,
	OPT_FOLLOW,
	OPT_RESUME_PROBE,
	OPT_TIMEOUT,
	OPT_WARNING,
	OPT_CRITICAL,
};

/* One row: what getopt needs, who has it, and the help. */
struct row {
	const char *name;
	enum option_id id;
	unsigned int commands; /* enum peer_command, or'ed */
	const char *value;     /* NULL: a flag */
	const char *help;
};

#define BOTH (PEER_UP | PEER_PROBE)

static const struct row rows[] = {
	{ "gateway", OPT_GATEWAY, BOTH, "ADDR", "where to begin: the cluster's address" },
	{ "source", OPT_SOURCE, BOTH, "ADDR", "our address; else the kernel chooses" },
	{ "id", OPT_ID, BOTH, "ID", "our identity" },
	{ "psk-file", OPT_PSK_FILE, BOTH, "FILE", "the secret: a text, or 0x and hex digits" },
	{ "gateway-id", OPT_GATEWAY_ID, BOTH, "ID", "who the gateway has to be" },
	{ "local", OPT_LOCAL, BOTH, "PREFIX", "what is behind us (several times)" },
	{ "remote", OPT_REMOTE, BOTH, "PREFIX", "what is to be reached (several times)" },
	{ "ike", OPT_IKE, BOTH, "SUITE", "an IKE proposal (several times)" },
	{ "esp", OPT_ESP, BOTH, "SUITE", "an ESP proposal (several times)" },
	{ "no-redirect", OPT_NO_REDIRECT, BOTH, NULL, "do not say that we follow redirects" },
	{ "auth-form", OPT_AUTH_FORM, PEER_UP, "FORM", "rfc, or short as libreswan resumes" },
	{ "tun", OPT_TUN, PEER_UP, "NAME", "the device that is made (" TUN_DEFAULT ")" },
	{ "no-routes", OPT_NO_ROUTES, PEER_UP, NULL, "no address and no routes at the device" },
	{ "dpd", OPT_DPD, PEER_UP, "SECONDS", "ask after so much silence (30); 0: never" },
	{ "rekey", OPT_REKEY, PEER_UP, "SECONDS", "rekey the IKE SA (14400); 0: never" },
	{ "no-tickets", OPT_NO_TICKETS, PEER_UP, NULL, "neither ask for nor use tickets" },
	{ "ticket-file", OPT_TICKET_FILE, PEER_UP, "FILE", "keep the ticket over restarts" },
	{ "tries", OPT_TRIES, PEER_UP, "N", "give up after so many failures in a row" },
	{ "user", OPT_USER, PEER_UP, "NAME", "become this user (" USER_DEFAULT ") if root" },
	{ "follow", OPT_FOLLOW, PEER_PROBE, NULL, "go on where a redirect points" },
	{ "resume-probe", OPT_RESUME_PROBE, PEER_PROBE, NULL,
	  "present a ticket that is none (RFC 5723)" },
	{ "timeout", OPT_TIMEOUT, PEER_PROBE, "SECONDS", "until no answer is none (10)" },
	{ "warning", OPT_WARNING, PEER_PROBE, "MS", "an answer that takes longer is a warning" },
	{ "critical", OPT_CRITICAL, PEER_PROBE, "MS", "or critical" },
	{ "json", OPT_JSON, BOTH, NULL, "one JSON object per line" },
	{ "verbose", OPT_VERBOSE, BOTH, NULL, "the protocol's own log on standard error" },
	{ "help", OPT_HELP, BOTH, NULL, "this" },
};

#define N_ROWS COUNT_OF(rows)

static void print_help(FILE *out, enum peer_command command)
{
	if (command == PEER_UP)
		fprintf(out, "usage: ikepeer up --gateway ADDR --id ID --psk-file FILE --remote "
			     "PREFIX [OPTION]...\n"
			     "Holds a tunnel with a gateway or a cluster of them.\n\n");
	else
		fprintf(out, "usage: ikepeer probe --gateway ADDR [--id ID --psk-file FILE] "
			     "[OPTION]...\n"
			     "What a peer would see of a gateway.\n\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		char name[40];

		if ((rows[i].commands & command) == 0)
			continue;
		snprintf(name, sizeof(name), "--%s %s", rows[i].name,
			 rows[i].value != NULL ? rows[i].value : "");
		fprintf(out, "  %-22s %s\n", name, rows[i].help);
	}
	if (command == PEER_UP)
		fprintf(out, "\nExit status: 0 told to end, 1 failed or gave up, 2 wrong command "
			     "line.\n");
	else
		fprintf(out, "\nExit status: 0 OK, 1 warning, 2 critical, 3 unknown: nothing could "
			     "be asked.\n");
}

/* ---- values ---- */

static bool take_text(struct reader *r, enum option_id id, const char *name, const char *text)
{
	struct peer_options *o = r->o;

	switch (id) {
	case OPT_GATEWAY:
		return reader_ip(r, name, text, &o->gateway);
	case OPT_SOURCE:
		return reader_ip(r, name, text, &o->source);
	case OPT_ID:
		return reader_identity(r, name, text, &o->id);
	case OPT_GATEWAY_ID:
		return reader_identity(r, name, text, &o->gateway_id);
	case OPT_PSK_FILE:
		r->psk_file = text;
		return true;
	case OPT_LOCAL:
		return reader_prefix(r, name, text, &o->local);
	case OPT_REMOTE:
		return reader_prefix(r, name, text, &o->remote);
	case OPT_IKE:
	case OPT_ESP:
		return reader_suite(r, id == OPT_IKE, text);
	case OPT_AUTH_FORM:
		return reader_form(r, text);
	case OPT_TUN:
		o->tun = text;
		return true;
	case OPT_USER:
		o->user = text;
		return true;
	case OPT_TICKET_FILE:
		o->ticket_file = text;
		return true;
	case OPT_DPD:
		return reader_seconds(r, name, text, DPD_MAX_S, &o->dpd_ms);
	case OPT_REKEY:
		return reader_seconds(r, name, text, REKEY_MAX_S, &o->rekey_ms);
	case OPT_TRIES:
		return reader_number(r, name, text, TRIES_MAX, &o->tries);
	case OPT_TIMEOUT:
		return reader_seconds(r, name, text, TIMEOUT_MAX, &o->timeout_ms);
	case OPT_WARNING:
		return reader_number(r, name, text, MS_MAX, &o->warning_ms);
	case OPT_CRITICAL:
		return reader_number(r, name, text, MS_MAX, &o->critical_ms);
	default:
		return false;
	}
}

static void take_flag(struct peer_options *o, enum option_id id)
{
	o->is_json |= id == OPT_JSON;
	o->is_verbose |= id == OPT_VERBOSE;
	o->no_redirect |= id == OPT_NO_REDIRECT;
	o->no_tickets |= id == OPT_NO_TICKETS;
	o->no_routes |= id == OPT_NO_ROUTES;
	o->is_following |= id == OPT_FOLLOW;
	o->is_resume |= id == OPT_RESUME_PROBE;
}

/* ---- the whole ---- */

static bool is_family(const struct ts_list *list, uint8_t family)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].range.first.family != family)
			return false;
	}
	return true;
}

static bool has_gateway(const struct peer_options *o)
{
	for (size_t i = 0; i < o->remote.n; i++) {
		if (ip_range_has(&o->remote.items[i].range, &o->gateway))
			return true;
	}
	return false;
}

static bool check_up(const struct reader *r)
{
	const struct peer_options *o = r->o;

	if (o->id == NULL)
		return reader_refuse(r, "--id and --psk-file are needed");
	if (o->remote.n == 0)
		return reader_refuse(
		    r, "--remote is needed: what is to be reached through the tunnel");
	if (o->local.n == 0 && !is_family(&o->remote, o->gateway.family))
		return reader_refuse(r, "--local is needed: our own address is of another family");
	if (!o->no_routes && has_gateway(o))
		return reader_refuse(
		    r, "the gateway itself is within --remote, and would be routed into "
		       "its tunnel: say --no-routes and make the routes yourself");
	if (o->ticket_file != NULL && o->no_tickets)
		return reader_refuse(r, "--ticket-file and --no-tickets exclude each other");
	return true;
}

static bool check(const struct reader *r)
{
	const struct peer_options *o = r->o;

	if (o->gateway.family == IP_NONE)
		return reader_refuse(r, "--gateway is needed");
	if (o->source.family != IP_NONE && o->source.family != o->gateway.family)
		return reader_refuse(r, "--source and --gateway must be of one family");
	if ((o->id == NULL) != (r->psk_file == NULL))
		return reader_refuse(r, "--id and --psk-file belong together");
	if (o->command == PEER_UP)
		return check_up(r);
	if (o->timeout_ms == 0)
		return reader_refuse(r, "--timeout must not be 0");
	if (o->is_resume && o->id != NULL)
		return reader_refuse(r, "--resume-probe needs no --id: the ticket is none");
	return true;
}

static bool fill_defaults(struct reader *r)
{
	bool needs_ike = r->o->n_ike == 0, needs_esp = r->o->n_esp == 0, is_good = true;

	for (size_t i = 0; needs_ike && i < COUNT_OF(ike_default); i++)
		is_good &= reader_suite(r, true, ike_default[i]);
	for (size_t i = 0; needs_esp && i < COUNT_OF(esp_default); i++)
		is_good &= reader_suite(r, false, esp_default[i]);
	return is_good;
}

static bool take(struct reader *r, int opt, const char *text)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if ((int)rows[i].id != opt || opt == OPT_HELP)
			continue;
		if (rows[i].value != NULL)
			return take_text(r, rows[i].id, rows[i].name, text);
		take_flag(r->o, rows[i].id);
		return true;
	}
	return false;
}

static bool read_all(struct reader *r, int argc, char **argv, FILE *out, bool *is_help)
{
	struct option options[N_ROWS + 1] = { { NULL, 0, NULL, 0 } };
	size_t n = 0;
	int opt;

	for (size_t i = 0; i < N_ROWS; i++) {
		if ((rows[i].commands & r->o->command) != 0)
			options[n++] = (struct option){ rows[i].name,
							rows[i].value != NULL ? required_argument
									      : no_argument,
							NULL, (int)rows[i].id };
	}
	optind = 0;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (opt == OPT_HELP) {
			print_help(out, r->o->command);
			*is_help = true;
			return true;
		}
		if (opt == '?' || opt == ':')
			return reader_refuse(r, "%s '%s'",
					     opt == '?' ? "there is no option"
							: "a value is missing after",
					     argv[optind - 1]);
		if (!take(r, opt, optarg))
			return false;
	}
	return optind == argc || reader_refuse(r, "'%s' is not expected", argv[optind]);
}

bool peer_options_parse(enum peer_command command, int argc, char **argv, FILE *out, FILE *err,
			struct peer_options *o, bool *is_good)
{
	struct reader r = { .o = o, .err = err };
	bool is_help = false;

	memset(o, 0, sizeof(*o));
	o->command = command;
	o->tun = TUN_DEFAULT;
	o->user = USER_DEFAULT;
	o->dpd_ms = 30000;
	o->rekey_ms = 14400000;
	o->timeout_ms = TIMEOUT_S * 1000;
	*is_good = read_all(&r, argc, argv, out, &is_help);
	if (is_help)
		return false;
	*is_good =
	    *is_good && check(&r) && (r.psk_file == NULL || reader_key(&r)) && fill_defaults(&r);
	if (!*is_good)
		fprintf(err, "Try 'ikepeer %s --help'.\n", reader_command(command));
	return *is_good;
}

void peer_options_free(struct peer_options *o)
{
	free(o->id);
	free(o->gateway_id);
	wipe(o, sizeof(*o));
}
