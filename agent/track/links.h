/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TRACK_LINKS_H
#define AGENT_TRACK_LINKS_H

#include <net/if.h>
#include <uv.h>

#include "agent/track/track.h"
#include "common/base/errtext.h"

/*
 * The state of network interfaces, as the kernel tells it without being asked again (rtnetlink).
 * Needs no privileges.
 */
struct links;

/* is_up: it is there, up and has its carrier. why if not; borrowed until the call returns. */
typedef void (*links_fn)(void *ctx, size_t index, bool is_up, const char *why);

/*
 * Tells the state of each name soon after, and each change. names are copied. Returns 0,
 * ERR_NO_MEMORY, or ERR_IO with the reason in why.
 */
MUST_USE int links_open(uv_loop_t *loop, const char *const *names, size_t n, links_fn on_link,
			void *ctx, struct links **out, struct errtext *why);

/* Nothing is told any more; memory is freed by the loop. NULL is fine. */
void links_close(struct links *l);

/* ---- netlink messages, pure; for links.c and its tests ---- */

enum link_news_kind {
	LINK_STATE,
	LINK_GONE,
	LINK_DUMPED, /* all that there are have been told */
	LINK_FAILED, /* the kernel could not tell them all */
};

struct link_news {
	enum link_news_kind kind;
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool is_up, is_running;
};

/* All that a datagram of the kernel says about interfaces. */
void links_parse(struct bytes datagram, void (*visit)(void *ctx, const struct link_news *news),
		 void *ctx);

/* What was learned of an interface, by name. */
struct link_state {
	char name[IFNAMSIZ];
	uint32_t ifindex; /* 0: not there */
	bool is_up, is_running;
	bool is_seen; /* in the dump under way */
};

/* Returns true if the state of this one has changed, or is told for the first time. */
bool link_state_take(struct link_state *s, const struct link_news *news);

#endif
