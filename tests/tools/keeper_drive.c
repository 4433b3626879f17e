/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "agent/keeper/keeper_client.h"

/*
 * Plays main for the tests of the keeper. Commands on standard input, one per line:
 *
 *   add INDEX [EPOCH [force]] | remove INDEX
 *   ask INDEX IP
 *   words ENDPOINT TEXT | no-words
 *   route-add CONNECTION PREFIX ARRIVAL | route-remove CONNECTION PREFIX ARRIVAL
 *   many CONNECTION COUNT       that many host routes from 10.64.0.0 on, at once
 *   raw                         four octets that are no request
 *   quit                        close the socket and end
 *
 * On standard output: "pid MAIN KEEPER", then a line per event: "answer NAME INDEX RESULT
 * TEXT" (of ask: "nobody" or "there MAC"), "conflict INDEX MAC COUNT", "lost INDEX TEXT", "dropped
 * TEXT", "death TEXT". Ends with 3 when the keeper is gone.
 */
struct drive {
	struct keeper_client *client;
	uv_poll_t input;
	char line[256];
	size_t len;
	int fd;
	int status;
};

static void usage(void)
{
	fprintf(stderr,
		"usage: keeper_drive [--make-tun] [--uid UID] [--hook PATH] [--next-hop IP] ... "
		"--tun NAME --address IP,LINK,l2|none|route|hook ... "
		"--connection proxy-arp|route,LINK,METRIC,PREFIX ...\n");
	exit(2);
}

/* ---- events ---------------------------------------------------------------- */

static void on_answer(void *ctx, const struct keeper_report *report)
{
	const char *found = report->is_there ? "there " : "nobody";
	bool is_found = report->request.type == KEEPER_ASK && report->result == 0;

	(void)ctx;
	printf("answer %s %u %d %s%s\n", keeper_request_name(report->request.type),
	       report->request.index, report->result, is_found ? found : "", report->text);
}

static void on_conflict(void *ctx, size_t index, const char *mac, uint32_t count)
{
	(void)ctx;
	printf("conflict %zu %s %u\n", index, mac, count);
}

static void on_address_lost(void *ctx, size_t index, const char *why)
{
	(void)ctx;
	printf("lost %zu %s\n", index, why);
}

static void on_dropped(void *ctx, const char *why)
{
	(void)ctx;
	printf("dropped %s\n", why);
}

static void finish(struct drive *d, int status)
{
	d->status = status;
	keeper_client_free(d->client);
	uv_close((uv_handle_t *)&d->input, NULL);
}

static void on_death(void *ctx, const char *why)
{
	printf("death %s\n", why);
	finish(ctx, 3);
}

/* ---- commands -------------------------------------------------------------- */

static int request_route(struct drive *d, const char *command, const char *args)
{
	struct ip_prefix prefix;
	size_t connection;
	char text[PREFIX_TEXT_MAX];
	unsigned long long arrival;

	if (sscanf(args, "%zu %49s %llu", &connection, text, &arrival) != 3 ||
	    ip_prefix_parse(text, &prefix) != 0)
		return ERR_VALUE;
	if (strcmp(command, "route-add") == 0)
		return keeper_client_add_route(d->client, connection, &prefix, arrival);
	return keeper_client_remove_route(d->client, connection, &prefix, arrival);
}

static int request_many(struct drive *d, const char *args)
{
	struct ip_prefix prefix = { .ip = { IP_V4, { 10, 64 } }, .bits = 32 };
	size_t connection;
	unsigned int count;
	int err = 0;

	if (sscanf(args, "%zu %u", &connection, &count) != 2)
		return ERR_VALUE;
	for (unsigned int i = 0; err == 0 && i < count; i++) {
		err = keeper_client_add_route(d->client, connection, &prefix, 1);
		if (err == 0)
			err = ip_add(&prefix.ip, 1, &prefix.ip);
	}
	return err;
}

static int request_add(struct drive *d, const char *args)
{
	unsigned long long epoch = 0;
	char force[8] = "";
	size_t index;

	if (sscanf(args, "%zu %llu %7s", &index, &epoch, force) < 1)
		return ERR_VALUE;
	return keeper_client_add_address(d->client, index, epoch, strcmp(force, "force") == 0);
}

static int request_ask(struct drive *d, const char *args)
{
	char text[IP_TEXT_MAX];
	struct ip ip;
	size_t index;

	if (sscanf(args, "%zu %45s", &index, text) != 2 || ip_parse(text, &ip) != 0)
		return ERR_VALUE;
	return keeper_client_ask(d->client, index, &ip, NULL);
}

static int set_words(struct drive *d, const char *args)
{
	char to[ENDPOINT_TEXT_MAX], words[64];
	struct endpoint endpoint;

	if (sscanf(args, "%53s %63s", to, words) != 2 || endpoint_parse(to, &endpoint) != 0)
		return ERR_VALUE;
	return keeper_client_set_last_words(
	    d->client, &endpoint, (struct bytes){ (const uint8_t *)words, strlen(words) });
}

static void run_command(struct drive *d, const char *line)
{
	char command[16] = "";
	int used = 0, err = ERR_VALUE;
	const char *args;

	sscanf(line, "%15s %n", command, &used);
	args = line + used;
	if (strcmp(command, "add") == 0)
		err = request_add(d, args);
	else if (strcmp(command, "remove") == 0)
		err = keeper_client_remove_address(d->client, strtoul(args, NULL, 10));
	else if (strcmp(command, "route-add") == 0 || strcmp(command, "route-remove") == 0)
		err = request_route(d, command, args);
	else if (strcmp(command, "ask") == 0)
		err = request_ask(d, args);
	else if (strcmp(command, "words") == 0)
		err = set_words(d, args);
	else if (strcmp(command, "no-words") == 0)
		err = keeper_client_set_last_words(d->client, &(struct endpoint){ .port = 0 },
						   (struct bytes){ NULL, 0 });
	else if (strcmp(command, "many") == 0)
		err = request_many(d, args);
	else if (strcmp(command, "raw") == 0)
		err = send(d->fd, "what", 4, 0) == 4 ? 0 : ERR_IO;
	if (strcmp(command, "quit") == 0)
		finish(d, 0);
	else if (err != 0)
		printf("error %s: %s\n", command, err_text(err));
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	struct drive *d = poll->data;
	ssize_t n = read(STDIN_FILENO, d->line + d->len, sizeof(d->line) - 1 - d->len);
	char *end;

	(void)events;
	if (status < 0 || n <= 0) {
		finish(d, 0);
		return;
	}
	d->len += (size_t)n;
	d->line[d->len] = '\0';
	while ((end = strchr(d->line, '\n')) != NULL && !uv_is_closing((uv_handle_t *)poll)) {
		*end = '\0';
		run_command(d, d->line);
		d->len -= (size_t)(end + 1 - d->line);
		memmove(d->line, end + 1, d->len + 1);
	}
}

/* ---- configuration --------------------------------------------------------- */

static void parse_address(struct keeper_conf *conf, const char *text)
{
	struct keeper_address *a = &conf->addresses[conf->address_count];
	char ip[IP_TEXT_MAX], claim[8];

	if (conf->address_count == KEEPER_ADDRESSES_MAX ||
	    sscanf(text, "%45[^,],%15[^,],%7s", ip, a->link, claim) != 3 ||
	    ip_parse(ip, &a->ip) != 0)
		usage();
	if (strcmp(a->link, "-") == 0)
		a->link[0] = '\0';
	a->claim = strcmp(claim, "none") == 0    ? KEEPER_CLAIM_NONE
		   : strcmp(claim, "route") == 0 ? KEEPER_CLAIM_ROUTE
		   : strcmp(claim, "hook") == 0  ? KEEPER_CLAIM_HOOK
						 : KEEPER_CLAIM_L2;
	conf->address_count++;
}

static void parse_connection(struct keeper_conf *conf, const char *text)
{
	struct keeper_connection *c = &conf->connections[conf->connection_count];
	char mode[16], prefix[PREFIX_TEXT_MAX];

	if (conf->connection_count == KEEPER_CONNECTIONS_MAX ||
	    sscanf(text, "%15[^,],%15[^,],%u,%49s", mode, c->link, &c->metric, prefix) != 4 ||
	    ip_prefix_parse(prefix, &c->remote_ts[0]) != 0)
		usage();
	c->remote_ts_count = 1;
	c->inside = strcmp(mode, "route") == 0 ? KEEPER_INSIDE_ROUTE : KEEPER_INSIDE_PROXY_ARP;
	conf->connection_count++;
}

static void parse_next_hop(struct keeper_conf *conf, const char *text)
{
	if (conf->next_hop_count == KEEPER_NEXT_HOPS_MAX ||
	    ip_parse(text, &conf->next_hops[conf->next_hop_count]) != 0)
		usage();
	conf->next_hop_count++;
}

static bool parse_options(int argc, char **argv, struct keeper_conf *conf)
{
	static const struct option options[] = {
		{ "address", required_argument, NULL, 'a' },
		{ "connection", required_argument, NULL, 'c' },
		{ "tun", required_argument, NULL, 't' },
		{ "make-tun", no_argument, NULL, 'm' },
		{ "hook", required_argument, NULL, 'h' },
		{ "next-hop", required_argument, NULL, 'n' },
		{ "uid", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	bool is_making_tun = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'a')
			parse_address(conf, optarg);
		else if (option == 'c')
			parse_connection(conf, optarg);
		else if (option == 't')
			snprintf(conf->tun, sizeof(conf->tun), "%s", optarg);
		else if (option == 'h')
			snprintf(conf->hook, sizeof(conf->hook), "%s", optarg);
		else if (option == 'n')
			parse_next_hop(conf, optarg);
		else if (option == 'm')
			is_making_tun = true;
		else if (option == 'u')
			conf->uid = conf->gid = (uid_t)strtoul(optarg, NULL, 10);
		else
			usage();
	}
	return is_making_tun;
}

/* As main does it: after the fork; the device lives as long as the descriptor. */
static void make_tun(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) != 0 || ioctl(control, SIOCGIFFLAGS, &ifr) != 0) {
		fprintf(stderr, "cannot make %s: %s\n", name, strerror(errno));
		exit(1);
	}
	ifr.ifr_flags |= IFF_UP;
	ioctl(control, SIOCSIFFLAGS, &ifr);
	close(control);
}

int main(int argc, char **argv)
{
	static struct keeper_conf conf = { .log_level = LOG_LEVEL_DEBUG };
	struct drive d = { .len = 0 };
	struct keeper_client_events events = { .on_answer = on_answer,
					       .on_conflict = on_conflict,
					       .on_address_lost = on_address_lost,
					       .on_dropped = on_dropped,
					       .on_death = on_death,
					       .ctx = &d };
	bool is_making_tun = parse_options(argc, argv, &conf);
	struct keeper_process keeper;
	char why[KEEPER_TEXT_MAX];
	uv_loop_t loop;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (keeper_start(&conf, &keeper, why) != 0) {
		fprintf(stderr, "keeper: %s\n", why);
		return 1;
	}
	if (is_making_tun)
		make_tun(conf.tun);
	printf("pid %d %d\n", (int)getpid(), (int)keeper.pid);
	uv_loop_init(&loop);
	if (keeper_client_new(&loop, keeper.fd, &events, &d.client) != 0)
		return 1;
	d.fd = keeper.fd;
	uv_poll_init(&loop, &d.input, STDIN_FILENO);
	d.input.data = &d;
	uv_poll_start(&d.input, UV_READABLE, on_input);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return d.status;
}
