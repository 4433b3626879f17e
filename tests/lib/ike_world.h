/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IKE_WORLD_H
#define TESTS_IKE_WORLD_H

#include "common/ikev2/responder/responder.h"
#include "tests/lib/ikeclient.h"

/*
 * A responder with two peers and the test initiator, without network and with a clock of our own.
 * What fails here ends the test: include cmocka.h first.
 */
#define IKE_SUITE   "aes256gcm16-prfsha256-x25519"
#define ESP_SUITE   "aes256gcm16"
#define ALICE       "alice.example"
#define ALICE_PSK   "correct horse battery"
#define BOB         "bob.example"
#define HALF_OPEN_S 30000
#define DPD_MS      60000
#define LINGER_MAX  20000

struct world {
	struct crypto *crypto;
	struct rng_seeded seed;
	struct rng rng;
	struct policy_connection connection;
	struct policy *policy;
	struct responder_conf conf;
	struct responder *r;
	struct ikeclient c;
	struct path path;
	uint64_t now;
	int child_err; /* what the data plane answers to CHILD_ADD */
	bool is_slow;  /* it does not answer at all */

	/* what came out since the last world_collect() */
	uint8_t sent[IKECLIENT_MESSAGE_MAX];
	size_t sent_len;
	struct path sent_path;
	int n_sent, n_add, n_remove, n_move, n_outbound, n_keepalive, n_up, n_changed, n_down;
	bool is_outbound;
	uint64_t child_id;
	struct esp_child child;
	uint8_t key_in[ENCR_KEY_MAX], key_out[ENCR_KEY_MAX];
	struct peer_info peer;
	enum ike_reason reason;
	uint64_t closed_spi;
};

void world_start(struct world *w);
void world_stop(struct world *w);

/* With w->conf as it is now; nothing that was there before is. */
void world_restart(struct world *w);

/* Another initiator instead of w->c. */
void world_new_client(struct world *w, const char *id, const char *psk);

/* Counts and keeps what came out of the responder, and answers CHILD_ADD. */
void world_collect(struct world *w);

/* Hands a message to the responder and takes the one answer, if any. */
struct bytes world_give(struct world *w, struct bytes message);
void world_expire(struct world *w, uint64_t ms);

/* HDR, SAi1, KEi, Ni, N+ -->  <-- HDR, SAr1, KEr, Nr, N+ */
void world_init(struct world *w);

/* HDR, SK {IDi, AUTH, SAi2, TSi, TSr} -->  <-- HDR, SK {IDr, AUTH, SAr2, TSi, TSr} */
void world_establish(struct world *w);

uint64_t world_counter(const struct world *w, enum ike_counter which);
struct ts_list world_prefix(const char *text);

#endif
