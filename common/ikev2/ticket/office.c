/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/ticket/office.h"

#include <stdlib.h>

#define SHORTEST_S 60

struct ticket_office {
	struct ticket_office_conf conf;
	struct ticket_ring ring;
	struct revocations revoked;
	struct used_tickets *used;
};

const char *ticket_verdict_name(enum ticket_verdict v)
{
#define VERDICT_NAME(name, text) text,
	static const char *const names[] = { TICKET_VERDICTS(VERDICT_NAME) };
#undef VERDICT_NAME

	return v < TICKET_VERDICT_COUNT ? names[v] : "?";
}

struct ticket_office *ticket_office_new(const struct ticket_office_conf *conf)
{
	struct ticket_office *o;

	if (conf->lifetime_s < SHORTEST_S)
		return NULL;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return NULL;
	o->conf = *conf;
	o->used = used_tickets_new(conf->used_max);
	if (o->used == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

void ticket_office_free(struct ticket_office *o)
{
	if (o == NULL)
		return;
	ticket_ring_wipe(&o->ring);
	revocations_clear(&o->revoked);
	used_tickets_free(o->used);
	free(o);
}

void ticket_office_set_ring(struct ticket_office *o, const struct ticket_ring *ring)
{
	ticket_ring_wipe(&o->ring);
	o->ring = *ring;
}

int ticket_office_set_revocations(struct ticket_office *o, const struct revocation *items, size_t n)
{
	return revocations_set(&o->revoked, items, n);
}

int ticket_office_issue(struct ticket_office *o, struct crypto *c, const struct rng *rng,
			uint64_t now_s, uint64_t latest_s, struct ticket *t,
			uint8_t out[TICKET_MAX_SIZE], size_t *len)
{
	const struct ticket_key *key = ticket_ring_issuing(&o->ring, now_s);
	uint64_t expires_s = now_s + o->conf.lifetime_s;

	if (key == NULL)
		return ERR_NOT_FOUND;
	if (expires_s > key->not_after_s)
		expires_s = key->not_after_s;
	if (latest_s != 0 && expires_s > latest_s)
		expires_s = latest_s;
	if (expires_s < now_s + SHORTEST_S)
		return ERR_TIMEOUT;
	t->issued_s = now_s;
	t->expires_s = expires_s;
	return ticket_seal(c, rng, key, t, out, len);
}

static enum ticket_verdict judge_opened(const struct ticket_office *o, uint64_t now_s,
					const struct ticket *t)
{
	if (!ticket_is_in_time(t, now_s))
		return TICKET_EXPIRED;
	if (used_tickets_has(o->used, t->id))
		return TICKET_USED;
	if (revocations_cover(&o->revoked, t))
		return TICKET_REVOKED;
	return TICKET_GOOD;
}

enum ticket_verdict ticket_office_judge(const struct ticket_office *o, struct crypto *c,
					uint64_t now_s, struct bytes octets, struct ticket *out)
{
	const struct ticket_key *key;
	enum ticket_verdict v;
	uint64_t id;
	int err;

	if (ticket_key_id(octets, &id) != 0)
		return TICKET_MALFORMED;
	key = ticket_ring_find(&o->ring, id);
	if (key == NULL)
		return TICKET_UNKNOWN_KEY;
	/* A key that is not in force yet, or no longer: whoever sealed under it was wrong. */
	if (!ticket_key_is_in_force(key, now_s))
		return TICKET_EXPIRED;
	err = ticket_open(c, key, octets, out);
	if (err != 0)
		return err == ERR_AUTH || err == ERR_CRYPTO ? TICKET_FORGED : TICKET_MALFORMED;
	v = judge_opened(o, now_s, out);
	if (v != TICKET_GOOD)
		ticket_wipe(out);
	return v;
}

bool ticket_office_is_revoked(const struct ticket_office *o, const struct ticket *t)
{
	return revocations_cover(&o->revoked, t) || ticket_ring_find(&o->ring, t->key_id) == NULL;
}

bool ticket_office_spend(struct ticket_office *o, const struct ticket *t, uint64_t now_s)
{
	return used_tickets_add(o->used, t->id, t->expires_s, now_s);
}
