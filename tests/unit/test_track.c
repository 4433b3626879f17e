/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/track/links.h"
#include "agent/track/ping.h"
#include "agent/track/track.h"

/* What has to work: an interface, a ping every second, a script every ten seconds. */
enum {
	LINK,
	PING,
	SCRIPT
};

struct world {
	struct track *t;
	uint64_t now;
	uint16_t seq[3];
	int asked[3], stopped, changed;
};

static void collect(struct world *w)
{
	struct track_action a;

	while (track_next_action(w->t, &a)) {
		if (a.type == TRACK_ASK) {
			w->asked[a.index]++;
			w->seq[a.index] = a.seq;
		} else if (a.type == TRACK_STOP) {
			assert_int_equal(a.index, SCRIPT);
			w->stopped++;
		} else {
			w->changed++;
		}
	}
}

static void start(struct world *w, size_t n)
{
	struct track_conf conf = {
		.n = n,
		.entries = {
			[LINK] = { .kind = TRACK_INTERFACE, .what = "eth1", .hold_ms = 5000 },
			[PING] = { .kind = TRACK_PING, .ip = { IP_V4, { 10, 1, 0, 100 } },
				   .interval_ms = 1000, .fails = 3, .hold_ms = 5000 },
			[SCRIPT] = { .kind = TRACK_SCRIPT, .what = "/bin/check", .interval_ms = 10000,
				     .timeout_ms = 4000, .fails = 2 },
		},
	};

	memset(w, 0, sizeof(*w));
	w->now = 1000;
	w->t = track_new(&conf, NULL);
	assert_non_null(w->t);
	track_start(w->t, w->now);
	collect(w);
}

static void expire_at(struct world *w, uint64_t ms)
{
	while (track_next_expiry(w->t) <= ms) {
		w->now = track_next_expiry(w->t) > w->now ? track_next_expiry(w->t) : w->now;
		track_expire(w->t, w->now);
		collect(w);
	}
	w->now = ms;
}

static void answer(struct world *w, size_t index, bool is_good)
{
	track_answer(w->t, w->now, index, w->seq[index], is_good, "says no");
	collect(w);
}

static void set_link(struct world *w, bool is_up)
{
	track_link(w->t, w->now, LINK, is_up, "has no carrier");
	collect(w);
}

static void all_good(struct world *w)
{
	set_link(w, true);
	answer(w, PING, true);
	answer(w, SCRIPT, true);
	assert_true(track_is_known(w->t));
	assert_true(track_is_able(w->t));
	assert_string_equal(track_why(w->t), "");
}

/* ---- judging ---- */

static void test_nothing_to_track(void **state)
{
	struct world w;

	(void)state;
	start(&w, 0);
	assert_int_equal(w.changed, 1);
	assert_true(track_is_known(w.t) && track_is_able(w.t));
	assert_true(track_next_expiry(w.t) == UINT64_MAX);
	track_free(w.t);
	track_free(NULL);
}

static void test_not_able_before_all_is_known(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3);
	assert_int_equal(w.asked[LINK], 0);
	assert_int_equal(w.asked[PING], 1);
	assert_int_equal(w.asked[SCRIPT], 1);
	assert_false(track_is_known(w.t));
	assert_string_equal(track_why(w.t), "interface eth1: not known yet");
	set_link(&w, true);
	answer(&w, PING, true);
	assert_false(track_is_able(w.t));
	assert_string_equal(track_why(w.t), "script /bin/check: not known yet");
	assert_int_equal(w.changed, 0);
	answer(&w, SCRIPT, true);
	assert_int_equal(w.changed, 1);
	assert_true(track_is_able(w.t));
	track_free(w.t);
}

static void test_interface(void **state)
{
	struct world w;

	(void)state;
	start(&w, 1);
	set_link(&w, true);
	assert_int_equal(w.changed, 1);
	set_link(&w, false);
	assert_int_equal(w.changed, 2);
	assert_false(track_is_able(w.t));
	assert_string_equal(track_why(w.t), "interface eth1: has no carrier");
	/* It comes back, falters, and comes back: the hold time begins again. */
	set_link(&w, true);
	assert_false(track_is_able(w.t));
	assert_string_equal(track_why(w.t), "interface eth1: works again, but not for long enough");
	expire_at(&w, w.now + 4999);
	set_link(&w, false);
	set_link(&w, true);
	expire_at(&w, w.now + 4999);
	assert_false(track_is_able(w.t));
	expire_at(&w, w.now + 1);
	assert_true(track_is_able(w.t));
	assert_int_equal(w.changed, 3);
	track_free(w.t);
}

/* What comes up late after the start need not prove itself first. */
static void test_never_up(void **state)
{
	struct world w;

	(void)state;
	start(&w, 1);
	set_link(&w, false);
	assert_true(track_is_known(w.t));
	assert_false(track_is_able(w.t));
	set_link(&w, true);
	assert_true(track_is_able(w.t));
	track_free(w.t);
}

static void test_ping(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3);
	all_good(&w);
	/* Two that are lost are no matter, three in a row are. */
	for (int i = 0; i < 3; i++)
		expire_at(&w, w.now + 1000);
	assert_true(track_is_able(w.t));
	answer(&w, PING, true);
	for (int i = 0; i < 3; i++)
		expire_at(&w, w.now + 1000);
	assert_true(track_is_able(w.t));
	expire_at(&w, w.now + 1000);
	assert_false(track_is_able(w.t));
	assert_string_equal(track_why(w.t), "ping 10.1.0.100: no answer, again and again");
	/* Back, and good for the hold time; answers come between. */
	for (int i = 0; i < 5; i++) {
		answer(&w, PING, true);
		assert_false(track_is_able(w.t));
		expire_at(&w, w.now + 1000);
	}
	answer(&w, PING, true);
	assert_true(track_is_able(w.t));
	track_free(w.t);
}

static void test_one_lost_ping_while_returning(void **state)
{
	struct world w;

	(void)state;
	start(&w, 2);
	set_link(&w, true);
	answer(&w, PING, true);
	for (int i = 0; i < 4; i++)
		expire_at(&w, w.now + 1000);
	assert_false(track_is_able(w.t));
	answer(&w, PING, true);
	expire_at(&w, w.now + 1000);
	expire_at(&w, w.now + 1000); /* lost */
	for (int i = 0; i < 5; i++) {
		answer(&w, PING, true);
		expire_at(&w, w.now + 1000);
	}
	assert_false(track_is_able(w.t));
	answer(&w, PING, true);
	assert_true(track_is_able(w.t));
	track_free(w.t);
}

/* Only the answer to the last question counts, once. */
static void test_strange_answers(void **state)
{
	struct world w;
	uint16_t old;

	(void)state;
	start(&w, 2);
	set_link(&w, true);
	old = w.seq[PING];
	expire_at(&w, w.now + 1000);
	track_answer(w.t, w.now, PING, old, true, "");
	track_answer(w.t, w.now, 7, 1, true, "");
	track_answer(w.t, w.now, LINK, 0, true, "");
	track_link(w.t, w.now, PING, true, "");
	collect(&w);
	assert_false(track_is_known(w.t));
	answer(&w, PING, true);
	assert_true(track_is_able(w.t));
	track_free(w.t);
}

static void test_script(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3);
	all_good(&w);
	set_link(&w, true);
	expire_at(&w, 1000 + 9999);
	assert_int_equal(w.asked[SCRIPT], 1);
	expire_at(&w, 1000 + 10000);
	assert_int_equal(w.asked[SCRIPT], 2);
	answer(&w, PING, true);
	answer(&w, SCRIPT, false);
	assert_true(strstr(track_why(w.t), "script") == NULL);
	track_free(w.t);
}

/* One that hangs is killed, is not run twice at a time, and fails. */
static void test_script_hangs(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3);
	set_link(&w, true);
	answer(&w, PING, true);
	expire_at(&w, 1000 + 3999);
	assert_int_equal(w.stopped, 0);
	expire_at(&w, 1000 + 4000);
	assert_int_equal(w.stopped, 1);
	expire_at(&w, 1000 + 60000);
	assert_int_equal(w.asked[SCRIPT], 1);
	assert_int_equal(w.stopped, 1);
	answer(&w, SCRIPT, true); /* its end: too late to be good */
	assert_false(track_is_known(w.t));
	expire_at(&w, w.now); /* the next one at once */
	assert_int_equal(w.asked[SCRIPT], 2);
	expire_at(&w, w.now + 4000);
	answer(&w, SCRIPT, false);
	assert_true(strstr(track_why(w.t), "ping") != NULL); /* not asked for a minute */
	track_free(w.t);
}

/* ---- ping ---- */

static void test_ping_messages(void **state)
{
	const struct ping_echo e = { .id = 0x1234, .seq = 0xfffe, .cookie = "abcdefg", .index = 5 };
	uint8_t v6[PING_SIZE], packet[20 + PING_SIZE] = { 0x45 };
	struct ping_echo out = { .id = 0 };
	uint8_t *v4 = packet + 20;

	(void)state;
	ping_encode(&e, false, v4);
	assert_int_equal(v4[0], 8);
	assert_int_equal(ping_decode((struct bytes){ packet, sizeof(packet) }, false, &out),
			 ERR_MISMATCH); /* our own request */
	v4[0] = 0;
	assert_int_equal(ping_decode((struct bytes){ packet, sizeof(packet) }, false, &out),
			 ERR_VALUE);
	v4[2] = (uint8_t)(v4[2] + 8); /* RFC 1624 */
	assert_int_equal(ping_decode((struct bytes){ packet, sizeof(packet) }, false, &out), 0);
	assert_int_equal(out.id, e.id);
	assert_int_equal(out.seq, e.seq);
	assert_int_equal(out.index, e.index);
	assert_memory_equal(out.cookie, e.cookie, PING_COOKIE_SIZE);
	packet[0] = 0x46;
	assert_int_equal(ping_decode((struct bytes){ packet, sizeof(packet) }, false, &out),
			 ERR_TRUNCATED);
	for (size_t len = 0; len < sizeof(packet); len++)
		assert_int_not_equal(ping_decode((struct bytes){ packet, len }, false, &out), 0);
	ping_encode(&e, true, v6);
	assert_int_equal(v6[0], 128);
	v6[0] = 129;
	assert_int_equal(ping_decode((struct bytes){ v6, sizeof(v6) }, true, &out), 0);
	assert_int_equal(out.seq, e.seq);
}

/* ---- interfaces ---- */

struct news {
	int n;
	struct link_news last;
};

static void on_news(void *ctx, const struct link_news *news)
{
	struct news *n = ctx;

	n->n++;
	n->last = *news;
}

static struct link_news news_of(uint16_t type, uint8_t family, unsigned int flags, const char *name)
{
	_Alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	struct news n = { 0 };

	nlh->nlmsg_type = type;
	info->ifi_family = family;
	info->ifi_index = 7;
	info->ifi_flags = flags;
	mnl_attr_put_u32(nlh, IFLA_MTU, 1500);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	links_parse((struct bytes){ (uint8_t *)buffer, nlh->nlmsg_len }, on_news, &n);
	if (n.n == 0)
		n.last.kind = LINK_FAILED;
	return n.last;
}

static void test_link_states(void **state)
{
	static const struct {
		uint16_t type;
		uint8_t family;
		unsigned int flags;
		const char *name;
		bool is_changed, is_there, is_up, is_running;
	} cases[] = {
		{ RTM_NEWLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "eth2", false, false, false,
		  false },
		{ RTM_NEWLINK, AF_UNSPEC, 0, "eth1", true, true, false, false },
		{ RTM_NEWLINK, AF_UNSPEC, IFF_UP, "eth1", true, true, true, false },
		{ RTM_NEWLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "eth1", true, true, true, true },
		{ RTM_NEWLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "eth1", false, true, true, true },
		{ RTM_DELLINK, AF_BRIDGE, IFF_UP | IFF_RUNNING, "eth1", false, true, true, true },
		{ RTM_NEWLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "wan", true, false, false, false },
		{ RTM_NEWLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "eth1", true, true, true, true },
		{ RTM_DELLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "eth1", true, false, false, false },
	};
	struct link_state s = { .name = "eth1" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_news news =
		    news_of(cases[i].type, cases[i].family, cases[i].flags, cases[i].name);

		if (link_state_take(&s, &news) != cases[i].is_changed ||
		    (s.ifindex != 0) != cases[i].is_there || s.is_up != cases[i].is_up ||
		    s.is_running != cases[i].is_running)
			fail_msg("case %zu", i);
	}
}

/* What is not in a dump is gone: its end could have been missed. */
static void test_link_dump(void **state)
{
	struct link_state s = { .name = "eth1" };
	struct link_news up = news_of(RTM_NEWLINK, AF_UNSPEC, IFF_UP | IFF_RUNNING, "eth1");
	const struct link_news done = { .kind = LINK_DUMPED }, failed = { .kind = LINK_FAILED };

	(void)state;
	assert_true(link_state_take(&s, &up));
	assert_false(link_state_take(&s, &done));
	s.is_seen = false;
	assert_false(link_state_take(&s, &failed));
	assert_int_equal(s.ifindex, 7);
	assert_true(link_state_take(&s, &done));
	assert_int_equal(s.ifindex, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_track),
		cmocka_unit_test(test_not_able_before_all_is_known),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_never_up),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_one_lost_ping_while_returning),
		cmocka_unit_test(test_strange_answers),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_script_hangs),
		cmocka_unit_test(test_ping_messages),
		cmocka_unit_test(test_link_states),
		cmocka_unit_test(test_link_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
