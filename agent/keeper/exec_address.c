/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <stdio.h>

/* Service addresses in the kernel and on their links. */

struct lookup {
	const struct ip *ip;
	uint32_t ifindex; /* 0: any */
	enum keeper_presence presence;
	uint32_t elsewhere;
};

static void look_at(void *ctx, const struct nlmsghdr *h)
{
	struct lookup *lookup = ctx;
	struct netlink_address a;

	if (netlink_msg_read_address(h, &a) != 0 || !ip_is_equal(&a.ip, lookup->ip))
		return;
	if (lookup->ifindex != 0 && a.ifindex != lookup->ifindex) {
		lookup->presence = KEEPER_PRESENCE_ELSEWHERE;
		lookup->elsewhere = a.ifindex;
	} else if (lookup->presence != KEEPER_PRESENCE_ELSEWHERE) {
		lookup->presence =
		    a.protocol == KEEPER_PROTOCOL ? KEEPER_PRESENCE_OURS : KEEPER_PRESENCE_FOREIGN;
	}
}

void exec_look_up(struct keeper_exec *exec, size_t index, struct keeper_result *result)
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct lookup lookup = { .ip = &address->ip };
	struct netlink_msg m;
	const char *link = keeper_address_link(address);
	char name[IFNAMSIZ];

	if (link[0] != '\0')
		result->err = exec_find_device(exec, link, &lookup.ifindex, result->text);
	if (result->err != 0)
		return;
	netlink_msg_address_dump(&m, address->ip.family);
	result->err = netlink_call(exec->nl, &m, look_at, &lookup, result->text, KEEPER_TEXT_MAX);
	result->presence = lookup.presence;
	if (result->err == 0 && lookup.presence == KEEPER_PRESENCE_ELSEWHERE)
		snprintf(result->text, KEEPER_TEXT_MAX, "%s",
			 if_indextoname(lookup.elsewhere, name) != NULL ? name : "another device");
}

static int describe_address(struct keeper_exec *exec, size_t index, struct netlink_address *out,
			    char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];

	*out = (struct netlink_address){
		.ip = address->ip,
		.protocol = KEEPER_PROTOCOL,
		.valid_s = KEEPER_VALID_S,
		.preferred_s = KEEPER_PREFERRED_S,
		.is_connected = address->claim == KEEPER_CLAIM_ROUTE,
	};
	return exec_find_device(exec, keeper_address_link(address), &out->ifindex, why);
}

/* From the first time on, what others say about an l2 address is heard. */
static int listen_for(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	bool was_listening = exec->is_listening[index];
	struct link link;
	int err;

	if (address->claim != KEEPER_CLAIM_L2)
		return 0;
	err = exec_find_link(exec, address->link, &link, why);
	if (err != 0)
		return err;
	exec->is_listening[index] = true;
	err = exec_listen(exec, address->link, &link, address->ip.family, why);
	if (!was_listening)
		exec_refilter(exec, address->link, address->ip.family);
	/* A renewal is worth more than the ears. */
	return was_listening ? 0 : err;
}

static void stop_listening_for(struct keeper_exec *exec, size_t index)
{
	const struct keeper_address *address = &exec->conf->addresses[index];

	if (!exec->is_listening[index] && !exec->is_verifying[index])
		return;
	exec->is_listening[index] = exec->is_verifying[index] = false;
	exec_refilter(exec, address->link, address->ip.family);
}

int exec_set_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	struct netlink_address address;
	struct netlink_msg m;
	int err = describe_address(exec, index, &address, why);

	if (err == 0)
		err = listen_for(exec, index, why);
	if (err != 0)
		return err;
	netlink_msg_address_set(&m, &address);
	err = exec_call(exec, &m, why);
	if (err == 0)
		why[0] = '\0';
	return err;
}

int exec_del_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	struct netlink_address address;
	struct netlink_msg m;
	int err = describe_address(exec, index, &address, why);

	stop_listening_for(exec, index);
	if (err != 0)
		return err;
	netlink_msg_address_del(&m, &address);
	return exec_call(exec, &m, why);
}

int exec_announce_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct link link;
	int err = exec_find_link(exec, address->link, &link, why);

	return err != 0 ? err : exec_announce(exec, &link, &address->ip, true, why);
}

/* ---- probes and next hops -------------------------------------------------- */

int exec_probe(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct link link;
	int err = exec_find_link(exec, address->link, &link, why);

	if (err == 0)
		err = exec_listen(exec, address->link, &link, address->ip.family, why);
	if (err != 0)
		return err;
	exec->is_listening[index] = true;
	exec_refilter(exec, address->link, address->ip.family);
	exec_set_group(exec, address->link, &address->ip, true);
	err = exec_send_probe(exec, &link, &address->ip, why);
	if (err != 0)
		exec_stop_probe(exec, index);
	return err;
}

void exec_stop_probe(struct keeper_exec *exec, size_t index)
{
	const struct keeper_address *address = &exec->conf->addresses[index];

	exec_set_group(exec, address->link, &address->ip, false);
	stop_listening_for(exec, index);
}

int exec_verify(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct link link;
	int err = exec_find_link(exec, address->link, &link, why);

	if (err != 0)
		return err;
	if (!exec->is_verifying[index]) {
		exec->is_verifying[index] = true;
		exec_refilter(exec, address->link, address->ip.family);
	}
	for (size_t i = 0; i < exec->conf->next_hop_count; i++) {
		const struct ip *hop = &exec->conf->next_hops[i];

		if (hop->family == address->ip.family &&
		    exec_send_question(exec, &link, &address->ip, hop, why) != 0)
			err = ERR_IO;
	}
	return err;
}

void exec_stop_verify(struct keeper_exec *exec, size_t index)
{
	const struct keeper_address *address = &exec->conf->addresses[index];

	exec->is_verifying[index] = false;
	exec_refilter(exec, address->link, address->ip.family);
}
