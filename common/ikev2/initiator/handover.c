/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <inttypes.h>

/*
 * An established SA is sent elsewhere by its gateway (RFC 5685, 5). Make before break: a new SA
 * begins there, with the ticket if there is one, and the old one is deleted when that is up. Until
 * then, and if nothing comes of it, all stays as it is.
 */

static void refuse(struct initiator *i, const struct ike_sa *sa, const char *why)
{
	count(&i->core, COUNT_HANDOVER_FAILED);
	log_warn(i->core.lg, LG_IKE, "%016" PRIx64 " stays at its gateway, which sends it away: %s",
		 sa->own_spi, why);
}

void handover_begin(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		    const struct gateway *gw)
{
	struct kept *kept = kept_of(sa);
	struct origin origin = { .peer = sa->peer,
				 .ref = sa->ref,
				 .from = sa->path.remote.ip,
				 .replaces = sa->own_spi };
	bool has_ticket = kept != NULL && kept->ticket != NULL;
	struct path path;

	if (kept == NULL || kept->handover != 0)
		return; /* one at a time */
	if (gw->type != GATEWAY_FQDN && bytes_is_equal(gw->id, ip_bytes(&sa->path.remote.ip))) {
		refuse(i, sa, "to where it is");
		return;
	}
	if (!redirect_is_possible(&kept->trail, now_ms, gw, &path)) {
		refuse(i, sa, ike_reason_text(REASON_REDIRECTS));
		return;
	}
	count(&i->core, COUNT_FOLLOWED);
	origin.trail = &kept->trail;
	origin.ticket = &kept->ticket;
	if (attempt_begin(i, now_ms, &origin, &path) != 0)
		refuse(i, sa, "cannot begin");
	else if (has_ticket && kept->ticket == NULL)
		action_ticket(&i->core, sa, NULL);
}

void handover_done(struct initiator *i, uint64_t replaces, uint64_t now_ms)
{
	const struct ike_sa *old = ike_sa_find(&i->core, replaces);

	if (old == NULL || kept_of(old) == NULL)
		return;
	kept_of(old)->handover = 0;
	count(&i->core, COUNT_HANDOVER);
	core_delete_ike(&i->core, now_ms, replaces, REASON_REDIRECTED);
}

bool handover_failed(struct initiator *i, const struct ike_sa *sa)
{
	const struct attempt *a = attempt_of(sa);
	const struct ike_sa *old = a->replaces != 0 ? ike_sa_find(&i->core, a->replaces) : NULL;

	if (old == NULL || old->state != SA_ESTABLISHED || kept_of(old) == NULL)
		return false;
	kept_of(old)->handover = 0;
	kept_of(old)->trail = a->trail;
	refuse(i, old, "nothing comes of the new one");
	return true;
}
