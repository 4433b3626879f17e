/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CROWD_INTERNAL_H
#define TESTS_LIB_CROWD_INTERNAL_H

#include "tests/lib/crowd.h"

/* What the files of the crowd share and nobody else sees. */
#define CROWD_WEB "10.1.0.100"

/* 10.x.y.z of the peer: outer addresses begin with another octet. */
static inline struct ip address_of(uint8_t first, size_t number)
{
	return (struct ip){ IP_V4, { first, 64, (uint8_t)(number >> 8), (uint8_t)number } };
}

static inline struct id_body fqdn(const char *name)
{
	return (struct id_body){ ID_FQDN, { (const uint8_t *)name, strlen(name) } };
}

static inline bool has_nat(const struct crowd_peer *peer)
{
	return peer->number % CROWD_NAT_EVERY == 0;
}

/* ---- crowd_ends.c: gateway and peers, and the network between them ---- */
void crowd_drain_gateway(struct crowd *c);
void crowd_drain_peer(struct crowd_peer *peer);

/* What is planned for a peer is due. */
void crowd_carry_out(struct crowd *c, struct crowd_peer *peer);
void crowd_switch_off(struct crowd_peer *peer);
void crowd_take_at_gateway(struct crowd *c, const struct crowd_packet *packet);
void crowd_take_at_peer(struct crowd *c, const struct crowd_packet *packet);

/* One packet each way, through the tunnel. */
void crowd_exchange_packets(struct crowd *c, struct crowd_peer *peer);

/* For esp_set_each(); ctx: the crowd. */
void crowd_tell_usage(void *ctx, uint64_t id, const struct esp_stats *stats);

#endif
