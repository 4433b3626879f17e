/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/links.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

static int read_name(const struct nlattr *attr, void *ctx)
{
	struct link_news *out = ctx;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(out->name, sizeof(out->name), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static void read_link(const struct nlmsghdr *nlh, struct link_news *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);

	out->ifindex = (uint32_t)info->ifi_index;
	out->is_up = (info->ifi_flags & IFF_UP) != 0;
	out->is_running = (info->ifi_flags & IFF_RUNNING) != 0;
	(void)mnl_attr_parse(nlh, sizeof(*info), read_name, out);
}

void links_parse(struct bytes datagram, void (*visit)(void *ctx, const struct link_news *news),
		 void *ctx)
{
	const struct nlmsghdr *nlh = (const void *)datagram.ptr;
	int left = (int)datagram.len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
		struct link_news news = { .kind = LINK_STATE };

		if (nlh->nlmsg_type == NLMSG_DONE) {
			news.kind = LINK_DUMPED;
		} else if (nlh->nlmsg_type == NLMSG_ERROR ||
			   (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
			news.kind = LINK_FAILED;
		} else if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
			   nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
			   info->ifi_family != AF_UNSPEC) {
			/* A bridge's news about its ports have its family: a port that leaves it
			 * is not gone. */
			continue;
		} else {
			if (nlh->nlmsg_type == RTM_DELLINK)
				news.kind = LINK_GONE;
			read_link(nlh, &news);
		}
		visit(ctx, &news);
	}
}

static bool forget(struct link_state *s)
{
	bool was_there = s->ifindex != 0;

	s->ifindex = 0;
	s->is_up = s->is_running = false;
	return was_there;
}

bool link_state_take(struct link_state *s, const struct link_news *news)
{
	bool is_same_name = strcmp(s->name, news->name) == 0, is_changed;

	switch (news->kind) {
	case LINK_DUMPED:
		return !s->is_seen && forget(s);
	case LINK_FAILED:
		return false;
	case LINK_GONE:
		return news->ifindex == s->ifindex && forget(s);
	case LINK_STATE:
		break;
	}
	if (!is_same_name) /* another one; or this one has another name now */
		return s->ifindex != 0 && news->ifindex == s->ifindex && forget(s);
	is_changed =
	    s->ifindex == 0 || s->is_up != news->is_up || s->is_running != news->is_running;
	s->ifindex = news->ifindex;
	s->is_up = news->is_up;
	s->is_running = news->is_running;
	s->is_seen = true;
	return is_changed;
}
