/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_PEERS_H
#define DIRECTOR_PEERS_H

#include "common/control/message.h"
#include "director/placement/placement.h"

/*
 * Which peers the members say they have: a pure table by (member, SPI) and by identity, for status,
 * and to tell a member when its peer has an IKE SA elsewhere instead. Bounded per member; owns
 * copies of everything. Members are indices below PLACEMENT_MAX_MEMBERS.
 */
#define PEERS_MAX_PER_MEMBER 200000

struct peer {
	size_t member; /* index in the registry */
	uint64_t spi;  /* the member's */
	char *identity;
	char *connection;
	struct endpoint address;
	struct ip_prefix *inner;
	size_t n_inner;
	enum msg_peer_how how;
	struct ip from;       /* IP_NONE if how is not redirected-from */
	uint64_t up_since_ms; /* the director's monotonic time */
};

struct peers;

struct peers *peers_new(void); /* NULL when out of memory */
void peers_free(struct peers *p);

/*
 * An entry of a peer message. ERR_LIMIT, ERR_NO_MEMORY: the entry is as it was before. A down of an
 * unknown peer is fine.
 */
MUST_USE int peers_update(struct peers *p, uint64_t now_ms, size_t member,
			  const struct msg_peer *entry);

/* The member starts over, or left. */
void peers_forget_member(struct peers *p, size_t member);

size_t peers_count(const struct peers *p, size_t member);
size_t peers_count_all(const struct peers *p);

/*
 * The SAs at other members in whose place the one of this entry is, by what the entry says: that
 * with the SPI .supersedes, now or before rekeys, at the member owner (PEERS_NOBODY: there is none
 * with that number), and with .initial_contact all of the identity. Only those that are older.
 * visit as in peers_each(), but that it may take the peer that it is shown out of the table.
 */
#define PEERS_NOBODY SIZE_MAX
void peers_superseded(const struct peers *p, uint64_t now_ms, size_t member,
		      const struct msg_peer *entry, size_t owner,
		      void (*visit)(void *ctx, const struct peer *peer), void *ctx);

/* By member, and for each in the order in which they came. visit must not change the table. */
void peers_each(const struct peers *p, void (*visit)(void *ctx, const struct peer *peer),
		void *ctx);

#endif
