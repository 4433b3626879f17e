/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/ticket/ring.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/bytes.h"

#define ID_DIGITS 16

int ticket_ring_add(struct ticket_ring *r, const struct ticket_key *key)
{
	if (key->not_after_s <= key->not_before_s)
		return ERR_VALUE;
	if (ticket_ring_find(r, key->id) != NULL)
		return ERR_EXISTS;
	if (r->n == TICKET_RING_MAX)
		return ERR_LIMIT;
	r->keys[r->n++] = *key;
	return 0;
}

const struct ticket_key *ticket_ring_find(const struct ticket_ring *r, uint64_t id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->keys[i].id == id)
			return &r->keys[i];
	}
	return NULL;
}

bool ticket_key_is_in_force(const struct ticket_key *key, uint64_t now_s)
{
	return now_s + TICKET_SKEW_S >= key->not_before_s && now_s < key->not_after_s;
}

const struct ticket_key *ticket_ring_issuing(const struct ticket_ring *r, uint64_t now_s)
{
	const struct ticket_key *best = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct ticket_key *k = &r->keys[i];

		if (k->may_issue && now_s >= k->not_before_s && now_s < k->not_after_s &&
		    (best == NULL || k->not_after_s > best->not_after_s))
			best = k;
	}
	return best;
}

void ticket_ring_wipe(struct ticket_ring *r)
{
	wipe(r, sizeof(*r));
}

const char *ticket_key_name(uint64_t id, char out[TICKET_KEY_NAME_LEN + 1])
{
	snprintf(out, TICKET_KEY_NAME_LEN + 1, TICKET_KEY_NAME "%016" PRIx64, id);
	return out;
}

int ticket_key_parse(const char *name, uint64_t *id)
{
	const size_t prefix = sizeof(TICKET_KEY_NAME) - 1;
	uint64_t value = 0;

	if (strncmp(name, TICKET_KEY_NAME, prefix) != 0 || strlen(name) != prefix + ID_DIGITS)
		return ERR_VALUE;
	for (const char *p = name + prefix; *p != '\0'; p++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = strchr(digits, *p);

		if (d == NULL)
			return ERR_VALUE;
		value = value << 4 | (uint64_t)(d - digits);
	}
	*id = value;
	return 0;
}
