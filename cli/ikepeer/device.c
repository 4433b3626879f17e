/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/device.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/esp/tun/tun.h"

/* Of inner packets: with ESP_OVERHEAD_MAX and an IPv6 header it fits an Ethernet frame. */
#define DEVICE_MTU   1400
#define MESSAGE_MAX  256
#define ANSWER_MAX   8192
#define PREFIXES_MAX 254

struct ip device_address(const struct ts_list *local)
{
	struct ip_prefix prefix;

	if (local->n > 0 && ip_range_is_prefix(&local->items[0].range, &prefix) &&
	    prefix.bits == 8 * ip_size(&prefix.ip))
		return prefix.ip;
	return (struct ip){ .family = IP_NONE };
}

static uint8_t to_af(const struct ip *ip)
{
	return ip->family == IP_V4 ? AF_INET : AF_INET6;
}

/* Sends one request and waits for what the kernel says; an errno, 0 if all is well. */
static int ask(struct mnl_socket *nl, struct nlmsghdr *h)
{
	char answer[ANSWER_MAX];
	ssize_t n;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = 1;
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return errno;
	n = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (n < 0)
		return errno;
	return mnl_cb_run(answer, (size_t)n, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0 ? errno
											   : 0;
}

static int add_address(struct mnl_socket *nl, unsigned int ifindex, const struct ip *ip)
{
	uint8_t buf[MESSAGE_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = RTM_NEWADDR;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	m->ifa_family = to_af(ip);
	m->ifa_prefixlen = (uint8_t)(8 * ip_size(ip));
	m->ifa_flags = ip->family == IP_V6 ? IFA_F_NODAD : 0;
	m->ifa_index = ifindex;
	mnl_attr_put(h, IFA_LOCAL, ip_size(ip), ip->octets);
	mnl_attr_put(h, IFA_ADDRESS, ip_size(ip), ip->octets);
	return ask(nl, h);
}

static int add_route(struct mnl_socket *nl, unsigned int ifindex, const struct ip_prefix *to,
		     const struct ip *source)
{
	uint8_t buf[MESSAGE_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = RTM_NEWROUTE;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	m->rtm_family = to_af(&to->ip);
	m->rtm_dst_len = to->bits;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_scope = to->ip.family == IP_V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	m->rtm_type = RTN_UNICAST;
	mnl_attr_put(h, RTA_DST, ip_size(&to->ip), to->ip.octets);
	mnl_attr_put_u32(h, RTA_OIF, ifindex);
	if (source->family == to->ip.family)
		mnl_attr_put(h, RTA_PREFSRC, ip_size(source), source->octets);
	return ask(nl, h);
}

static int add_routes(struct mnl_socket *nl, unsigned int ifindex, const struct device_conf *conf,
		      struct errtext *why)
{
	static struct ip_prefix prefixes[PREFIXES_MAX];

	for (size_t i = 0; i < conf->remote->n; i++) {
		size_t n = ip_range_prefixes(&conf->remote->items[i].range, prefixes, PREFIXES_MAX);

		for (size_t k = 0; k < n; k++) {
			int errnum = add_route(nl, ifindex, &prefixes[k], &conf->address);
			char text[PREFIX_TEXT_MAX];

			if (errnum == 0)
				continue;
			errtext_set(why, "cannot route %s into the tunnel: %s",
				    ip_prefix_format(&prefixes[k], text),
				    errnum == EEXIST ? "there is a route already"
						     : strerror(errnum));
			return errnum == EEXIST ? ERR_EXISTS : ERR_IO;
		}
	}
	return 0;
}

static int set_up(const struct device_conf *conf, struct errtext *why)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	unsigned int ifindex = if_nametoindex(conf->name);
	char text[IP_TEXT_MAX];
	int err = 0, errnum;

	if (nl == NULL || ifindex == 0 || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		errtext_set(why, "no netlink socket for device %s: %s", conf->name,
			    strerror(errno));
		err = ERR_IO;
	}
	if (err == 0 && conf->address.family != IP_NONE &&
	    (errnum = add_address(nl, ifindex, &conf->address)) != 0) {
		errtext_set(why, "cannot put %s on %s: %s", ip_format(&conf->address, text),
			    conf->name, strerror(errnum));
		err = ERR_IO;
	}
	if (err == 0)
		err = add_routes(nl, ifindex, conf, why);
	if (nl != NULL)
		mnl_socket_close(nl);
	return err;
}

int device_open(const struct device_conf *conf, int *fd, struct errtext *why)
{
	int tun, err = tun_open(conf->name, DEVICE_MTU, &tun, why);

	if (err == 0 && conf->has_routes) {
		err = set_up(conf, why);
		if (err != 0)
			close(tun);
	}
	if (err == 0)
		*fd = tun;
	return err;
}
