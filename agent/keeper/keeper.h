/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_H
#define AGENT_KEEPER_H

#include <net/if.h>
#include <sys/types.h>

#include "common/base/ip.h"
#include "common/base/log.h"

/*
 * The keeper: the agent's second process, the only one with CAP_NET_ADMIN and CAP_NET_RAW. It puts
 * service addresses, routes and proxy neighbours into the kernel, announces them, and takes them
 * away at once when the main process ends or falls silent.
 *
 * This header is what the agent needs to start it: a bounded copy of the configuration, and the
 * fork. What main then says is in keeper_msg.h, how it says it in keeper_client.h.
 */

/* Marks what is ours in the kernel: IFA_PROTO, route protocol and NDA_PROTOCOL alike. */
#define KEEPER_PROTOCOL 87

/* Times, in milliseconds where not said otherwise. */
#define KEEPER_PING_MS        50   /* main says something at least this often */
#define KEEPER_SILENCE_MS     200  /* so much silence of main ends everything */
#define KEEPER_SUSPENDED_MS   1500 /* an own gap of more than this: the host was suspended */
#define KEEPER_VALID_S        3    /* kernel lifetime of a service address */
#define KEEPER_PREFERRED_S    2
#define KEEPER_RENEW_MS       1000
#define KEEPER_RENEW_RETRY_MS 250
#define KEEPER_RENEW_LOST_MS  2000  /* without a renewal for so long: given up */
#define KEEPER_PROBE_MS       80    /* wait for an answer to the probe, and to an ask */
#define KEEPER_VERIFY_MS      400   /* wait for a next hop to answer the claimed address */
#define KEEPER_CONFLICT_MS    1000  /* between reports of, and answers to, conflicts */
#define KEEPER_HOOK_MS        10000 /* a claim hook that takes longer is killed */
#define KEEPER_HOOK_END_MS    2000  /* that long the release hooks may take at the end */
#define KEEPER_REANNOUNCE_MS  500   /* second announcement of an inner address */

/* Limits. */
#define KEEPER_ADDRESSES_MAX   64
#define KEEPER_CONNECTIONS_MAX 256
#define KEEPER_PREFIXES_MAX    32
#define KEEPER_PROXIES_MAX     256 /* addresses of one proxied prefix */
#define KEEPER_ROUTES_MAX      65536
#define KEEPER_NEXT_HOPS_MAX   8
#define KEEPER_ASKS_MAX        64 /* under way at a time */
#define KEEPER_PATH_MAX        256
#define KEEPER_LAST_WORDS_MAX  512
#define KEEPER_TEXT_MAX        192

enum keeper_claim {
	KEEPER_CLAIM_L2,    /* add the address, announce it on the link */
	KEEPER_CLAIM_NONE,  /* the operator put it there; only look */
	KEEPER_CLAIM_ROUTE, /* add the address to lo; a routing daemon spreads it */
	KEEPER_CLAIM_HOOK,  /* add the address to its link or lo; a script spreads it */
};

enum keeper_inside {
	KEEPER_INSIDE_PROXY_ARP, /* answer for inner addresses on an inside link */
	KEEPER_INSIDE_ROUTE,     /* kernel route with a metric, for routing daemons */
};

struct keeper_address {
	struct ip ip;
	enum keeper_claim claim;
	/*
	 * Empty with KEEPER_CLAIM_ROUTE. May be empty with KEEPER_CLAIM_NONE: any link; and with
	 * KEEPER_CLAIM_HOOK: lo.
	 */
	char link[IFNAMSIZ];
};

struct keeper_connection {
	enum keeper_inside inside;
	char link[IFNAMSIZ]; /* of the inside; only for proxy-arp */
	uint32_t metric;     /* of the route; 0: the kernel's default */
	size_t remote_ts_count;
	struct ip_prefix remote_ts[KEEPER_PREFIXES_MAX]; /* inner prefixes lie inside these */
};

/*
 * No pointers: the child keeps a copy of the value. Requests name addresses and connections by
 * their index here. Some 150 KB, so rather static than on a stack.
 */
struct keeper_conf {
	size_t address_count;
	struct keeper_address addresses[KEEPER_ADDRESSES_MAX];
	size_t connection_count;
	struct keeper_connection connections[KEEPER_CONNECTIONS_MAX];
	/*
	 * Neighbours on the links of the addresses. One of those of its family has to answer a
	 * claimed address (KEEPER_CLAIM_L2); with none there, nobody is asked.
	 */
	size_t next_hop_count;
	struct ip next_hops[KEEPER_NEXT_HOPS_MAX];
	/* With KEEPER_CLAIM_HOOK: an absolute path. Run as hook claim|release ADDRESS EPOCH. */
	char hook[KEEPER_PATH_MAX];
	/* Held by the keeper for as long as it lives, see keeper_lock.h; empty: none. */
	char lock[KEEPER_PATH_MAX];
	char tun[IFNAMSIZ];  /* device that routes point at; may appear after the start */
	uint32_t routes_max; /* prefixes at a time, at most KEEPER_ROUTES_MAX; 0: that many */
	uid_t uid; /* the keeper runs as this user; 0: stays root, with two capabilities */
	gid_t gid;
	enum log_level log_level;
};

/* Returns 0, or ERR_CONFIG and a sentence in why. */
MUST_USE int keeper_conf_check(const struct keeper_conf *conf, char why[KEEPER_TEXT_MAX]);

/*
 * The link that an address is to be on: "lo" with KEEPER_CLAIM_ROUTE, and with KEEPER_CLAIM_HOOK if
 * it has none. Empty: any. Borrowed.
 */
const char *keeper_address_link(const struct keeper_address *address);

struct keeper_process {
	int fd;    /* main's end of the socket: non-blocking, closed on exec, owned by the caller */
	pid_t pid; /* for the log; the keeper ends by itself when fd is closed */
};

/*
 * Checks conf and forks the keeper. To be called by main while it is root, before it starts threads
 * or an event loop and before it reads secrets. In the child this never returns. An earlier keeper
 * that is still there is waited for, and killed if it does not end (up to KEEPER_LOCK_WAIT_MS);
 * then this one removes what that left behind.
 *
 * Returns 0, ERR_CONFIG or ERR_IO, with a sentence in why. What goes wrong in the child later is
 * logged there and seen here as the end of fd.
 */
MUST_USE int keeper_start(const struct keeper_conf *conf, struct keeper_process *out,
			  char why[KEEPER_TEXT_MAX]);

#endif
