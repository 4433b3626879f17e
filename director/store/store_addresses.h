/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_ADDRESSES_H
#define DIRECTOR_STORE_ADDRESSES_H

#include "common/base/ip.h"
#include "common/base/text.h"
#include "director/store/store.h"

/*
 * Which member owns which service address, and under which epoch: what a director knows of its
 * cluster when it starts. Every change is one transaction, on the disk when its function returns 0;
 * after an error nothing has changed.
 */
struct store_address {
	struct ip ip;
	char owner[NAME_TEXT_MAX + 1]; /* the member's name; "": nobody ever */
	uint64_t epoch;                /* 0: none ever */
	bool is_manual;                /* an administrator put it there */
};

/*
 * Records a under a new epoch, as store_next_epoch() makes it, and not under a->epoch. ERR_LIMIT as
 * there.
 */
MUST_USE int store_address_order(struct store *s, const struct store_address *a, uint64_t at_least,
				 uint64_t *epoch);

/*
 * Records a under a->epoch, which a member has brought along: no new epoch will be one that is not
 * higher. ERR_VALUE beyond STORE_EPOCH_MAX.
 */
MUST_USE int store_address_adopt(struct store *s, const struct store_address *a);

/*
 * Several of either kind in one transaction, which costs the disk as much as one: all of it counts,
 * or nothing. Orders get the epochs, which grow from one to the next, in .address.
 */
struct store_change {
	struct store_address address;
	bool is_adopted;   /* as store_address_adopt() */
	uint64_t at_least; /* as store_address_order() */
};

MUST_USE int store_addresses_change(struct store *s, struct store_change *changes, size_t n);

/* Every address that was ever recorded. visit's argument is borrowed until it returns. */
MUST_USE int store_addresses_read(const struct store *s,
				  void (*visit)(void *ctx, const struct store_address *a),
				  void *ctx);

/* Whether failover is paused; not in a new store. */
MUST_USE int store_paused(const struct store *s, bool *out);
MUST_USE int store_set_paused(struct store *s, bool is_paused);

#endif
