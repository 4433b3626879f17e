/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "director/redirect/front.h"

/*
 * front_server ADDRESS PORT MEMBERS sticky|least-load: the redirect front end with one worker and a
 * table that stays, until SIGTERM; then it prints its counters. For benches and profiles.
 */
#define NO_LIMIT 1000000 /* so high that the buckets are used and never empty */

static void make_table(struct placement_table *t, size_t n, bool is_sticky)
{
	t->policy = is_sticky ? PLACEMENT_STICKY : PLACEMENT_LEAST_LOAD;
	t->bounded_load = 1.25;
	t->full_at = 0.95;
	t->seed = 42;
	t->n_members = n;
	for (size_t i = 0; i < n; i++) {
		struct placement_member *m = &t->members[i];

		snprintf(m->name, sizeof(m->name), "member-%zu", i);
		m->home[0] = (struct ip){ IP_V4, { 192, 0, 2, (uint8_t)(1 + i) } };
		m->n_home = 1;
		m->weight = (uint32_t)(50 + i % 3 * 50);
		m->load = 0.2 + (double)(i % 5) / 10;
		m->is_open = true;
	}
}

static void print_counters(const struct front *f)
{
	struct front_counters c;

	front_read_counters(f, &c);
	printf("received %llu", (unsigned long long)c.received);
	for (size_t v = 0; v < FRONT_VERDICT_COUNT; v++) {
		if (c.verdicts[v] > 0)
			printf(", %s %llu", front_verdict_name((enum front_verdict)v),
			       (unsigned long long)c.verdicts[v]);
	}
	printf("\n");
}

static int serve(const struct front_conf *conf, const struct placement_table *table)
{
	const struct logger lg = log_stderr(LOG_LEVEL_INFO, "front_server");
	struct front *f;
	sigset_t set;
	int got;

	/* Before there are threads: they inherit it. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (front_start(conf, &lg, &f) != 0 ||
	    front_publish(f, table, &(struct ticket_ring){ .n = 0 }) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	sigwait(&set, &got);
	print_counters(f);
	front_stop(f);
	return 0;
}

int main(int argc, char **argv)
{
	static struct placement_table table;
	struct front_conf conf = {
		.n_addresses = 1,
		.workers = 1,
		.rate_per_second = NO_LIMIT,
		.rate_burst = NO_LIMIT,
	};
	struct ip address;

	if (argc != 5 || ip_parse(argv[1], &address) != 0 || atoi(argv[3]) < 1 ||
	    atoi(argv[3]) > PLACEMENT_MAX_MEMBERS) {
		fprintf(stderr, "usage: front_server ADDRESS PORT MEMBERS sticky|least-load\n");
		return 2;
	}
	conf.addresses = &address;
	conf.port_ike = (uint16_t)atoi(argv[2]);
	conf.port_natt = (uint16_t)(conf.port_ike + 1);
	make_table(&table, (size_t)atoi(argv[3]), strcmp(argv[4], "sticky") == 0);
	return serve(&conf, &table);
}
