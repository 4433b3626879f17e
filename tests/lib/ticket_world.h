/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TICKET_WORLD_H
#define TESTS_TICKET_WORLD_H

#include "tests/lib/ike_world.h"

/*
 * A member of a cluster with tickets (RFC 5723): the world's responder with an office of its own
 * and the cluster's key. What fails here ends the test: include cmocka.h first.
 */
#define MEMBER_UNIX_S     1764072000u
#define MEMBER_LIFETIME_S 3600u

struct member {
	struct world w;
	struct ticket_office *office;
};

extern const struct id_body member_gateway; /* who all members are to peers */

/* Its client asks for tickets. */
void member_start(struct member *m);
void member_stop(struct member *m);

/* The same cluster, another member: nothing of the first is known to it but the keys. */
void member_move_on(struct member *m);

/* IKE SAs of whatever state. */
size_t member_count_sas(const struct world *w);

/* The client shows the ticket that it holds: what the responder answers. And all of it, up to
 * PEER_UP. */
struct bytes member_show_ticket(struct world *w);
void member_resume(struct world *w);

#endif
