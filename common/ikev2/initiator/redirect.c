/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

/*
 * Following a redirect (RFC 5685, 3, 6): a new IKE SA begins at the gateway that was named. Not
 * more than INITIATOR_REDIRECTS in INITIATOR_REDIRECT_PERIOD_MS: gateways may send us round in
 * circles.
 */

/* Room for one more, and this one noted. */
static bool is_within_limit(struct trail *t, uint64_t now_ms)
{
	size_t kept = 0;

	for (size_t k = 0; k < t->n; k++) {
		if (now_ms - t->redirected_ms[k] < INITIATOR_REDIRECT_PERIOD_MS)
			t->redirected_ms[kept++] = t->redirected_ms[k];
	}
	t->n = kept;
	if (kept == INITIATOR_REDIRECTS)
		return false;
	t->redirected_ms[t->n++] = now_ms;
	return true;
}

bool redirect_is_possible(struct trail *trail, uint64_t now_ms, const struct gateway *gw,
			  struct path *out)
{
	*out = trail->first_path;
	/* A name is for somebody to resolve who can: not here. */
	return gw->type != GATEWAY_FQDN && ip_from_bytes(gw->id, &out->remote.ip) == 0 &&
	       is_within_limit(trail, now_ms);
}

void redirect_follow(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		     const struct gateway *gw)
{
	struct attempt *a = attempt_of(sa);
	struct origin origin;
	struct path path;

	if (!redirect_is_possible(&a->trail, now_ms, gw, &path)) {
		attempt_fail(i, sa, REASON_REDIRECTS, NOTIFY_REDIRECT);
		return;
	}
	count(&i->core, COUNT_FOLLOWED);
	/* A ticket that was refused here was not used: it goes along. */
	origin = attempt_origin(sa, true);
	origin.ticket = &a->ticket;
	if (attempt_begin(i, now_ms, &origin, &path) != 0)
		attempt_fail(i, sa, REASON_STOPPED, NOTIFY_REDIRECT);
	else
		ike_sa_free(&i->core, sa);
}
