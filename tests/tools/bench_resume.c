/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/ikev2/responder/responder.h"
#include "tests/lib/ikeclient.h"

/*
 * What a returning peer costs a member on this machine: processor time of the responder for a
 * complete resumption (RFC 5723: IKE_SESSION_RESUME and IKE_AUTH, a new ticket given) next to a
 * full handshake with a pre-shared key (IKE_SA_INIT and IKE_AUTH, a ticket given), in turns. The
 * peer's own work is not counted. Prints one line per figure, nothing is asserted.
 */
#define ROUNDS     5
#define EXCHANGES  400
#define UNIX_S     1764072000u
#define PSK        "correct horse battery"
#define ALICE      "alice.example"
#define ALL_SUITES 3

static const char *const suites[ALL_SUITES] = { "aes256gcm16-prfsha256-x25519",
						"aes256gcm16-prfsha256-ecp256",
						"aes256gcm16-prfsha256-modp2048" };

struct place {
	struct crypto *crypto;
	struct rng rng;
	struct policy_connection connection;
	struct policy *policy;
	struct ticket_office *office;
	struct responder *r;
	struct path path;
	uint64_t now;
	double spent_s; /* in the responder */
	uint8_t out[IKECLIENT_MESSAGE_MAX];
};

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct ts_list prefix_of(const char *text)
{
	struct ip_prefix prefix;

	require(ip_prefix_parse(text, &prefix) == 0);
	return (struct ts_list){ 1, { ts_from_prefix(&prefix) } };
}

static struct id_body fqdn(const char *name)
{
	return (struct id_body){ ID_FQDN, { (const uint8_t *)name, strlen(name) } };
}

static struct bytes give(struct place *p, struct bytes message)
{
	double start = cpu_s();
	struct action a;
	size_t len = 0;

	responder_datagram(p->r, p->now, &p->path, message);
	while (responder_next_action(p->r, &a)) {
		if (a.type == ACTION_CHILD_ADD)
			responder_child_result(p->r, p->now, a.child_id, 0);
		else if (a.type == ACTION_SEND)
			memcpy(p->out, a.message.ptr, len = a.message.len);
	}
	p->spent_s += cpu_s() - start;
	return (struct bytes){ p->out, len };
}

static void make_office(struct place *p)
{
	const struct ticket_office_conf conf = { .lifetime_s = 28800, .used_max = 100000 };
	const struct ticket_key key = { .id = 1,
					.secret = { 7 },
					.not_before_s = UNIX_S,
					.not_after_s = UNIX_S + 1000000,
					.may_issue = true };
	struct ticket_ring ring = { .n = 0 };

	p->office = ticket_office_new(&conf);
	require(p->office != NULL && ticket_ring_add(&ring, &key) == 0);
	ticket_office_set_ring(p->office, &ring);
}

static void set_up(struct place *p, const char *suite)
{
	struct responder_conf conf = {
		.member = 7,
		.shards = 1,
		.id = fqdn("gw.example"),
		.n_suites = 1,
		.half_open_max = 1000,
		.cookie_above = 1000,
		.half_open_timeout_ms = 30000,
	};
	struct policy_peer alice = { .id = fqdn(ALICE),
				     .psk = { (const uint8_t *)PSK, sizeof(PSK) - 1 },
				     .connection = &p->connection };

	memset(p, 0, sizeof(*p));
	p->crypto = crypto_new();
	p->rng = rng_system();
	p->connection.name = "sites";
	p->connection.n_suites = 1;
	p->connection.local = prefix_of("10.1.0.0/25");
	p->connection.remote = prefix_of("10.1.0.128/25");
	require(p->crypto != NULL &&
		esp_suite_parse("aes256gcm16", &p->connection.suites[0]) == 0 &&
		ike_suite_parse(suite, &conf.suites[0]) == 0);
	p->policy = policy_new(&alice, 1);
	make_office(p);
	conf.tickets = p->office;
	p->r = responder_new(&conf, p->policy, p->crypto, &p->rng, NULL);
	require(p->policy != NULL && p->r != NULL);
	responder_set_time(p->r, 0, UNIX_S);
	require(endpoint_parse("192.0.2.21:4500", &p->path.local) == 0);
	require(endpoint_parse("192.0.2.101:4500", &p->path.remote) == 0);
}

static void tear_down(struct place *p)
{
	responder_free(p->r);
	policy_free(p->policy);
	ticket_office_free(p->office);
	crypto_free(p->crypto);
}

/* Seconds of the responder for a full handshake, and for the resumption behind it. */
static void run_once(struct place *p, const char *suite, double *full_s, double *resumed_s)
{
	struct ikeclient c;

	ikeclient_init(&c, p->crypto, &p->rng, suite, "aes256gcm16", ALICE, PSK);
	c.with_ticket_request = true;
	p->spent_s = 0;
	require(ikeclient_take_init(&c, give(p, ikeclient_init_request(&c))) == 0);
	require(ikeclient_take_auth(&c, give(p, ikeclient_auth_request(&c))) == 0);
	*full_s += p->spent_s;
	p->spent_s = 0;
	require(ikeclient_take_resume(&c, give(p, ikeclient_resume_request(&c))) == 0);
	require(ikeclient_take_auth(&c, give(p, ikeclient_auth_request(&c))) == 0);
	*resumed_s += p->spent_s;
	require(c.ticket_len > 0);
	ikeclient_free(&c);
	/* Old ones are freed, so that the table stays small. */
	p->now += 20000;
	responder_expire(p->r, p->now);
	give(p, (struct bytes){ NULL, 0 });
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void run_suite(const char *suite)
{
	double full[ROUNDS] = { 0 }, resumed[ROUNDS] = { 0 }, ratio[ROUNDS];
	struct place p;

	set_up(&p, suite);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < EXCHANGES; i++)
			run_once(&p, suite, &full[round], &resumed[round]);
		ratio[round] = resumed[round] / full[round];
	}
	tear_down(&p);
	qsort(full, ROUNDS, sizeof(double), compare);
	qsort(resumed, ROUNDS, sizeof(double), compare);
	qsort(ratio, ROUNDS, sizeof(double), compare);
	printf("%-32s full %7.1f us, resumed %7.1f us, ratio %.2f (%.2f to %.2f)\n", suite,
	       full[ROUNDS / 2] / EXCHANGES * 1e6, resumed[ROUNDS / 2] / EXCHANGES * 1e6,
	       ratio[ROUNDS / 2], ratio[0], ratio[ROUNDS - 1]);
}

int main(void)
{
	printf("processor time of a member per returning peer, median of %d rounds of %d\n", ROUNDS,
	       EXCHANGES);
	for (size_t i = 0; i < ALL_SUITES; i++)
		run_suite(suites[i]);
	return 0;
}
