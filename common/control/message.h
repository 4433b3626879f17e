/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_MESSAGE_H
#define CONTROL_MESSAGE_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/base/ip.h"
#include "common/base/text.h"
#include "common/control/message_tickets.h"

/*
 * The messages between director and agents as values: one struct per type, and the functions that
 * make a frame of one and one of a frame. docs/control-protocol.md describes them field by field.
 * What a message means, and whether its sender may send it, is for the callers to decide.
 *
 * Reading is strict about the fields that it knows and ignores the others, so that a newer minor
 * version can add some. Encoding refuses what decoding would refuse, with the same reason.
 *
 * A decoded message owns its texts and lists, all in one piece of memory that message_free() wipes
 * and gives back; take a copy of what has to live longer. A message to be encoded only borrows what
 * it points to, and needs no freeing.
 */
#define PROTO_MAJOR 1 /* has to be the other side's */
#define PROTO_MINOR 2

/* Integers are 0 to 2^53 - 1 unless said otherwise, so that every JSON library can hold them. */
#define MSG_INT_MAX (((uint64_t)1 << 53) - 1)

/*
 * Epochs begin at the seconds since 1970 and count orders. Whoever says that he has heard of one
 * that is beyond all that can be, and far beyond what is known here, is not believed: after it
 * there would soon be none left, for the whole cluster and for good.
 */
#define MSG_EPOCH_USUAL ((uint64_t)1 << 40)
#define MSG_EPOCH_LEAP  ((uint64_t)1 << 24)

static inline bool msg_epoch_is_credible(uint64_t epoch, uint64_t known)
{
	return epoch <= MSG_EPOCH_USUAL || epoch <= known || epoch - known <= MSG_EPOCH_LEAP;
}

#define MSG_TEXT_MAX       255 /* octets of identities and reasons */
#define MSG_ADDRESSES_MAX  64  /* addresses of a member */
#define MSG_RING_IDS_MAX   64  /* of hello */
#define MSG_MEMBERS_MAX    191 /* the highest member number */
#define MSG_COUNTERS_MAX   128
#define MSG_PEERS_MAX      256 /* entries of a peer frame; see message_fit_peers() */
#define MSG_INNER_MAX      32  /* inner prefixes of one peer */
#define MSG_NUMBER_MAX     191
#define MSG_SHARE_MAX      1000000 /* of a _ppm field: the whole */
#define MSG_REFERENCES_MAX 8       /* of a probe */
#define MSG_SAS_MAX        32      /* entries of a sas_part frame; see message_fit_sas() */
#define MSG_CHILDREN_MAX   48      /* Child SAs of one IKE SA, those on their way out included */
#define MSG_SELECTORS_MAX  16      /* of one side of a Child SA */

#define MESSAGE_TYPES(X)                \
	X(HELLO, "hello")               \
	X(WELCOME, "welcome")           \
	X(ERROR, "error")               \
	X(HEARTBEAT, "heartbeat")       \
	X(ACK, "ack")                   \
	X(REPORT, "report")             \
	X(PEER, "peer")                 \
	X(BYE, "bye")                   \
	X(OK, "ok")                     \
	X(CLAIM, "claim")               \
	X(CLAIMED, "claimed")           \
	X(REFUSED, "refused")           \
	X(RELEASE, "release")           \
	X(RELEASED, "released")         \
	X(PROBE, "probe")               \
	X(PROBE_RESULT, "probe_result") \
	X(GONE, "gone")                 \
	X(EVENT, "event")               \
	X(MEMBERS, "members")           \
	X(SAS, "sas")                   \
	X(SAS_PART, "sas_part")         \
	X(RING, "ring")                 \
	X(RING_OK, "ring_ok")           \
	X(REVOKE, "revoke")             \
	X(SUPERSEDED, "superseded")

#define MESSAGE_ENUMERATOR(name, text) MESSAGE_##name,
enum message_type {
	MESSAGE_TYPES(MESSAGE_ENUMERATOR)
	/* Received only: a type that this version does not know, to be answered with an error. */
	MESSAGE_UNKNOWN,
};
#undef MESSAGE_ENUMERATOR

/* How other machines are told that an address is here now. */
#define MSG_CLAIMS(X)     \
	X(L2, "l2")       \
	X(ROUTE, "route") \
	X(HOOK, "hook")   \
	X(NONE, "none")

/* What an agent says of itself. Every state but active asks for no new peers. */
#define MSG_STATES(X)           \
	X(STARTING, "starting") \
	X(ACTIVE, "active")     \
	X(DRAINING, "draining") \
	X(FAILED, "failed")

#define MSG_PEER_EVENTS(X) \
	X(UP, "up")        \
	X(MOVED, "moved")  \
	X(DOWN, "down")

/* How a peer came to its member. */
#define MSG_PEER_HOWS(X)                      \
	X(FULL, "full")                       \
	X(RESUMED, "resumed")                 \
	X(REDIRECTED_FROM, "redirected-from") \
	X(PUSHED, "pushed")

/* Whether something answered. UNKNOWN: it was not asked, or could not be. */
#define MSG_SEENS(X)  \
	X(NO, "no")   \
	X(YES, "yes") \
	X(UNKNOWN, "unknown")

#define CLAIM_ENUMERATOR(name, text) MSG_CLAIM_##name,
#define SEEN_ENUMERATOR(name, text)  MSG_SEEN_##name,
#define STATE_ENUMERATOR(name, text) MSG_STATE_##name,
#define EVENT_ENUMERATOR(name, text) MSG_PEER_##name,
#define HOW_ENUMERATOR(name, text)   MSG_HOW_##name,
enum msg_claim_kind {
	MSG_CLAIMS(CLAIM_ENUMERATOR)
};
enum msg_state {
	MSG_STATES(STATE_ENUMERATOR)
};
enum msg_seen {
	MSG_SEENS(SEEN_ENUMERATOR)
};
enum msg_peer_event {
	MSG_PEER_EVENTS(EVENT_ENUMERATOR)
};
enum msg_peer_how {
	MSG_PEER_HOWS(HOW_ENUMERATOR)
};
#undef CLAIM_ENUMERATOR
#undef STATE_ENUMERATOR
#undef EVENT_ENUMERATOR
#undef HOW_ENUMERATOR
#undef SEEN_ENUMERATOR

/* The texts of the tables above; "unknown" for other numbers. Never NULL. */
const char *message_type_name(enum message_type type);
const char *msg_claim_name(enum msg_claim_kind claim);
const char *msg_state_name(enum msg_state state);
const char *msg_peer_event_name(enum msg_peer_event event);
const char *msg_peer_how_name(enum msg_peer_how how);
const char *msg_seen_name(enum msg_seen seen);
const char *msg_revoked_name(enum msg_revoked revoked);

struct msg_proto {
	uint16_t major;
	uint16_t minor;
};

/* ---- agent to director: hello, the first frame of a connection ---- */
struct msg_address {
	struct ip address;
	const char *link; /* 1 to 15 visible ASCII characters, or NULL: on no link of its own */
	enum msg_claim_kind claim;
	bool held;      /* on an interface now */
	uint64_t epoch; /* of the order that put it there; 0: from the configuration */
};

struct msg_hello {
	struct msg_proto proto;
	const char *member;
	uint64_t boot_id;      /* not 0; drawn at every start of the agent */
	const char *version;   /* 1 to 63 octets of plain text */
	const char *dataplane; /* a name: "tun" */
	const struct msg_address *addresses;
	size_t n_addresses;
	uint64_t capacity;  /* IKE SAs that the member is sized for, at least 1 */
	uint64_t max_epoch; /* the highest that it has ever seen */
	/*
	 * Optional (family IP_NONE): where other members reach this one with probes and claim
	 * notices. The unspecified address stands for the one that the director sees it at.
	 */
	struct endpoint mesh;
	const char *const *ring_ids;
	size_t n_ring_ids;
};

/* ---- director to agent: welcome, the answer to hello ---- */
struct msg_member {
	const char *name;
	const struct ip *home;
	size_t n_home;
	struct endpoint escrow; /* optional: family IP_NONE */
	struct endpoint mesh;   /* optional: family IP_NONE */
	uint8_t number;         /* optional: 1 to MSG_NUMBER_MAX, of its SPIs; 0: not said */
	bool down;              /* optional, false: judged down, and not back */
};

struct msg_welcome {
	struct msg_proto proto;
	uint8_t number; /* 1 to MSG_NUMBER_MAX: the first octet of the member's SPIs */
	const char *cluster;
	uint64_t heartbeat_ms; /* 10 to 60,000 */
	uint64_t suspect_ms;   /* more than heartbeat_ms, up to 600,000 */
	uint64_t epoch;
	const struct msg_member *members;
	size_t n_members;
	const struct msg_key *ring; /* optional in version 1.0 */
	size_t n_ring;
	const struct msg_revocation *revocations; /* optional */
	size_t n_revocations;
};

/* ---- director to agent: members, when what welcome said of them has changed ---- */
struct msg_members {
	const struct msg_member *members; /* all of them, as in welcome */
	size_t n_members;
};

/* ---- either way: error, the answer to what could not be done ---- */
#define MSG_CODE_UNKNOWN_TYPE "unknown-type" /* no such message in this version */
#define MSG_CODE_BAD_MESSAGE  "bad-message"  /* a field is wrong; the connection ends */
#define MSG_CODE_PROTO        "proto"        /* another major version; the connection ends */
#define MSG_CODE_NOT_ALLOWED  "not-allowed"  /* not by this certificate, or not for this member */
#define MSG_CODE_BAD_STATE    "bad-state"    /* not now, e.g. before hello */

struct msg_error {
	const char *code; /* a name, one of the above or one that this version does not know */
	const char *of;   /* optional: the type of the message that this answers, or NULL */
	const char *why;  /* for people: 1 to MSG_TEXT_MAX octets of plain text */
};

/* ---- agent to director: heartbeat; director to agent: ack ---- */
struct msg_heartbeat {
	const char *member;
	uint64_t seq; /* from 1, strictly increasing as long as boot_id stays */
	uint64_t boot_id;
	uint32_t load_ppm; /* the one number of load, 0 to MSG_SHARE_MAX */
	uint64_t sas;      /* IKE SAs */
	uint64_t half_open;
	uint32_t cpu_ppm; /* of all cores */
	enum msg_state state;
};

struct msg_ack {
	uint64_t seq;
};

/* ---- agent to director: report, every few seconds ---- */
struct msg_load {
	uint32_t load_ppm;
	uint32_t cpu_ppm;
	uint64_t sas;
	uint64_t half_open;
	uint64_t capacity;
};

struct msg_traffic {
	uint64_t octets_in; /* totals since the agent started; in: from the peers */
	uint64_t octets_out;
	uint64_t packets_in;
	uint64_t packets_out;
};

struct msg_counter {
	const char *name; /* 1 to NAME_TEXT_MAX of a-z, 0-9, '-', '_' and '.' */
	uint64_t value;
};

struct msg_report {
	uint64_t interval_ms; /* that rates covers, 1 to 3,600,000 */
	struct msg_load load;
	const struct msg_counter *rates; /* what happened how often in the interval */
	size_t n_rates;
	struct msg_traffic traffic;
	const struct msg_counter *errors; /* drops and failures by reason, totals */
	size_t n_errors;
};

/* ---- agent to director: peer, what became of peers ---- */
struct msg_peer {
	enum msg_peer_event event;
	const char *identity;    /* as text, 1 to MSG_TEXT_MAX octets, plain: see text_clean() */
	uint64_t spi;            /* the member's SPI of the IKE SA, not 0 */
	uint64_t old_spi;        /* optional, moved: the SA that this one replaces; 0: none */
	struct endpoint address; /* the peer's; optional (IP_NONE) when down */
	const char *connection;  /* a name; optional (NULL) when down */
	const struct ip_prefix *inner;
	size_t n_inner;
	enum msg_peer_how how;
	struct ip from;       /* optional: what N(REDIRECTED_FROM) named */
	uint64_t since_ms;    /* age: how long ago the SA was set up */
	struct ip lease;      /* optional: the inner address that it was given */
	uint64_t supersedes;  /* optional, up: the gateway's SPI of the IKE SA in its ticket */
	bool initial_contact; /* optional: it says that it has no other IKE SA */
};

struct msg_peers {
	bool reset; /* forget what was known of this member's peers before; else optional, false */
	const struct msg_peer *entries;
	size_t n_entries;
};

/* ---- agent to director: bye, answered with ok ---- */
struct msg_bye {
	const char *reason; /* 1 to MSG_TEXT_MAX octets of plain text */
	const struct ip *released;
	size_t n_released;
};

/*
 * ---- director to agent: claim, answered with claimed or refused ----
 * Every order has an id, which its answer repeats, and may come twice.
 */
struct msg_claim {
	struct ip address;
	uint64_t epoch;   /* from 1 on */
	const char *from; /* optional: the member that had it, or NULL */
	bool force;       /* optional, false: although somebody still answers for it */
	uint8_t dead;     /* optional: the number of the member whose home it is, judged down */
};

struct msg_claimed {
	struct ip address;
	uint64_t epoch;
};

#define MSG_REFUSED_STALE      "stale-epoch"    /* lower than the highest seen for the address */
#define MSG_REFUSED_IN_USE     "in-use"         /* somebody answers for it on the link */
#define MSG_REFUSED_UNREACHED  "not-reached"    /* no next hop answers from that address */
#define MSG_REFUSED_UNKNOWN    "not-configured" /* no such address in the agent's configuration */
#define MSG_REFUSED_UNABLE     "not-able"       /* what it tracks is down, or it stops */
#define MSG_REFUSED_SUPERSEDED "superseded"     /* a newer claim came in between */
#define MSG_REFUSED_FAILED     "failed"         /* disk or kernel */
struct msg_refused {
	struct ip address;
	uint64_t epoch;     /* of the order */
	uint64_t max_epoch; /* the highest that the agent has seen */
	const char *code;   /* a name, one of the above or one that this version does not know */
	const char *why;
};

/* ---- director to agent: release, answered with released ---- */
struct msg_release {
	struct ip address;
	uint64_t epoch; /* of the order: what was claimed under this or an older one goes */
};

/* Without an id the agent let go of the address by itself. */
struct msg_released {
	struct ip address;
	uint64_t epoch; /* the highest that the agent has seen for it */
	const char *why;
};

/* ---- director to agent: probe, answered with probe_result ---- */
struct msg_probe {
	struct ip address;
	uint8_t number; /* of the member that is to have it */
	/* What must answer too, or the prober knows nothing: one of these members, or ... */
	const struct endpoint *references;
	size_t n_references;
	const struct ip *witnesses; /* ... one of these hosts on the link of the address */
	size_t n_witnesses;
};

struct msg_probe_result {
	struct ip address;
	enum msg_seen agent;     /* an agent answered, authenticated */
	uint64_t number;         /* which one, 1 to MSG_NUMBER_MAX; 0: none */
	enum msg_seen link;      /* a kernel answered by ARP or ND */
	enum msg_seen reference; /* no: what the others say means nothing */
};

/*
 * ---- keeper to director, as a datagram like a heartbeat's: gone ----
 * The agent has ended and everything it put into the kernel is taken out.
 */
struct msg_gone {
	const char *member;
	uint64_t boot_id;
};

/* ---- agent to director: event, for the history ---- */
struct msg_event {
	const char *what; /* lines: 1 to MSG_TEXT_MAX octets of plain text */
	const char *why;
};

/* ---- director to agent: sas, answered with sas_part: a page of the IKE SAs, by their SPIs ---- */
struct msg_sas {
	uint64_t cursor;  /* optional: those above this SPI only; 0: from the first on */
	uint64_t limit;   /* 1 to MSG_SAS_MAX */
	const char *peer; /* optional: of this identity only, or NULL */
};

/* Ages and terms ("in so many ms") are at least 1 where 0 would be no value: optional, 0. */
struct msg_child_sa {
	const char *id; /* a line: tells it from all others of the member */
	const char *state;
	const char *spi_in;    /* 8 hexadecimal digits */
	const char *spi_out;   /* the same; optional: not known yet */
	const char *esp;       /* optional: algorithms, as in proposals */
	bool initiator;        /* optional: the member asked for it */
	uint64_t installed_ms; /* optional: age */
	uint64_t octets_in, packets_in, octets_out, packets_out;
	uint64_t used_in_ms, used_out_ms; /* optional: age of the last packet; 0: never */
	uint64_t rekey_ms;                /* optional: rekeyed by the member in so many ms */
	uint64_t ends_ms;                 /* optional: deleted then if it is still there */
	const char *why; /* optional: why the one was rekeyed that it took the place of */
	const char *const *local;
	size_t n_local;
	const char *const *remote;
	size_t n_remote;
};

struct msg_sa {
	uint64_t spi;      /* the member's */
	uint64_t peer_spi; /* optional: not known yet */
	const char *state;
	uint64_t version;     /* major version of IKE */
	bool initiator;       /* optional: the member is the original initiator */
	const char *local_id; /* optional, like the next two: before authentication */
	const char *remote_id;
	const char *connection;
	struct endpoint local;
	struct endpoint remote;
	const char *ike;         /* optional: algorithms */
	uint64_t established_ms; /* optional: age */
	uint64_t heard_ms;       /* age of the last authentic sign of life */
	uint64_t rekey_ms;       /* optional, like the next: as of a Child SA */
	uint64_t ends_ms;
	const char *why;     /* optional: why it was rekeyed last */
	uint64_t rekeyed_ms; /* optional: age of that */
	uint64_t rekeys;     /* how often */
	bool nat_local;      /* optional, like the next two: a NAT is before the member */
	bool nat_remote;
	bool nat_forced;      /* the member claims a NAT, so that ESP is encapsulated */
	struct ip from;       /* optional: what N(REDIRECTED_FROM) named */
	const char *active;   /* optional: the member's request that waits for its answer */
	uint64_t queued;      /* requests behind it */
	uint64_t child_count; /* Child SAs; the list may have fewer, for want of room */
	const struct msg_child_sa *children;
	size_t n_children;
};

struct msg_sas_part {
	const struct msg_sa *entries;
	size_t n_entries;
	uint64_t next; /* optional: the cursor to go on with; 0: this was the last page */
};

struct message {
	enum message_type type;
	uint64_t id; /* 0: none; an answer repeats it */
	union {
		struct msg_hello hello;
		struct msg_welcome welcome;
		struct msg_error error;
		struct msg_heartbeat heartbeat;
		struct msg_ack ack;
		struct msg_report report;
		struct msg_peers peers;
		struct msg_bye bye;
		struct msg_claim claim;
		struct msg_claimed claimed;
		struct msg_refused refused;
		struct msg_release release;
		struct msg_released released;
		struct msg_probe probe;
		struct msg_probe_result probe_result;
		struct msg_gone gone;
		struct msg_event event;
		struct msg_members members;
		struct msg_sas sas;
		struct msg_sas_part sas_part;
		struct msg_ring ring;
		struct msg_ring_ok ring_ok;
		struct msg_revoke revoke;
		struct msg_superseded superseded;
		const char *unknown; /* MESSAGE_UNKNOWN: the type as received */
	};
	struct arena_chunk *memory; /* of a decoded message; private */
};

/*
 * A frame, with or without its line feed, to a message that the caller frees. A type that is not
 * known is no error but MESSAGE_UNKNOWN. Returns 0 or what frame_parse() refused, or
 *   ERR_MISSING      a field is not there
 *   ERR_VALUE        a field has the wrong type, or its value is out of range
 *   ERR_LIMIT        a list is too long
 *   ERR_UNSUPPORTED  proto is of another major version
 *   ERR_NO_MEMORY
 * and *why says which field: "hello.addresses[2].address: must be an IP address".
 */
MUST_USE int message_decode(struct bytes line, struct message *out, struct errtext *why);

/*
 * A message to a frame with its line feed in buf; FRAME_MAX octets are always enough. Returns 0 or
 * an error as message_decode() would, ERR_NO_SPACE, or ERR_TOO_LONG if it exceeds a frame.
 */
MUST_USE int message_encode(const struct message *m, uint8_t *buf, size_t cap, struct bytes *out,
			    struct errtext *why);

/* Gives back what a decoded message owns. m itself is the caller's; twice is fine. */
void message_free(struct message *m);

/*
 * How many of the first n entries fit in one peer frame: at least 1 if n is not 0. An entry that
 * cannot be encoded takes no room here: message_encode() names it.
 */
size_t message_fit_peers(const struct msg_peer *entries, size_t n);

/* The same for sas_part; 0 if even the first is too long: then it has to have fewer children. */
size_t message_fit_sas(const struct msg_sa *entries, size_t n);

/*
 * Whether they fit in a frame together with all else that a welcome holds: a fourth of it is
 * theirs. False if there are more than MSG_REVOCATIONS_MAX, too.
 */
bool message_fits_revocations(const struct msg_revocation *items, size_t n);

#endif
