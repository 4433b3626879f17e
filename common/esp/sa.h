/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_SA_H
#define ESP_SA_H

/* Out of memory must be an error that we return, not the end of the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/esp/esp.h"
#include "common/esp/flow.h"
#include "common/esp/replay.h"

/*
 * One Child SA inside a set, for the files of this folder and their tests: its keys, counters and
 * selectors. An idle SA is keys only; the cipher contexts, together three times as large as the
 * rest, are made when there is traffic.
 */
struct esp_sa;

/* A selector of the peer's side, as an entry of the outbound index. */
struct esp_rule {
	struct ts remote;
	struct esp_sa *sa;
	struct esp_bucket *bucket;    /* NULL: in the list of ranges, or not in an index */
	struct esp_rule *prev, *next; /* utlist, newest first */
};

struct esp_sa {
	uint64_t id;
	uint64_t serial;  /* order of adding or turning on: larger is newer */
	bool is_outbound; /* its rules are in the index */
	uint32_t spi_in, spi_out;
	const struct encr_alg *encr;
	uint8_t key_in[ENCR_KEY_MAX], key_out[ENCR_KEY_MAX];
	struct aead *opener, *sealer; /* NULL until needed */
	struct endpoint local, remote;
	struct replay replay;
	struct esp_stats stats;
	UT_hash_handle by_id, by_spi;
	size_t n_local, n_rules;
	struct ts *local_ts;
	struct esp_rule rules[];
};

/* ERR_VALUE: an SPI below 256, keys of the wrong size, no selectors; ERR_NO_MEMORY. */
MUST_USE int sa_new(const struct esp_child *child, uint64_t serial, struct esp_sa **out);
void sa_wipe(struct esp_sa *sa); /* frees what it points at, zeroes all of it */
void sa_free(struct esp_sa *sa); /* wipes; NULL is fine */

/* True if a packet from the peer may carry this flow: remote has its source, local its destination.
 */
bool sa_is_inbound(const struct esp_sa *sa, const struct flow *flow);

/* True if a rule lets this flow out: remote has its destination, local its source. */
bool sa_is_outbound(const struct esp_rule *rule, const struct flow *flow);

/* The contexts, made from the kept keys where there are none. ERR_CRYPTO, ERR_NO_MEMORY. */
MUST_USE int sa_open_with(struct esp_sa *sa, struct crypto *crypto, struct aead **out);
MUST_USE int sa_seal_with(struct esp_sa *sa, struct crypto *crypto, struct aead **out);

/* Drops contexts whose direction carried nothing since before_ms; returns how many. */
size_t sa_trim(struct esp_sa *sa, uint64_t before_ms);

#endif
