/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_MSG_H
#define AGENT_KEEPER_MSG_H

#include "agent/keeper/keeper.h"

/*
 * What main and keeper say to each other over one SOCK_SEQPACKET socket: structs of fixed size,
 * one per datagram, host byte order (both ends are the same binary), no pointers. Requests name
 * configured things by index and are judged against the keeper's own copy of the configuration.
 */
#define KEEPER_MSG_VERSION 1

#define KEEPER_REQUESTS(X)   \
	X(PING, 1)           \
	X(ADDRESS_ADD, 2)    \
	X(ADDRESS_REMOVE, 3) \
	X(ROUTE_ADD, 4)      \
	X(ROUTE_REMOVE, 5)

#define KEEPER_ENUMERATOR(name, number) KEEPER_##name = (number),
enum keeper_request_type {
	KEEPER_REQUESTS(KEEPER_ENUMERATOR)
};

struct keeper_request {
	uint16_t version;
	uint16_t type;
	uint32_t id;             /* chosen by main, repeated in the answer */
	uint16_t index;          /* of an address or a connection */
	struct ip_prefix prefix; /* inner prefix, for routes */
	/*
	 * For routes: which arrival of the peer this is, a number of main's. A removal takes
	 * effect only if it names the arrival of the last addition, so that the late Delete of an
	 * old SA does not take the route from its successor.
	 */
	uint64_t arrival;
};

#define KEEPER_REPORTS(X)                                                    \
	X(PONG, 1)                                                           \
	X(ANSWER, 2)       /* to a request other than PING */                \
	X(ADDRESS_LOST, 3) /* the address of that index could not be kept */ \
	X(DROPPED, 4)      /* everything was removed: the host had been suspended */

enum keeper_report_type {
	KEEPER_REPORTS(KEEPER_ENUMERATOR)
};
#undef KEEPER_ENUMERATOR

struct keeper_report {
	uint16_t version;
	uint16_t type;
	uint32_t id;
	struct keeper_request request; /* of an ANSWER: the request it answers */
	uint16_t index;                /* of ADDRESS_LOST */
	int32_t result;                /* of an ANSWER: 0 or ERR_* */
	/* The reason of a refusal; with result 0 empty, or a warning to be shown. */
	char text[KEEPER_TEXT_MAX];
};

/* The name for logs, "UNKNOWN" for numbers outside the table. Never NULL. */
const char *keeper_request_name(uint16_t type);

/*
 * Judges a datagram by size, version and type. Returns 0 and the request or report, or ERR_VALUE.
 * Index and prefix of a request are as they came; text of a report is terminated.
 */
MUST_USE int keeper_request_decode(struct bytes datagram, struct keeper_request *out);
MUST_USE int keeper_report_decode(struct bytes datagram, struct keeper_report *out);

#endif
