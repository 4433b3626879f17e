/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <stdlib.h>

/* Listed at a time; the list is asked for again while it was full. */
#define BATCH 1024

struct batch {
	const struct keeper_conf *conf;
	size_t count;
	union {
		struct netlink_address address;
		struct netlink_route route;
		struct netlink_proxy proxy;
	} items[BATCH];
};

static bool is_configured(const struct keeper_conf *conf, const struct ip *ip)
{
	for (size_t i = 0; i < conf->address_count; i++) {
		if (ip_is_equal(&conf->addresses[i].ip, ip))
			return true;
	}
	return false;
}

static void take_address(void *ctx, const struct nlmsghdr *h)
{
	struct batch *batch = ctx;
	struct netlink_address a;

	if (batch->count < BATCH && netlink_msg_read_address(h, &a) == 0 &&
	    a.protocol == KEEPER_PROTOCOL && is_configured(batch->conf, &a.ip))
		batch->items[batch->count++].address = a;
}

static void take_route(void *ctx, const struct nlmsghdr *h)
{
	struct batch *batch = ctx;
	struct netlink_route r;

	if (batch->count < BATCH && netlink_msg_read_route(h, &r) == 0 &&
	    r.protocol == KEEPER_PROTOCOL)
		batch->items[batch->count++].route = r;
}

static void take_proxy(void *ctx, const struct nlmsghdr *h)
{
	struct batch *batch = ctx;
	struct netlink_proxy p;

	if (batch->count < BATCH && netlink_msg_read_proxy(h, &p) == 0 &&
	    p.protocol == KEEPER_PROTOCOL)
		batch->items[batch->count++].proxy = p;
}

enum kind {
	ADDRESSES,
	ROUTES,
	PROXIES,
};

static const char *const kind_names[] = { "address", "route", "proxy neighbour" };

static int list(struct keeper_exec *exec, enum kind kind, uint8_t family, struct batch *batch,
		char why[KEEPER_TEXT_MAX])
{
	void (*take)(void *ctx, const struct nlmsghdr *h) = take_address;
	struct netlink_msg m;

	batch->count = 0;
	if (kind == ADDRESSES) {
		netlink_msg_address_dump(&m, family);
	} else if (kind == ROUTES) {
		netlink_msg_route_dump(&m, family, KEEPER_PROTOCOL);
		take = take_route;
	} else {
		netlink_msg_proxy_dump(&m, family);
		take = take_proxy;
	}
	return netlink_call(exec->nl, &m, take, batch, why, KEEPER_TEXT_MAX);
}

/* Returns whether it is gone. */
static bool remove_one(struct keeper_exec *exec, const struct logger *lg, enum kind kind,
		       const struct batch *batch, size_t i)
{
	char text[PREFIX_TEXT_MAX], why[KEEPER_TEXT_MAX];
	struct netlink_msg m;
	int err;

	if (kind == ADDRESSES) {
		netlink_msg_address_del(&m, &batch->items[i].address);
		ip_format(&batch->items[i].address.ip, text);
	} else if (kind == ROUTES) {
		netlink_msg_route_del(&m, &batch->items[i].route);
		ip_prefix_format(&batch->items[i].route.prefix, text);
	} else {
		netlink_msg_proxy_del(&m, &batch->items[i].proxy);
		ip_format(&batch->items[i].proxy.ip, text);
	}
	err = netlink_call(exec->nl, &m, NULL, NULL, why, sizeof(why));
	if (err == 0)
		log_warn(lg, LG_KEEPER, "removed the %s %s that an earlier keeper left behind",
			 kind_names[kind], text);
	else
		log_error(lg, LG_KEEPER, "the left-over %s %s stays: %s", kind_names[kind], text,
			  why);
	return err == 0;
}

/* Again while something went away and there may be more. */
static void clean_kind(struct keeper_exec *exec, const struct logger *lg, enum kind kind,
		       uint8_t family, struct batch *batch)
{
	char why[KEEPER_TEXT_MAX];
	size_t gone;

	do {
		gone = 0;
		if (list(exec, kind, family, batch, why) != 0) {
			log_error(lg, LG_KEEPER, "listing each %s of ours: %s", kind_names[kind],
				  why);
			return;
		}
		for (size_t i = 0; i < batch->count; i++)
			gone += remove_one(exec, lg, kind, batch, i) ? 1 : 0;
	} while (batch->count == BATCH && gone > 0);
}

void keeper_exec_clean(struct keeper_exec *exec, const struct logger *lg)
{
	static const uint8_t families[] = { IP_V4, IP_V6 };
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL) {
		log_error(lg, LG_KEEPER, "cleaning up: out of memory");
		return;
	}
	batch->conf = exec->conf;
	for (size_t i = 0; i < sizeof(families); i++) {
		clean_kind(exec, lg, ADDRESSES, families[i], batch);
		clean_kind(exec, lg, PROXIES, families[i], batch);
		clean_kind(exec, lg, ROUTES, families[i], batch);
	}
	free(batch);
}
