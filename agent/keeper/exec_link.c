/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#define FRAMES_PER_READ 64 /* so that a flood of ARP cannot hold up the renewals */
#define FRAME_READ_MAX  1536

static const uint8_t broadcast[FRAME_MAC_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes[FRAME_MAC_SIZE] = { 0x33, 0x33, 0, 0, 0, 0x01 };

static int ask_device(const struct keeper_exec *exec, unsigned long question, const char *name,
		      struct ifreq *ifr, char why[KEEPER_TEXT_MAX])
{
	memset(ifr, 0, sizeof(*ifr));
	memcpy(ifr->ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(exec->packet_fd, question, ifr) == 0)
		return 0;
	snprintf(why, KEEPER_TEXT_MAX, "device %s: %s", name, strerror(errno));
	return errno == ENODEV ? ERR_NOT_FOUND : ERR_IO;
}

int exec_find_device(const struct keeper_exec *exec, const char *name, uint32_t *ifindex,
		     char why[KEEPER_TEXT_MAX])
{
	struct ifreq ifr;
	int err = ask_device(exec, SIOCGIFINDEX, name, &ifr, why);

	if (err == 0)
		*ifindex = (uint32_t)ifr.ifr_ifindex;
	return err;
}

int exec_find_link(const struct keeper_exec *exec, const char *name, struct link *out,
		   char why[KEEPER_TEXT_MAX])
{
	struct link link;
	struct ifreq ifr;
	int err = exec_find_device(exec, name, &link.ifindex, why);

	if (err == 0)
		err = ask_device(exec, SIOCGIFHWADDR, name, &ifr, why);
	if (err != 0)
		return err;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		snprintf(why, KEEPER_TEXT_MAX, "device %s is not Ethernet: nothing to announce on",
			 name);
		return ERR_UNSUPPORTED;
	}
	memcpy(link.mac, ifr.ifr_hwaddr.sa_data, FRAME_MAC_SIZE);
	*out = link;
	return 0;
}

static int send_frame(const struct keeper_exec *exec, const struct link *link, uint16_t protocol,
		      const uint8_t to[FRAME_MAC_SIZE], struct bytes frame,
		      char why[KEEPER_TEXT_MAX])
{
	struct sockaddr_ll where = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)link->ifindex,
		.sll_halen = FRAME_MAC_SIZE,
	};

	memcpy(where.sll_addr, to, FRAME_MAC_SIZE);
	if (sendto(exec->packet_fd, frame.ptr, frame.len, MSG_DONTWAIT, (struct sockaddr *)&where,
		   sizeof(where)) >= 0)
		return 0;
	snprintf(why, KEEPER_TEXT_MAX, "sending a frame: %s", strerror(errno));
	return ERR_IO;
}

static int send_arp(const struct keeper_exec *exec, const struct link *link, const struct arp *arp,
		    char why[KEEPER_TEXT_MAX])
{
	uint8_t frame[FRAME_ARP_SIZE];

	frame_arp_encode(arp, frame);
	return send_frame(exec, link, ETH_P_ARP, broadcast, (struct bytes){ frame, sizeof(frame) },
			  why);
}

int exec_announce(const struct keeper_exec *exec, const struct link *link, const struct ip *ip,
		  bool is_thorough, char why[KEEPER_TEXT_MAX])
{
	struct arp request, reply;
	uint8_t na[FRAME_NA_SIZE];
	int err;

	if (ip->family == IP_V6) {
		frame_na_encode(ip, link->mac, na);
		return send_frame(exec, link, ETH_P_IPV6, all_nodes,
				  (struct bytes){ na, sizeof(na) }, why);
	}
	request = frame_arp_announcement(ip, link->mac, ARP_REQUEST);
	reply = frame_arp_announcement(ip, link->mac, ARP_REPLY);
	err = send_arp(exec, link, &request, why);
	if (err == 0 && is_thorough)
		err = send_arp(exec, link, &reply, why);
	return err;
}

/* ---- probes ---------------------------------------------------------------- */

/* Of IPv6 only solicitations and advertisements, so that a flood of others hides no answer. */
static int let_only_nd_in(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6), /* next header */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40), /* type */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_SOLICITATION, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_ADVERTISEMENT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* To hear who else probes: the group is ours only once the address is. */
static int join_group(int fd, const struct link *link, const struct ip *ip)
{
	struct packet_mreq group = { .mr_ifindex = (int)link->ifindex,
				     .mr_type = PACKET_MR_MULTICAST,
				     .mr_alen = FRAME_MAC_SIZE };

	frame_ns_group(ip, group.mr_address);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group));
}

/* Opened without a protocol and bound then, so that no frame of another link is ever read. */
static int listen_for_answers(const struct link *link, const struct ip *ip)
{
	struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ip->family == IP_V4 ? ETH_P_ARP : ETH_P_IPV6),
		.sll_ifindex = (int)link->ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if ((ip->family == IP_V6 && (let_only_nd_in(fd) != 0 || join_group(fd, link, ip) != 0)) ||
	    bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send_probe(const struct keeper_exec *exec, const struct link *link, const struct ip *ip,
		      char why[KEEPER_TEXT_MAX])
{
	uint8_t nonce[FRAME_NONCE_SIZE], group[FRAME_MAC_SIZE], ns[FRAME_NS_SIZE];
	struct arp arp;

	if (ip->family == IP_V4) {
		arp = frame_arp_probe(ip, link->mac);
		return send_arp(exec, link, &arp, why);
	}
	if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce)) {
		snprintf(why, KEEPER_TEXT_MAX, "getrandom: %s", strerror(errno));
		return ERR_IO;
	}
	frame_ns_encode(ip, nonce, ns);
	frame_ns_group(ip, group);
	return send_frame(exec, link, ETH_P_IPV6, group, (struct bytes){ ns, sizeof(ns) }, why);
}

int exec_start_probe(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct probe *probe = &exec->probes[index];
	struct link link;
	int err = exec_find_link(exec, address->link, &link, why);

	if (err != 0)
		return err;
	exec_stop_probe(exec, index);
	probe->fd = listen_for_answers(&link, &address->ip);
	if (probe->fd < 0) {
		snprintf(why, KEEPER_TEXT_MAX, "listening on %s: %s", address->link,
			 strerror(errno));
		return ERR_IO;
	}
	memcpy(probe->mac, link.mac, FRAME_MAC_SIZE);
	err = send_probe(exec, &link, &address->ip, why);
	if (err != 0)
		exec_stop_probe(exec, index);
	return err;
}

void exec_stop_probe(struct keeper_exec *exec, size_t index)
{
	struct probe *probe = &exec->probes[index];

	if (probe->fd >= 0)
		close(probe->fd);
	probe->fd = -1;
}

int keeper_exec_probe_fd(const struct keeper_exec *exec, size_t index)
{
	return exec->probes[index].fd;
}

/* Judges a frame; mac is the sender's Ethernet address and becomes that of whom it is about. */
static enum frame_conflict judge(const struct probe *probe, const struct ip *ip, struct bytes frame,
				 uint8_t mac[FRAME_MAC_SIZE])
{
	struct arp arp;
	struct nd nd;

	if (ip->family == IP_V6)
		return frame_nd_decode(frame, &nd) == 0 ? frame_nd_judge(&nd, mac, ip, probe->mac)
							: FRAME_NO_CONFLICT;
	if (frame_arp_decode(frame, &arp) != 0)
		return FRAME_NO_CONFLICT;
	memcpy(mac, arp.sender_mac, FRAME_MAC_SIZE);
	return frame_arp_judge(&arp, ip, probe->mac);
}

bool keeper_exec_read_probe(struct keeper_exec *exec, size_t index, uint8_t mac[6],
			    bool *is_probing)
{
	const struct probe *probe = &exec->probes[index];
	uint8_t frame[FRAME_READ_MAX]; /* ARP has padding, ND options; what is longer is cut */

	for (size_t i = 0; probe->fd >= 0 && i < FRAMES_PER_READ; i++) {
		struct sockaddr_ll from = { .sll_family = AF_PACKET };
		socklen_t from_size = sizeof(from);
		ssize_t n = recvfrom(probe->fd, frame, sizeof(frame), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_size);
		enum frame_conflict conflict;

		if (n < 0)
			break;
		memcpy(mac, from.sll_addr, FRAME_MAC_SIZE);
		conflict = judge(probe, &exec->conf->addresses[index].ip,
				 (struct bytes){ frame, (size_t)n }, mac);
		if (conflict == FRAME_NO_CONFLICT)
			continue;
		*is_probing = conflict == FRAME_CLAIMED_ALSO;
		return true;
	}
	return false;
}
