/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAMES_PER_READ 64 /* so that a flood of ARP cannot hold up the renewals */

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

/* Opened without a protocol and bound then, so that no frame of another link is ever read. */
static int listen_for_arp(const struct link *link)
{
	struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)link->ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int exec_start_probe(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct probe *probe = &exec->probes[index];
	struct link link;
	struct arp arp;
	int err = exec_find_link(exec, address->link, &link, why);

	if (err != 0)
		return err;
	exec_stop_probe(exec, index);
	probe->fd = listen_for_arp(&link);
	if (probe->fd < 0) {
		snprintf(why, KEEPER_TEXT_MAX, "listening on %s: %s", address->link,
			 strerror(errno));
		return ERR_IO;
	}
	memcpy(probe->mac, link.mac, FRAME_MAC_SIZE);
	arp = frame_arp_probe(&address->ip, link.mac);
	err = send_arp(exec, &link, &arp, why);
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

bool keeper_exec_read_probe(struct keeper_exec *exec, size_t index, uint8_t mac[6],
			    bool *is_probing)
{
	const struct probe *probe = &exec->probes[index];
	uint8_t frame[64]; /* what is longer is cut; nothing behind the fixed part matters */

	for (size_t i = 0; probe->fd >= 0 && i < FRAMES_PER_READ; i++) {
		ssize_t n = recv(probe->fd, frame, sizeof(frame), MSG_DONTWAIT);
		enum frame_conflict conflict;
		struct arp arp;

		if (n < 0)
			break;
		if (frame_arp_decode((struct bytes){ frame, (size_t)n }, &arp) != 0)
			continue;
		conflict = frame_arp_judge(&arp, &exec->conf->addresses[index].ip, probe->mac);
		if (conflict == FRAME_NO_CONFLICT)
			continue;
		memcpy(mac, arp.sender_mac, FRAME_MAC_SIZE);
		*is_probing = conflict == FRAME_CLAIMED_ALSO;
		return true;
	}
	return false;
}
