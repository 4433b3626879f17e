/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/fragments.h"

#include <stddef.h>
#include <stdlib.h>

#define UDP_HEADER_SIZE  8
#define MARKER_SIZE      4 /* always counted: the size must not change with the port */
#define IPV4_HEADER_SIZE 20
#define IPV6_HEADER_SIZE 40
#define SKF_OVERHEAD     (4 + 4 + AEAD_IV_SIZE + 1) /* generic header, numbers, IV, pad length */

size_t fragment_content_size(const struct ike_core *c, const struct ike_sa *sa)
{
	size_t ip =
	    sa->path.remote.ip.family == IP_V6 ? IPV6_HEADER_SIZE : (size_t)IPV4_HEADER_SIZE;

	return c->conf.fragment_size - ip - UDP_HEADER_SIZE - MARKER_SIZE - IKE_HEADER_SIZE -
	       SKF_OVERHEAD - sa->suite.encr->icv_size;
}

static void drop_parts(struct ike_core *c, struct reassembly *r)
{
	for (size_t i = 0; i < FRAGMENTS_MAX; i++) {
		if (r->parts[i].ptr != NULL)
			wipe(r->parts[i].ptr, r->parts[i].len);
		stored_free(&r->parts[i]);
	}
	c->fragment_octets -= r->octets;
	r->octets = 0;
	r->n = 0;
}

void fragments_forget(struct ike_core *c, struct ike_sa *sa, bool is_response)
{
	struct reassembly *r = sa->reassembly[is_response];

	if (r == NULL)
		return;
	drop_parts(c, r);
	timers_clear(&c->fragment_timers, &r->timer);
	free(r);
	sa->reassembly[is_response] = NULL;
}

static struct reassembly *reassembly_of(struct timer *timer)
{
	return (struct reassembly *)(void *)((char *)timer - offsetof(struct reassembly, timer));
}

uint64_t fragments_next_expiry(const struct ike_core *c)
{
	const struct timer *first = timers_first(&c->fragment_timers);

	return first != NULL ? first->due_ms : NO_TIME;
}

static void forget_oldest(struct ike_core *c)
{
	struct reassembly *r = reassembly_of(timers_first(&c->fragment_timers));

	fragments_forget(c, r->sa, r->is_response);
}

void fragments_expire(struct ike_core *c, uint64_t now_ms)
{
	while (fragments_next_expiry(c) <= now_ms) {
		count(c, COUNT_DROP_FRAGMENT);
		forget_oldest(c);
	}
}

static struct reassembly *begin(struct ike_core *c, struct ike_sa *sa, const struct ike_header *h)
{
	bool is_response = ike_header_is_response(h);
	struct reassembly *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct reassembly){ .sa = sa, .is_response = is_response, .mid = h->message_id };
	if (timers_set(&c->fragment_timers, &r->timer, c->now_ms + REASSEMBLY_MS) != 0) {
		free(r);
		return NULL;
	}
	sa->reassembly[is_response] = r;
	return r;
}

/* The one that this fragment belongs to, as new as it has to be; NULL: no memory. */
static struct reassembly *find(struct ike_core *c, struct ike_sa *sa, const struct ike_header *h)
{
	bool is_response = ike_header_is_response(h);
	struct reassembly *r = sa->reassembly[is_response];

	if (r != NULL && r->mid != h->message_id) {
		fragments_forget(c, sa, is_response);
		r = NULL;
	}
	return r != NULL ? r : begin(c, sa, h);
}

/* RFC 7383, 2.6: of two ways to cut it the one with more pieces counts, the newer one. */
static bool is_wanted(struct ike_core *c, struct reassembly *r, const struct skf *at)
{
	if (at->total > FRAGMENTS_MAX || at->total < r->total)
		return false;
	if (at->total > r->total) {
		drop_parts(c, r);
		r->total = at->total;
	}
	return r->parts[at->number - 1].ptr == NULL;
}

static bool store(struct ike_core *c, struct reassembly *r, const struct fragment *f)
{
	if (r->octets + f->content.len > REASSEMBLY_MAX ||
	    stored_set(&r->parts[f->at.number - 1], f->content) != 0)
		return false;
	r->octets += f->content.len;
	c->fragment_octets += f->content.len;
	r->n++;
	if (f->at.number == 1)
		r->first = f->first;
	return true;
}

/* Honest ones are complete in a moment: the oldest has waited longest for nothing. */
static void make_room(struct ike_core *c, const struct reassembly *r)
{
	while (c->fragment_octets > REASSEMBLY_ALL_MAX &&
	       reassembly_of(timers_first(&c->fragment_timers)) != r)
		forget_oldest(c);
}

static struct bytes join(struct ike_core *c, const struct reassembly *r)
{
	size_t len = 0;

	for (size_t i = 0; i < r->total; i++) {
		if (r->parts[i].len > 0)
			memcpy(c->plain + len, r->parts[i].ptr, r->parts[i].len);
		len += r->parts[i].len;
	}
	return (struct bytes){ c->plain, len };
}

bool fragments_add(struct ike_core *c, struct ike_sa *sa, const struct ike_header *h,
		   const struct fragment *f, struct bytes *chain, uint8_t *first)
{
	struct reassembly *r = find(c, sa, h);

	if (r == NULL || !is_wanted(c, r, &f->at) || !store(c, r, f)) {
		count(c, COUNT_DROP_FRAGMENT);
		return false;
	}
	count(c, COUNT_FRAGMENT);
	make_room(c, r);
	if (r->n < r->total)
		return false;
	*chain = join(c, r);
	*first = r->first;
	fragments_forget(c, sa, ike_header_is_response(h));
	return true;
}
