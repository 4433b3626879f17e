/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/keeper/keeper_msg.h"
#include "agent/keeper/keeper_routes.h"

/* The parts around the core: messages, the check of the configuration, the table of routes. */

static struct ip_prefix to_prefix(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

/* Valid, with one of each. */
static void set_conf(struct keeper_conf *conf)
{
	static const char *const ips[] = { "192.0.2.21", "2001:db8::21", "192.0.2.22" };

	*conf =
	    (struct keeper_conf){ .tun = "waypost0", .address_count = 3, .connection_count = 2 };
	for (size_t i = 0; i < conf->address_count; i++) {
		assert_int_equal(ip_parse(ips[i], &conf->addresses[i].ip), 0);
		snprintf(conf->addresses[i].link, IFNAMSIZ, "eth0");
	}
	conf->addresses[2].claim = KEEPER_CLAIM_NONE;
	for (size_t i = 0; i < conf->connection_count; i++) {
		conf->connections[i].remote_ts_count = 1;
		conf->connections[i].remote_ts[0] = to_prefix("10.1.0.0/16");
		snprintf(conf->connections[i].link, IFNAMSIZ, "eth1");
	}
	conf->connections[1].inside = KEEPER_INSIDE_ROUTE;
}

static void test_reports_are_judged(void **state)
{
	struct keeper_report sent = { .version = KEEPER_MSG_VERSION, .type = KEEPER_ANSWER }, got;
	struct bytes octets = { (uint8_t *)&sent, sizeof(sent) };

	(void)state;
	memset(sent.text, 'x', sizeof(sent.text));
	assert_int_equal(keeper_report_decode(octets, &got), 0);
	assert_int_equal(strlen(got.text), KEEPER_TEXT_MAX - 1);
	sent.type = KEEPER_CONFLICT + 1;
	assert_int_equal(keeper_report_decode(octets, &got), ERR_VALUE);
	sent.type = 0;
	assert_int_equal(keeper_report_decode(octets, &got), ERR_VALUE);
	sent.type = KEEPER_PONG;
	sent.version = 0;
	assert_int_equal(keeper_report_decode(octets, &got), ERR_VALUE);
	octets.len--;
	assert_int_equal(keeper_report_decode(octets, &got), ERR_VALUE);
	assert_string_equal(keeper_request_name(KEEPER_ROUTE_ADD), "ROUTE_ADD");
	assert_string_equal(keeper_request_name(8), "UNKNOWN");
}

static void break_address_count(struct keeper_conf *c)
{
	c->address_count = KEEPER_ADDRESSES_MAX + 1;
}

static void break_connection_count(struct keeper_conf *c)
{
	c->connection_count = KEEPER_CONNECTIONS_MAX + 1;
}

static void break_routes_max(struct keeper_conf *c)
{
	c->routes_max = KEEPER_ROUTES_MAX + 1;
}

static void break_tun(struct keeper_conf *c)
{
	memset(c->tun, 'x', sizeof(c->tun));
}

static void break_ip(struct keeper_conf *c)
{
	c->addresses[0].ip.family = IP_NONE;
}

static void break_twin(struct keeper_conf *c)
{
	c->addresses[2].ip = c->addresses[0].ip;
}

static void break_link(struct keeper_conf *c)
{
	snprintf(c->addresses[0].link, IFNAMSIZ, "../x");
}

static void break_claim(struct keeper_conf *c)
{
	c->addresses[0].claim = (enum keeper_claim)9;
}

static void break_inside(struct keeper_conf *c)
{
	c->connections[0].inside = (enum keeper_inside)9;
}

static void break_inside_link(struct keeper_conf *c)
{
	c->connections[0].link[0] = '\0';
}

static void break_remote_ts_count(struct keeper_conf *c)
{
	c->connections[0].remote_ts_count = KEEPER_PREFIXES_MAX + 1;
}

static void break_remote_ts(struct keeper_conf *c)
{
	c->connections[0].remote_ts[0].bits = 33;
}

static void break_hook(struct keeper_conf *c)
{
	snprintf(c->hook, sizeof(c->hook), "claim.sh");
}

static void break_hook_end(struct keeper_conf *c)
{
	memset(c->hook, '/', sizeof(c->hook));
}

static void break_hook_claim(struct keeper_conf *c)
{
	c->addresses[0].claim = KEEPER_CLAIM_HOOK;
}

static void break_next_hop_count(struct keeper_conf *c)
{
	c->next_hop_count = KEEPER_NEXT_HOPS_MAX + 1;
}

static void break_next_hop(struct keeper_conf *c)
{
	c->next_hop_count = 1;
}

static void test_configuration_is_checked(void **state)
{
	static void (*const breaks[])(struct keeper_conf *) = {
		break_address_count,
		break_connection_count,
		break_routes_max,
		break_tun,
		break_ip,
		break_twin,
		break_link,
		break_claim,
		break_inside,
		break_inside_link,
		break_remote_ts_count,
		break_remote_ts,
		break_hook,
		break_hook_end,
		break_hook_claim,
		break_next_hop_count,
		break_next_hop,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct keeper_conf conf;
		char why[KEEPER_TEXT_MAX] = "";

		set_conf(&conf);
		assert_int_equal(keeper_conf_check(&conf, why), 0);
		breaks[i](&conf);
		if (keeper_conf_check(&conf, why) != ERR_CONFIG || why[0] == '\0')
			fail_msg("break %zu went through", i);
	}
}

static void test_link_may_be_left_out(void **state)
{
	struct keeper_conf conf;
	char why[KEEPER_TEXT_MAX];

	(void)state;
	set_conf(&conf);
	conf.addresses[2].link[0] = '\0';
	assert_int_equal(keeper_conf_check(&conf, why), 0);
	conf.addresses[2].claim = KEEPER_CLAIM_L2;
	assert_int_equal(keeper_conf_check(&conf, why), ERR_CONFIG);
	conf.addresses[2].claim = KEEPER_CLAIM_NONE;
	snprintf(conf.addresses[2].link, IFNAMSIZ, "a/b");
	assert_int_equal(keeper_conf_check(&conf, why), ERR_CONFIG);
}

static void test_claim_hook(void **state)
{
	struct keeper_conf conf;
	char why[KEEPER_TEXT_MAX];

	(void)state;
	set_conf(&conf);
	conf.addresses[2].claim = KEEPER_CLAIM_HOOK;
	snprintf(conf.hook, sizeof(conf.hook), "/usr/local/sbin/claim");
	assert_int_equal(keeper_conf_check(&conf, why), 0);
	assert_string_equal(keeper_address_link(&conf.addresses[2]), "eth0");
	conf.addresses[2].link[0] = '\0';
	assert_int_equal(keeper_conf_check(&conf, why), 0);
	assert_string_equal(keeper_address_link(&conf.addresses[2]), "lo");
}

static void test_claim_route_has_no_link(void **state)
{
	struct keeper_conf conf;
	char why[KEEPER_TEXT_MAX];

	(void)state;
	set_conf(&conf);
	assert_string_equal(keeper_address_link(&conf.addresses[2]), "eth0");
	conf.addresses[2].claim = KEEPER_CLAIM_ROUTE;
	assert_int_equal(keeper_conf_check(&conf, why), ERR_CONFIG);
	assert_string_equal(why, "address 192.0.2.22 has a link, but goes to lo");
	conf.addresses[2].link[0] = '\0';
	assert_int_equal(keeper_conf_check(&conf, why), 0);
	assert_string_equal(keeper_address_link(&conf.addresses[2]), "lo");
}

/* ---- the table of routes --------------------------------------------------- */

static void put(struct keeper_routes *t, const char *prefix, size_t connection, uint64_t arrival)
{
	struct keeper_route route = { to_prefix(prefix), connection, arrival };

	assert_int_equal(keeper_routes_put(t, &route), 0);
}

static void test_routes_are_found(void **state)
{
	struct ip_prefix one = to_prefix("10.1.0.1/32"), wide = to_prefix("10.1.0.0/24");
	struct keeper_route third = { to_prefix("10.1.0.3/32"), 0, 1 };
	struct keeper_routes *t;

	(void)state;
	assert_int_equal(keeper_routes_new(2, &t), 0);
	assert_null(keeper_routes_any(t));
	put(t, "10.1.0.1/32", 0, 1);
	put(t, "10.1.0.0/24", 1, 2);
	put(t, "10.1.0.1/32", 2, 3);
	assert_int_equal(keeper_routes_count(t), 2);
	assert_int_equal(keeper_routes_find(t, &one)->connection, 2);
	assert_int_equal(keeper_routes_find(t, &wide)->arrival, 2);
	assert_int_equal(keeper_routes_put(t, &third), ERR_LIMIT);
	assert_null(keeper_routes_find(t, &third.prefix));
	keeper_routes_remove(t, &third.prefix);
	keeper_routes_remove(t, &one);
	assert_null(keeper_routes_find(t, &one));
	assert_ptr_equal(keeper_routes_any(t), keeper_routes_find(t, &wide));
	assert_int_equal(keeper_routes_put(t, &third), 0);
	keeper_routes_free(t);
	keeper_routes_free(NULL);
}

static void test_routes_stand_in_line(void **state)
{
	struct ip_prefix one = to_prefix("10.1.0.1/32"), two = to_prefix("10.1.0.2/32");
	struct ip_prefix three = to_prefix("10.1.0.3/32");
	struct keeper_routes *t;
	struct keeper_route due;

	(void)state;
	assert_int_equal(keeper_routes_new(10, &t), 0);
	assert_true(keeper_routes_next_ms(t) == UINT64_MAX);
	put(t, "10.1.0.1/32", 0, 1);
	put(t, "10.1.0.2/32", 0, 1);
	put(t, "10.1.0.3/32", 0, 1);
	keeper_routes_announce_at(t, &one, 100);
	keeper_routes_announce_at(t, &two, 200);
	keeper_routes_announce_at(t, &three, 200);
	keeper_routes_announce_at(t, &one, 300); /* again: last in line */
	assert_int_equal(keeper_routes_next_ms(t), 200);
	assert_false(keeper_routes_take_due(t, 199, &due));
	keeper_routes_remove(t, &two);
	keeper_routes_announce_at(t, &two, 300); /* not there any more */
	assert_true(keeper_routes_take_due(t, 200, &due));
	assert_memory_equal(&due.prefix, &three, sizeof(three));
	assert_false(keeper_routes_take_due(t, 299, &due));
	assert_true(keeper_routes_take_due(t, 300, &due));
	assert_memory_equal(&due.prefix, &one, sizeof(one));
	assert_true(keeper_routes_next_ms(t) == UINT64_MAX);
	keeper_routes_free(t);
}

static void test_prefixes_around_an_address(void **state)
{
	static const char *const pairs[][2] = {
		{ "10.1.2.3/32", "10.1.2.3/32" },           { "10.1.2.3/32", "10.1.2.2/31" },
		{ "10.1.2.3/32", "10.1.2.0/24" },           { "10.1.2.3/32", "10.1.0.0/17" },
		{ "255.1.2.3/32", "254.0.0.0/7" },          { "10.1.2.3/32", "0.0.0.0/0" },
		{ "2001:db8::ff/128", "2001:db8::ff/128" }, { "2001:db8::ff/128", "2001:db8::/64" },
		{ "2001:db8::ff/128", "2001:db8::80/121" }, { "2001:db8::ff/128", "::/0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct ip_prefix host = to_prefix(pairs[i][0]), want = to_prefix(pairs[i][1]);
		struct ip_prefix got = keeper_prefix_around(&host.ip, want.bits);

		assert_memory_equal(&got, &want, sizeof(got));
	}
}

static void test_proxied_addresses(void **state)
{
	struct ip_prefix in = to_prefix("10.1.0.201/32"), out = to_prefix("10.1.0.204/32");
	struct keeper_routes *t;
	struct keeper_conf conf;

	(void)state;
	set_conf(&conf);
	assert_int_equal(keeper_routes_new(10, &t), 0);
	put(t, "10.1.0.200/30", 0, 1);
	put(t, "10.1.0.201/32", 1, 1); /* of mode route */
	assert_true(keeper_routes_is_proxied(t, &conf, "eth1", &in.ip));
	assert_false(keeper_routes_is_proxied(t, &conf, "eth0", &in.ip));
	assert_false(keeper_routes_is_proxied(t, &conf, "eth1", &out.ip));
	keeper_routes_remove(t, &(struct ip_prefix){ in.ip, 32 });
	assert_true(keeper_routes_is_proxied(t, &conf, "eth1", &in.ip));
	keeper_routes_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports_are_judged),
		cmocka_unit_test(test_configuration_is_checked),
		cmocka_unit_test(test_link_may_be_left_out),
		cmocka_unit_test(test_claim_hook),
		cmocka_unit_test(test_claim_route_has_no_link),
		cmocka_unit_test(test_routes_are_found),
		cmocka_unit_test(test_routes_stand_in_line),
		cmocka_unit_test(test_prefixes_around_an_address),
		cmocka_unit_test(test_proxied_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
