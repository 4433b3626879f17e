/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <dirent.h>
#include <malloc.h>

#include <cmocka.h>

#include "tests/lib/crowd.h"

/*
 * A day in the life of a gateway: its peers rekey, vanish without a word or with a Delete, come
 * back with or without INITIAL_CONTACT, and get other ports from their NAT, over a network that
 * loses three packets in a hundred. Once in each hour, when all are back and nothing is under way,
 * there have to be as many SAs as there are peers, and memory and descriptors of the first hour.
 *
 *   CROWD_PEERS=1000 build/release/unit/test_days     as "make check" runs it once
 */
#define HOUR_MS       3600000ull
#define HOURS         24
#define PEERS_DEFAULT 100
#define BUSY_MS       (30 * 60000ull) /* of each hour: then those who went come back */
#define QUIET_AT_MS   (56 * 60000ull) /* the longest absence, and time for liveness checks */
#define QUIET_MAX_MS  (40 * 60000ull)

/* What may differ between two quiet moments: the last response that is kept. */
#define OCTETS_PER_PEER 256

struct sample {
	size_t memory; /* 0: not known under a sanitizer, which finds leaks by itself */
	size_t descriptors;
};

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static struct sample take_sample(struct crowd *c)
{
	struct sample s;

	/* Cipher contexts of the last packets; the keys stay. */
	esp_set_trim(c->esp, c->now, 0);
	for (size_t i = 0; i < c->conf.n_peers; i++)
		esp_set_trim(c->peers[i].esp, c->now, 0);
	s.descriptors = count_descriptors();
	s.memory = mallinfo2().uordblks + mallinfo2().hblkhd;
	return s;
}

static void plan_hour(struct crowd *c)
{
	for (size_t i = 0; i < c->conf.n_peers; i++) {
		uint64_t at = c->now + crowd_draw(c, BUSY_MS);
		struct crowd_peer *peer = &c->peers[i];

		switch (crowd_draw(c, 6)) {
		case 0:
			crowd_plan(c, peer, at, CROWD_VANISH);
			break;
		case 1:
			crowd_plan(c, peer, at, CROWD_LEAVE);
			break;
		case 2:
			if (i % CROWD_NAT_EVERY == 0)
				crowd_plan(c, peer, at, CROWD_REBIND);
			break;
		default:
			break;
		}
	}
}

/* A moment at which nothing is under way: with a thousand peers it has to be waited for. */
static void wait_until_quiet(struct crowd *c)
{
	uint64_t end = c->now + QUIET_MAX_MS;

	while (!crowd_is_quiet(c)) {
		if (c->now >= end)
			fail_msg(
			    "not quiet: %zu IKE SAs, %zu established, %u Child SAs, %zu in ESP",
			    (size_t)HASH_CNT(hh_spi, c->gateway->core.by_spi),
			    c->gateway->core.n_established, HASH_COUNT(c->gateway->core.by_child),
			    esp_set_count(c->esp));
		crowd_run(c, c->now + 100);
	}
}

static void print_counters(const struct crowd *c)
{
	static const enum ike_counter which[] = { COUNT_AUTH_OK,     COUNT_CHILD_REKEYED,
						  COUNT_IKE_REKEYED, COUNT_COLLISION,
						  COUNT_DPD_FAILED,  COUNT_DELETED };

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		uint64_t n = responder_counter(c->gateway, which[i]);

		print_message("%s %llu, ", ike_counter_name(which[i]), (unsigned long long)n);
		assert_true(n > 0);
	}
	print_message("%llu packets\n", (unsigned long long)c->n_esp_ok);
}

static void test_a_day(void **state)
{
	const char *text = getenv("CROWD_PEERS");
	const struct crowd_conf conf = {
		.n_peers = text != NULL ? strtoul(text, NULL, 10) : PEERS_DEFAULT,
		.seed = 4,
		.loss_ppm = 30000,
		.double_ppm = 20000,
		.delay_min_ms = 5,
		.delay_max_ms = 150,
		.traffic_ms = 300000,
	};
	struct crowd *c = calloc(1, sizeof(*c));
	struct sample first = { 0, 0 };
	uint64_t hour_began = 1000;

	(void)state;
	assert_non_null(c);
	crowd_start(c, &conf);
	for (size_t i = 0; i < conf.n_peers; i++)
		crowd_plan(c, &c->peers[i], c->now + crowd_draw(c, 60000), CROWD_CONNECT_FIRST);
	for (int hour = 0; hour < HOURS; hour++) {
		struct sample s;

		if (hour > 0)
			plan_hour(c);
		crowd_run(c, hour_began + QUIET_AT_MS);
		wait_until_quiet(c);
		s = take_sample(c);
		print_message("hour %2d: %zu octets\n", hour, s.memory);
		/* The first hours make the tables as large as they have to be. */
		if (hour == 2)
			first = s;
		if (hour > 2) {
			assert_int_equal(s.descriptors, first.descriptors);
			assert_true(s.memory <= first.memory + OCTETS_PER_PEER * conf.n_peers);
		}
		hour_began += HOUR_MS;
		if (hour_began < c->now)
			hour_began = c->now;
		crowd_run(c, hour_began);
	}
	print_counters(c);
	crowd_stop(c);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
