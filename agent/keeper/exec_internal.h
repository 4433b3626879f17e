/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_EXEC_INTERNAL_H
#define AGENT_KEEPER_EXEC_INTERNAL_H

#include "agent/keeper/fence.h"
#include "agent/keeper/frame.h"
#include "agent/keeper/keeper_exec.h"
#include "agent/keeper/keeper_routes.h"

/*
 * What the files of the executor share: keeper_exec.c (life, actions), exec_link.c (devices, frames
 * that are sent), exec_ear.c (frames that are read), exec_address.c, exec_ask.c, exec_route.c,
 * exec_hook.c, exec_fence.c and exec_clean.c (leftovers). For them only.
 */
struct link {
	uint32_t ifindex;
	uint8_t mac[FRAME_MAC_SIZE];
};

#define EARS_MAX (2 * KEEPER_ADDRESSES_MAX)

struct ear {
	int fd; /* -1: none */
	uint8_t family;
	char link[IFNAMSIZ];
	uint32_t ifindex;
	uint8_t mac[FRAME_MAC_SIZE]; /* our own */
};

struct exec_ask {
	size_t index;
	struct ip ip; /* IP_NONE: the slot is free */
};

struct exec_hook {
	pid_t pid; /* 0: none runs */
	int pidfd;
	int output;
};

#define KILLED_MAX (2 * KEEPER_ADDRESSES_MAX)

struct keeper_exec {
	const struct keeper_conf *conf;
	struct netlink *nl;
	int packet_fd; /* AF_PACKET, sends only */
	int udp_fd[2]; /* for the last words: IPv4, IPv6; -1: none */
	/* What is listened for: the address, with answers of next hops to it; asks. */
	bool is_listening[KEEPER_ADDRESSES_MAX];
	bool is_verifying[KEEPER_ADDRESSES_MAX];
	struct exec_ask asks[KEEPER_ASKS_MAX];
	size_t ear_count;
	struct ear ears[EARS_MAX];
	struct exec_hook hooks[KEEPER_ADDRESSES_MAX];
	size_t killed_count;
	pid_t killed[KILLED_MAX];
	struct mnl_socket *nft;
	uint32_t nft_seq;
	bool is_fenced[FENCES];
};

/* Functions that return an int: 0 or ERR_*, and why. */

/* keeper_exec.c */
int exec_call(struct keeper_exec *exec, struct netlink_msg *m, char why[KEEPER_TEXT_MAX]);

/* exec_link.c: ERR_NOT_FOUND, ERR_UNSUPPORTED (not Ethernet) or ERR_IO. */
MUST_USE int exec_find_device(const struct keeper_exec *exec, const char *name, uint32_t *ifindex,
			      char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_find_link(const struct keeper_exec *exec, const char *name, struct link *out,
			    char why[KEEPER_TEXT_MAX]);

/* One round of announcements; is_thorough: ARP in both forms. ERR_IO and why. */
MUST_USE int exec_announce(const struct keeper_exec *exec, const struct link *link,
			   const struct ip *ip, bool is_thorough, char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_send_probe(const struct keeper_exec *exec, const struct link *link,
			     const struct ip *ip, char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_send_question(const struct keeper_exec *exec, const struct link *link,
				const struct ip *sender, const struct ip *target,
				char why[KEEPER_TEXT_MAX]);

/*
 * exec_ear.c. listen: the ear of that link is open from now on. refilter: what it is for has
 * changed. set_group: hear solicitations for an address that is not here.
 */
MUST_USE int exec_listen(struct keeper_exec *exec, const char *name, const struct link *link,
			 uint8_t family, char why[KEEPER_TEXT_MAX]);
void exec_refilter(struct keeper_exec *exec, const char *link, uint8_t family);
void exec_set_group(struct keeper_exec *exec, const char *link, const struct ip *ip, bool is_in);
void exec_close_ears(struct keeper_exec *exec);

/* exec_address.c */
void exec_look_up(struct keeper_exec *exec, size_t index, struct keeper_result *result);
MUST_USE int exec_set_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_del_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_announce_address(struct keeper_exec *exec, size_t index,
				   char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_probe(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX]);
void exec_stop_probe(struct keeper_exec *exec, size_t index);
MUST_USE int exec_verify(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX]);
void exec_stop_verify(struct keeper_exec *exec, size_t index);

/* exec_ask.c */
void exec_start_ask(struct keeper_exec *exec, const struct keeper_action *action,
		    struct keeper_result *result);
void exec_stop_ask(struct keeper_exec *exec, const struct keeper_action *action);

/* exec_route.c */
MUST_USE int exec_set_route(struct keeper_exec *exec, const struct keeper_core *core,
			    const struct keeper_action *action, char text[KEEPER_TEXT_MAX]);
MUST_USE int exec_del_route(struct keeper_exec *exec, const struct keeper_core *core,
			    const struct keeper_action *action, char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_announce_route(struct keeper_exec *exec, const struct keeper_action *action,
				 char why[KEEPER_TEXT_MAX]);

/* exec_hook.c. start kills the one that still runs for the address. */
MUST_USE int exec_start_hook(struct keeper_exec *exec, const struct keeper_action *action,
			     char why[KEEPER_TEXT_MAX]);
void exec_kill_hook(struct keeper_exec *exec, size_t index);

/* exec_fence.c */
MUST_USE int exec_keep_fences(struct keeper_exec *exec, char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_remove_fences(struct keeper_exec *exec, const struct keeper_action *action,
				char why[KEEPER_TEXT_MAX]);

#endif
