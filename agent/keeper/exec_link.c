/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/random.h>

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

int exec_send_probe(const struct keeper_exec *exec, const struct link *link, const struct ip *ip,
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

int exec_send_question(const struct keeper_exec *exec, const struct link *link,
		       const struct ip *sender, const struct ip *target, char why[KEEPER_TEXT_MAX])
{
	uint8_t group[FRAME_MAC_SIZE], ns[FRAME_NS_SIZE];
	struct arp arp;

	if (target->family == IP_V4) {
		arp = frame_arp_question(sender, link->mac, target);
		return send_arp(exec, link, &arp, why);
	}
	frame_ns_question(sender, link->mac, target, ns);
	frame_ns_group(target, group);
	return send_frame(exec, link, ETH_P_IPV6, group, (struct bytes){ ns, sizeof(ns) }, why);
}
