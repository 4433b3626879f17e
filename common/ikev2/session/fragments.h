/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_FRAGMENTS_H
#define IKEV2_SESSION_FRAGMENTS_H

#include "common/ikev2/session/ike_sa.h"
#include "common/ikev2/sk.h"

/*
 * Fragmentation (RFC 7383): messages with SK that do not fit the configured datagram are sent as
 * several with SKF, each of the same size but the last; and what comes in such pieces is put
 * together again. What is kept of a message that is not complete is bounded for each SA, in total
 * and in time: before IKE_AUTH anybody who did a key exchange can send pieces.
 */
#define FRAGMENTS_MAX      32 /* of one message; Windows sends up to 29 */
#define REASSEMBLY_MAX     (32 * 1024)
#define REASSEMBLY_MS      15000
#define REASSEMBLY_ALL_MAX (2 * 1024 * 1024)

/* The pieces of one message, in one direction of one SA. */
struct reassembly {
	struct ike_sa *sa;
	bool is_response;
	uint32_t mid;
	uint16_t total;
	uint16_t n;
	uint8_t first; /* type of the first payload inside; fragment 1 says it */
	size_t octets;
	struct stored parts[FRAGMENTS_MAX];
	struct timer timer;
};

/* The plain size of a fragment for datagrams of that size, IP header and marker included. */
size_t fragment_content_size(const struct ike_core *c, const struct ike_sa *sa);

/*
 * A fragment that is authentic and of the message that is due. True if that completes it: the
 * content of all is in c->plain then, a view of it in *chain, and its first payload in *first.
 */
bool fragments_add(struct ike_core *c, struct ike_sa *sa, const struct ike_header *h,
		   const struct fragment *f, struct bytes *chain, uint8_t *first);

/* The message is complete, or no longer of interest. */
void fragments_forget(struct ike_core *c, struct ike_sa *sa, bool is_response);
uint64_t fragments_next_expiry(const struct ike_core *c);
void fragments_expire(struct ike_core *c, uint64_t now_ms);

#endif
