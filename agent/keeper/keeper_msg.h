/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_MSG_H
#define AGENT_KEEPER_MSG_H

#include "agent/keeper/keeper.h"

/*
 * What main and keeper say to each other over one SOCK_SEQPACKET socket: structs of fixed size,
 * one per datagram, host byte order (both ends are the same binary), no pointers. Requests name
 * configured things by index and are judged against the keeper's own copy of the configuration.
 */
#define KEEPER_MSG_VERSION 2

#define KEEPER_REQUESTS(X)   \
	X(PING, 1)           \
	X(ADDRESS_ADD, 2)    \
	X(ADDRESS_REMOVE, 3) \
	X(ROUTE_ADD, 4)      \
	X(ROUTE_REMOVE, 5)   \
	X(ASK, 6)            \
	X(LAST_WORDS, 7) /* a struct of its own, see below */

#define KEEPER_ENUMERATOR(name, number) KEEPER_##name = (number),
enum keeper_request_type {
	KEEPER_REQUESTS(KEEPER_ENUMERATOR)
};

struct keeper_request {
	uint16_t version;
	uint16_t type;
	uint32_t id;    /* chosen by main, repeated in the answer */
	uint16_t index; /* of an address or a connection; of ASK: whose link */
	/*
	 * For ADDRESS_ADD. force: not 0 if nobody is asked whether the address is in use. epoch: of
	 * the order, for the log and the hook, which gets it for the release too.
	 */
	uint8_t force;
	uint64_t epoch;
	/* For ASK: whom to ask for on the link, by ARP or a Neighbor Solicitation. */
	struct ip target;
	struct ip_prefix prefix; /* inner prefix, for routes */
	/*
	 * For routes: which arrival of the peer this is, a number of main's. A removal takes
	 * effect only if it names the arrival of the last addition, so that the late Delete of an
	 * old SA does not take the route from its successor.
	 */
	uint64_t arrival;
};

/*
 * What the keeper says when main is dead and every address is gone: a datagram that main has made
 * in advance, sent three times. The newest counts, of length 0 none. Never answered. Told from a
 * request by its size.
 */
struct keeper_last_words {
	uint16_t version;
	uint16_t type; /* KEEPER_LAST_WORDS */
	uint16_t len;
	struct endpoint to;
	uint8_t octets[KEEPER_LAST_WORDS_MAX];
};

#define KEEPER_REPORTS(X)                                                            \
	X(PONG, 1)                                                                   \
	X(ANSWER, 2)       /* to a request other than PING */                        \
	X(ADDRESS_LOST, 3) /* the address of that index could not be kept */         \
	X(DROPPED, 4)      /* everything was removed: the host had been suspended */ \
	X(CONFLICT, 5)     /* somebody else says that he has an address that is held here */

enum keeper_report_type {
	KEEPER_REPORTS(KEEPER_ENUMERATOR)
};
#undef KEEPER_ENUMERATOR

struct keeper_report {
	uint16_t version;
	uint16_t type;
	uint32_t id;
	struct keeper_request request; /* of an ANSWER: the request it answers */
	uint16_t index;                /* of ADDRESS_LOST and CONFLICT */
	/*
	 * Of an ANSWER: 0 or ERR_*. To ADDRESS_ADD, among others: ERR_EXISTS, somebody has it;
	 * ERR_TIMEOUT, no next hop answers it; ERR_IO, the kernel or the hook refuses. To ASK:
	 * ERR_UNSUPPORTED, there is no link to ask on; ERR_LIMIT, too many at a time.
	 */
	int32_t result;
	uint8_t is_there; /* of an ANSWER to ASK with result 0: somebody answered */
	uint32_t count;   /* of a CONFLICT: frames since the last report, this one included */
	/*
	 * The reason of a refusal; with result 0 empty, or a warning to be shown. Of ASK and
	 * CONFLICT the MAC address, or "here" if the address asked for is on this host.
	 */
	char text[KEEPER_TEXT_MAX];
};

/* The name for logs, "UNKNOWN" for numbers outside the table. Never NULL. */
const char *keeper_request_name(uint16_t type);

/*
 * Judges a datagram by size, version and type. Returns 0 and the request or report, or ERR_VALUE.
 * Index, prefix and target of a request are as they came; text of a report is terminated. The
 * length of last words is within bounds and they have somewhere to go.
 */
MUST_USE int keeper_request_decode(struct bytes datagram, struct keeper_request *out);
MUST_USE int keeper_last_words_decode(struct bytes datagram, struct keeper_last_words *out);
MUST_USE int keeper_report_decode(struct bytes datagram, struct keeper_report *out);

#endif
