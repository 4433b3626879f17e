/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_FENCE_H
#define AGENT_FENCE_H

#include "agent/keeper/keeper.h"
#include "agent/keeper/nft_msg.h"

/*
 * The fences: packet filter rules that hold when nobody is left to take anything away. As pure
 * functions that write batches.
 *
 * SOURCE: when an IPv6 address goes, the kernel goes on sending from the sockets that are bound to
 * it. What leaves with a service address that is not local as its source is dropped; for IPv4 too,
 * where it costs nothing.
 *
 * INSIDE: proxied neighbours have no lifetime. Answers (ARP replies, neighbour advertisements) for
 * inner addresses, those inside the remote-ts of a connection with proxy-arp, are dropped unless
 * the keeper said within KEEPER_VALID_S that it lives: there is an element in the set "alive" that
 * expires. The host's own addresses are spared.
 */
enum fence {
	FENCE_SOURCE_V4,
	FENCE_SOURCE_V6,
	FENCE_INSIDE_V4,
	FENCE_INSIDE_V6,
	FENCES,
};

/* Every batch for any configuration fits. */
#define FENCE_BATCH_MAX (1 << 20)

#define FENCE_OWN_MAX 256

/* For the log. */
const char *fence_name(enum fence fence);
bool fence_is_inside(enum fence fence);
uint8_t fence_family(enum fence fence); /* enum ip_family */

/* True if the configuration has something to be fenced. */
bool fence_is_needed(const struct keeper_conf *conf, enum fence fence);

/* True if the fence drops answers for that address. */
bool fence_has(const struct keeper_conf *conf, enum fence fence, const struct ip *ip);

/*
 * Batches: in place of whatever is there; that the keeper lives, which fails unless it is there;
 * away with it. own: addresses of the host, for INSIDE. conf must need the fence.
 */
void fence_install(struct nft_batch *b, enum fence fence, const struct keeper_conf *conf,
		   const struct ip *own, size_t own_count);
void fence_keep(struct nft_batch *b, enum fence fence, const struct keeper_conf *conf,
		const struct ip *own, size_t own_count);
void fence_remove(struct nft_batch *b, enum fence fence);

/*
 * The ranges that the proxied prefixes of a family make up, in order, not touching one another; at
 * most cap. Returns how many.
 */
size_t fence_ranges(const struct keeper_conf *conf, uint8_t family, struct ip_range *out,
		    size_t cap);

#endif
