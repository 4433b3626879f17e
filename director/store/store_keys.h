/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_KEYS_H
#define DIRECTOR_STORE_KEYS_H

#include "common/base/secret.h"
#include "common/base/text.h"
#include "director/store/store.h"

/*
 * The keys of the cluster, which members are told when they are welcomed. Whoever can read the
 * store has them: it is its owner's alone, and what is deleted from it is overwritten.
 */
struct store_key {
	char id[NAME_TEXT_MAX + 1];
	struct key key;
};

/*
 * The key of what members send each other (probes, claim notices): drawn when it is first asked
 * for, then always the same. The caller wipes it. ERR_CRYPTO if there is no randomness.
 */
#define STORE_NOTICE_KEY_SIZE 32
MUST_USE int store_notice_key(struct store *s, struct store_key *out);

#endif
