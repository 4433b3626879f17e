/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CROWD_H
#define TESTS_LIB_CROWD_H

#include "common/base/timers.h"
#include "common/esp/esp.h"
#include "common/ikev2/initiator/internal.h"
#include "common/ikev2/responder/internal.h"

/*
 * A gateway and a crowd of peers, each with its real IKE core and its real ESP set, and a network
 * between them that loses, doubles, delays and reorders: hours of it under a clock of its own, all
 * from one seed. The gateway is wired as a shard of the agent is. Every eighth peer is behind a NAT
 * that gives it other ports whenever it likes. What fails here ends the test: include cmocka.h
 * first.
 */
#define CROWD_NAT_EVERY 8

enum crowd_plan {
	CROWD_REST,
	CROWD_CONNECT,
	CROWD_CONNECT_FIRST, /* with INITIAL_CONTACT */
	CROWD_VANISH,        /* without a word */
	CROWD_LEAVE,         /* with a Delete */
	CROWD_REBIND,        /* the NAT forgets it */
};

struct crowd;

struct crowd_peer {
	struct crowd *crowd;
	size_t number;
	char name[32];
	struct policy_connection connection;
	struct policy_peer gateway;
	struct endpoint inside, outside; /* before and behind the NAT, if there is one; port 500 */
	struct initiator *ike;           /* NULL: switched off */
	struct esp_set *esp;
	struct timer due; /* of its core */
	struct timer at;  /* of the plan */
	enum crowd_plan plan;
	uint64_t spi; /* of its IKE SA, 0: none */
};

struct crowd_packet {
	struct timer due;
	struct crowd_peer *peer;
	bool is_to_gateway;
	bool is_esp;
	struct path path; /* as the receiver sees it */
	size_t len;
	uint8_t octets[];
};

struct crowd_conf {
	size_t n_peers;
	uint64_t seed;
	uint32_t loss_ppm, double_ppm;
	uint32_t delay_min_ms, delay_max_ms;
	uint32_t traffic_ms; /* a packet each way each so often, for each peer */
};

struct crowd {
	struct crowd_conf conf;
	uint64_t now;
	struct crypto *crypto;
	struct rng_seeded seed;
	struct rng rng;
	struct policy_connection connection;
	struct policy *policy;
	struct responder_conf gateway_conf;
	struct initiator_conf peer_conf;
	struct endpoint address; /* of the gateway */
	struct responder *gateway;
	struct esp_set *esp;
	struct crowd_peer *peers;
	struct timers timers; /* of peers' cores, plans and packets; ordered by what is due */
	struct timers plans;
	struct timers packets;
	uint64_t traffic_due, usage_due;
	size_t traffic_next;
	uint64_t n_esp_ok, n_esp_homeless; /* at the gateway and at the peers */
};

void crowd_start(struct crowd *c, const struct crowd_conf *conf);
void crowd_stop(struct crowd *c);
void crowd_plan(struct crowd *c, struct crowd_peer *peer, uint64_t at_ms, enum crowd_plan plan);
void crowd_run(struct crowd *c, uint64_t until_ms);
uint64_t crowd_draw(struct crowd *c, uint64_t below);

/* One IKE SA and one Child SA for each peer at either end, nothing under way, nothing left over. */
bool crowd_is_quiet(const struct crowd *c);

#endif
