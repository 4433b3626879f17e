/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Ears: one socket per link and family, opened when it is first needed and then kept, since closing
 * a packet socket may take tens of milliseconds. What wakes the keeper is up to a filter that is
 * made anew whenever what is waited for changes: frames that name one of those addresses.
 */

#define FRAME_READ_MAX 1536 /* ARP has padding, ND options; what is longer is cut */

/* Our addresses, next hops, asks, on one link; two comparisons each, of two instructions. */
#define WANTED_MAX  (KEEPER_ADDRESSES_MAX + KEEPER_NEXT_HOPS_MAX + KEEPER_ASKS_MAX)
#define PROGRAM_MAX (4 * WANTED_MAX + 16)

/* ---- the filter ------------------------------------------------------------ */

struct wanted {
	size_t count;
	uint32_t words[WANTED_MAX]; /* the last four octets of each address */
};

static void want(struct wanted *w, const struct ip *ip)
{
	const uint8_t *last = ip->octets + ip_size(ip) - 4;
	uint32_t word =
	    (uint32_t)last[0] << 24 | (uint32_t)last[1] << 16 | (uint32_t)last[2] << 8 | last[3];

	for (size_t i = 0; i < w->count; i++) {
		if (w->words[i] == word)
			return;
	}
	if (w->count < WANTED_MAX)
		w->words[w->count++] = word;
}

static void want_next_hops(struct wanted *w, const struct keeper_conf *conf, uint8_t family)
{
	for (size_t i = 0; i < conf->next_hop_count; i++) {
		if (conf->next_hops[i].family == family)
			want(w, &conf->next_hops[i]);
	}
}

static void collect(const struct keeper_exec *exec, const char *link, uint8_t family,
		    struct wanted *w)
{
	const struct keeper_conf *conf = exec->conf;

	w->count = 0;
	for (size_t i = 0; i < conf->address_count; i++) {
		const struct keeper_address *a = &conf->addresses[i];

		if (a->ip.family != family || strcmp(a->link, link) != 0)
			continue;
		if (exec->is_listening[i])
			want(w, &a->ip);
		if (exec->is_verifying[i])
			want_next_hops(w, conf, family);
	}
	for (size_t i = 0; i < KEEPER_ASKS_MAX; i++) {
		const struct exec_ask *ask = &exec->asks[i];

		if (ask->ip.family == family && strcmp(conf->addresses[ask->index].link, link) == 0)
			want(w, &ask->ip);
	}
}

struct program {
	unsigned short len;
	struct sock_filter code[PROGRAM_MAX];
};

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
	p->code[p->len++] = (struct sock_filter){ code, if_true, if_false, k };
}

static void put_load(struct program *p, uint16_t size, uint32_t at)
{
	put(p, BPF_LD | BPF_ABS | size, at, 0, 0);
}

static void put_matches(struct program *p, const struct wanted *w)
{
	for (size_t i = 0; i < w->count; i++) {
		put(p, BPF_JMP | BPF_JEQ | BPF_K, w->words[i], 0, 1);
		put(p, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
	}
}

/* By the sender, or by the target if the sender is 0.0.0.0: a probe. */
static void put_arp(struct program *p, const struct wanted *w)
{
	put_load(p, BPF_W, 14);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	put_load(p, BPF_W, 24);
	put_matches(p, w);
}

/* Solicitations and advertisements, by target and by source; by their last four octets. */
static void put_nd(struct program *p, const struct wanted *w)
{
	put_load(p, BPF_B, 6); /* next header */
	put(p, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 1, 0);
	put(p, BPF_RET | BPF_K, 0, 0, 0);
	put_load(p, BPF_B, 40); /* type */
	put(p, BPF_JMP | BPF_JEQ | BPF_K, ND_SOLICITATION, 2, 0);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, ND_ADVERTISEMENT, 1, 0);
	put(p, BPF_RET | BPF_K, 0, 0, 0);
	put_load(p, BPF_W, 60);
	put_matches(p, w);
	put_load(p, BPF_W, 20);
	put_matches(p, w);
}

static int set_filter(const struct keeper_exec *exec, const struct ear *ear)
{
	struct wanted wanted;
	struct program p = { .len = 0 };
	struct sock_fprog program = { .filter = p.code };

	collect(exec, ear->link, ear->family, &wanted);
	if (ear->family == IP_V4)
		put_arp(&p, &wanted);
	else
		put_nd(&p, &wanted);
	put(&p, BPF_RET | BPF_K, 0, 0, 0);
	program.len = p.len;
	return setsockopt(ear->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* ---- sockets --------------------------------------------------------------- */

static struct ear *find_ear(struct keeper_exec *exec, const char *link, uint8_t family)
{
	for (size_t i = 0; i < exec->ear_count; i++) {
		if (exec->ears[i].family == family && strcmp(exec->ears[i].link, link) == 0)
			return &exec->ears[i];
	}
	return NULL;
}

/* Opened without a protocol and bound then, so that no frame of another link is ever read. */
static int open_ear(const struct keeper_exec *exec, struct ear *ear)
{
	struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ear->family == IP_V4 ? ETH_P_ARP : ETH_P_IPV6),
		.sll_ifindex = (int)ear->ifindex,
	};

	ear->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ear->fd >= 0 && set_filter(exec, ear) == 0 &&
	    bind(ear->fd, (struct sockaddr *)&here, sizeof(here)) == 0)
		return 0;
	if (ear->fd >= 0)
		close(ear->fd);
	ear->fd = -1;
	return ERR_IO;
}

int exec_listen(struct keeper_exec *exec, const char *name, const struct link *link, uint8_t family,
		char why[KEEPER_TEXT_MAX])
{
	struct ear *ear = find_ear(exec, name, family);

	if (ear == NULL && exec->ear_count == EARS_MAX)
		return ERR_LIMIT; /* cannot be: there are not so many links */
	if (ear == NULL) {
		ear = &exec->ears[exec->ear_count++];
		*ear = (struct ear){ .fd = -1, .family = family };
		snprintf(ear->link, sizeof(ear->link), "%s", name);
	}
	memcpy(ear->mac, link->mac, FRAME_MAC_SIZE);
	/* A device that was made anew has another index. */
	if (ear->fd >= 0 && ear->ifindex == link->ifindex)
		return 0;
	if (ear->fd >= 0)
		close(ear->fd);
	ear->ifindex = link->ifindex;
	if (open_ear(exec, ear) == 0)
		return 0;
	snprintf(why, KEEPER_TEXT_MAX, "listening on %s: %s", name, strerror(errno));
	return ERR_IO;
}

void exec_refilter(struct keeper_exec *exec, const char *link, uint8_t family)
{
	struct ear *ear = find_ear(exec, link, family);

	/* Without a new filter the old one lets too little or too much through. */
	if (ear != NULL && ear->fd >= 0 && set_filter(exec, ear) != 0) {
		close(ear->fd);
		ear->fd = -1;
	}
}

void exec_set_group(struct keeper_exec *exec, const char *link, const struct ip *ip, bool is_in)
{
	struct ear *ear = find_ear(exec, link, ip->family);
	struct packet_mreq group = { .mr_type = PACKET_MR_MULTICAST, .mr_alen = FRAME_MAC_SIZE };

	if (ip->family != IP_V6 || ear == NULL || ear->fd < 0)
		return;
	group.mr_ifindex = (int)ear->ifindex;
	frame_ns_group(ip, group.mr_address);
	setsockopt(ear->fd, SOL_PACKET, is_in ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP,
		   &group, sizeof(group));
}

void exec_close_ears(struct keeper_exec *exec)
{
	for (size_t i = 0; i < exec->ear_count; i++) {
		if (exec->ears[i].fd >= 0)
			close(exec->ears[i].fd);
	}
	exec->ear_count = 0;
}

/* ---- frames ---------------------------------------------------------------- */

static int decode(const struct ear *ear, struct bytes frame, const struct sockaddr_ll *from,
		  struct keeper_heard *out)
{
	int err;

	*out = (struct keeper_heard){ .link = ear->link, .is_arp = ear->family == IP_V4 };
	memcpy(out->own_mac, ear->mac, FRAME_MAC_SIZE);
	err = out->is_arp ? frame_arp_decode(frame, &out->arp) : frame_nd_decode(frame, &out->nd);
	if (err == 0)
		memcpy(out->mac, out->is_arp ? out->arp.sender_mac : from->sll_addr,
		       FRAME_MAC_SIZE);
	return err;
}

bool keeper_exec_read_frame(struct keeper_exec *exec, size_t ear, struct keeper_heard *out)
{
	uint8_t frame[FRAME_READ_MAX];
	struct sockaddr_ll from = { .sll_family = AF_PACKET };
	socklen_t from_size = sizeof(from);
	ssize_t n;

	out->link = NULL;
	if (ear >= exec->ear_count || exec->ears[ear].fd < 0)
		return false;
	n = recvfrom(exec->ears[ear].fd, frame, sizeof(frame), MSG_DONTWAIT,
		     (struct sockaddr *)&from, &from_size);
	if (n < 0)
		return false;
	if (decode(&exec->ears[ear], (struct bytes){ frame, (size_t)n }, &from, out) != 0)
		out->link = NULL;
	return true;
}
