/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/redirect.h"

void redirect_support_take(struct redirect_support *s, const struct notify *n)
{
	struct gateway gw;

	if (n->type == NOTIFY_REDIRECT_SUPPORTED)
		s->is_supported = true;
	if (n->type != NOTIFY_REDIRECTED_FROM ||
	    redirect_decode(n->data, (struct bytes){ NULL, 0 }, &gw) != 0)
		return;
	s->is_supported = true;
	s->is_redirected = true;
	/* Also from a name: only the address stays unknown. */
	if (gw.type != GATEWAY_FQDN && ip_from_bytes(gw.id, &s->from) != 0)
		s->from = (struct ip){ .family = IP_NONE };
}

void redirect_encode_address(struct wr *w, const struct ip *to, struct bytes ni)
{
	const struct gateway gw = { to->family == IP_V6 ? GATEWAY_IPV6 : GATEWAY_IPV4,
				    ip_bytes(to) };

	redirect_encode(w, &gw, ni);
}
