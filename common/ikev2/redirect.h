/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_REDIRECT_H
#define IKEV2_REDIRECT_H

#include "common/base/ip.h"
#include "common/ikev2/notify.h"

/*
 * Redirects in answer to IKE_SA_INIT (RFC 5685, 3) or IKE_SESSION_RESUME, as director and members
 * send them: what a request shows, and what the answer holds.
 */

/* All zero: nothing was shown. */
struct redirect_support {
	bool is_supported;
	bool is_redirected; /* it comes from another gateway */
	struct ip from;     /* that one; IP_NONE if it was told as a name */
};

/*
 * Takes in a notify of the request; others than REDIRECT_SUPPORTED and REDIRECTED_FROM mean
 * nothing. Peers that were redirected before send the latter only: it counts as support.
 */
void redirect_support_take(struct redirect_support *s, const struct notify *n);

/* Gateway type and length, address, nonce. */
#define REDIRECT_DATA_MAX (2 + 16 + 256)

/* The data of N(REDIRECT): to that address, with the nonce of the request. */
void redirect_encode_address(struct wr *w, const struct ip *to, struct bytes ni);

#endif
