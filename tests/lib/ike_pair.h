/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IKE_PAIR_H
#define TESTS_IKE_PAIR_H

#include "common/ikev2/initiator/internal.h"
#include "common/ikev2/responder/internal.h"

/*
 * Two real ends, an initiator and a responder, and a link between them that loses, delays, doubles
 * and reorders as it is told: all from seeds, with a clock of its own. The data planes are models
 * that know which SA a packet leaves by and which it arrives at, and packets go both ways all the
 * time, so that a test can tell whether one was lost for another reason than the link. What fails
 * here ends the test: include cmocka.h first.
 */
#define PAIR_CHILDREN_MAX 64
#define PAIR_LINK_MAX     512
#define PAIR_PACKET_MAX   2048

enum pair_side {
	RESPONDER,
	INITIATOR,
};

/* A Child SA in a data plane. */
struct pair_child {
	uint64_t id;
	uint32_t spi_in, spi_out;
	uint8_t key_in[ENCR_KEY_MAX], key_out[ENCR_KEY_MAX];
	struct endpoint local, remote;
	struct ts_list ts_local, ts_remote;
	bool is_outbound;
	uint64_t order; /* the highest that may send does */
	uint64_t packets_in, packets_out;
};

struct pair_end {
	const uint64_t *now;
	bool is_responder;
	size_t n_children;
	struct pair_child children[PAIR_CHILDREN_MAX];
	uint64_t order;
	int n_up, n_down, n_failed, n_changed, n_keepalive;
	int n_sent;     /* IKE messages */
	size_t longest; /* of those behind IKE_SA_INIT */
	int n_tickets, n_gone;
	struct resumption ticket; /* that is held: ticket_len 0, none */
	struct peer_info peer;    /* of the last PEER_UP or PEER_CHANGED */
	enum ike_reason reason;
	uint16_t notify;
	uint64_t esp_sent, esp_received;
	uint64_t esp_homeless; /* arrived where no SA was for them */
	int data_plane_err;    /* answer to CHILD_ADD */
	bool is_slow;          /* it adds the Child SA, but does not say so */
};

struct pair_packet {
	uint64_t due_ms;
	enum pair_side to;
	struct path path; /* as the receiver sees it */
	bool is_esp;
	uint32_t spi;
	uint8_t key[ENCR_KEY_MAX];
	size_t len;
	uint8_t octets[PAIR_PACKET_MAX];
};

struct pair_link {
	uint32_t loss_ppm, double_ppm;
	uint32_t delay_min_ms, delay_max_ms;
	bool is_deaf[2]; /* what is sent to this end is lost */
	struct ip deaf;  /* nothing arrives at that address; IP_NONE: none is deaf */
	int drop_nth;    /* the nth IKE message from now on is lost; 0: none */
	int n_ike;
	size_t n;
	struct pair_packet packets[PAIR_LINK_MAX];
};

struct ike_pair {
	struct crypto *crypto;
	struct rng_seeded seed[3];
	struct rng rng[3];                      /* of either end, and of the link */
	struct policy_connection connection[2]; /* what either end may do */
	struct policy_peer gateway;             /* as the initiator sees it */
	struct policy *policy;
	struct responder_conf rconf;
	struct initiator_conf iconf;
	struct logger lg[2];
	struct ticket_office *office; /* of the cluster; NULL: no tickets */
	struct responder *r;
	struct initiator *i;
	struct path path; /* the initiator's */
	uint64_t now;
	uint64_t traffic_ms; /* a packet each way each so many ms; 0: none */
	uint64_t traffic_due;
	struct pair_end end[2];
	struct pair_link link;
};

/* Policy and configuration, to be changed before pair_open(). No liveness checks, no rekeying. */
void pair_start(struct ike_pair *p, uint64_t seed);
void pair_open(struct ike_pair *p);
void pair_stop(struct ike_pair *p);

void pair_connect(struct ike_pair *p);

/* The gateway gives and takes tickets, and has QCD tokens: between pair_start() and pair_open(). */
#define PAIR_UNIX_S   1764072000u
#define PAIR_TICKET_S 3600u
void pair_give_tickets(struct ike_pair *p);

/* Another gateway is there instead, which knows nothing of the IKE SAs of this one. */
void pair_replace_gateway(struct ike_pair *p);

/* Resumes with the ticket that the initiator was given last. */
void pair_resume(struct ike_pair *p);

/* Lets time pass. */
void pair_run(struct ike_pair *p, uint64_t ms);

/* A request of the gateway's newest IKE SA: this chain, sealed, as its next message. */
void pair_gateway_asks(struct ike_pair *p, uint8_t first, struct bytes chain);

/* pair_open(), pair_connect() and as much time as it takes. */
void pair_establish(struct ike_pair *p);

/* What an operator may want of an end; the newest IKE SA or Child SA. False: there is none. */
enum pair_op {
	OP_NONE,
	OP_REKEY_CHILD,
	OP_REKEY_IKE,
	OP_CREATE_CHILD,
	OP_DELETE_CHILD,
	OP_DELETE_IKE,
	OP_COUNT,
};
bool pair_do(struct ike_pair *p, enum pair_side side, enum pair_op op);
const char *pair_op_name(enum pair_op op);

/* As the shell does it, for who drains an end by hand. */
void pair_take_action(struct ike_pair *p, enum pair_side side, const struct action *a);
void pair_data_plane_lost(struct ike_pair *p, enum pair_side side, uint64_t child_id);

struct ike_core *pair_core(struct ike_pair *p, enum pair_side side);
size_t pair_count_sas(struct ike_pair *p, enum pair_side side); /* of whatever state */
size_t pair_count_established(struct ike_pair *p, enum pair_side side);

/*
 * Both ends have the same IKE SAs, and Child SAs that fit with each other: SPIs, keys crosswise,
 * selectors, and as many as they tell the shell of; and nothing else is left over.
 */
void pair_check(struct ike_pair *p);

/* All SAs in the test's output, for when a check fails. */
void pair_describe(struct ike_pair *p);

#endif
