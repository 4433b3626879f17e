/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_ESP_WIRE_H
#define TESTS_LIB_ESP_WIRE_H

#include "tests/lib/esp_pair.h"

/* For the cmocka tests of ESP: a pair as their state, and packets between its sets. */
#define WIRE_MAX 2048
#define WIRE_NOW 5000 /* ms, when everything here happens */

int wire_setup(void **state); /* *state: a struct esp_pair */
int wire_teardown(void **state);
#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, wire_setup, wire_teardown)

/* Fails the test with both names if the verdicts differ. */
void wire_expect(const char *what, enum esp_verdict got, enum esp_verdict want);

struct wire {
	size_t len;
	uint8_t octets[WIRE_MAX];
};

/* Sends an inner packet; the length is 0 unless ESP_OK. */
enum esp_verdict wire_send(struct esp_set *from, struct bytes inner, struct wire *w);

/*
 * Receives a copy of exactly len octets into a buffer of exactly as many, from the pair's peer:
 * ASan sees any excess.
 */
enum esp_verdict wire_take_octets(struct esp_set *to, const uint8_t *octets, size_t len);
enum esp_verdict wire_take(struct esp_set *to, const struct wire *w);

/* A packet of 100 octets from the peer to the web server. */
struct wire wire_from_peer(const struct esp_pair *p, uint8_t seed);

#endif
