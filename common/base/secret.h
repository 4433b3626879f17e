/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "common/base/bytes.h"

/*
 * Key material in place: fixed capacity, wiped when its owner lets go of it, never logged. The
 * capacity holds the largest prf output (64), the largest cipher key with salt (36) and the largest
 * Diffie-Hellman secret (512 octets, MODP-4096).
 */
#define SECRET_MAX 512

struct secret {
	size_t len;
	uint8_t data[SECRET_MAX];
};

/* A smaller one for what is kept per SA: keys, not Diffie-Hellman secrets. */
#define KEY_MAX 64

struct key {
	size_t len;
	uint8_t data[KEY_MAX];
};

void secret_wipe(struct secret *s);
void key_wipe(struct key *k);

/* Wipes any memory; the compiler cannot remove it. */
void wipe(void *ptr, size_t len);

/* Compares in a time that depends on the lengths only. For tags, cookies, AUTH data, tokens. */
bool secret_is_equal(struct bytes a, struct bytes b);

static inline struct bytes secret_bytes(const struct secret *s)
{
	return (struct bytes){ s->data, s->len };
}

static inline struct bytes key_bytes(const struct key *k)
{
	return (struct bytes){ k->data, k->len };
}

/* For locals: the value is wiped on every way out of the block. */
#define AUTO_SECRET __attribute__((cleanup(secret_wipe))) struct secret
#define AUTO_KEY    __attribute__((cleanup(key_wipe))) struct key

#endif
