/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/esp/set.h"
#include "tests/lib/esp_wire.h"
#include "tests/lib/inner.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CAP      WIRE_MAX

/* The pair's child with other numbers and another peer behind it. */
static struct esp_child child_of(const struct esp_pair *p, uint64_t id, const char *remote)
{
	struct esp_child child = p->child;

	child.id = id;
	child.spi_in = 0x02000000 + (uint32_t)id;
	child.spi_out = 0xc1000000 + (uint32_t)id;
	child.ts_remote = ts_list_of(remote);
	return child;
}

static void add(struct esp_set *set, const struct esp_child *child)
{
	assert_int_equal(esp_set_add(set, child), 0);
}

/* The id of the SA that a packet to that address leaves by, 0: none. */
static uint64_t sender(struct esp_set *set, const char *src, const char *dst)
{
	uint8_t buf[CAP], out[CAP];
	struct bytes inner = { buf, inner_build_udp(src, dst, 80, 0, buf, sizeof(buf)) }, packet;
	struct endpoint local, remote;
	enum esp_verdict v =
	    esp_outbound(set, 1, inner, out, sizeof(out), &packet, &local, &remote);

	if (v == ESP_NO_SA)
		return 0;
	assert_int_equal(v, ESP_OK);
	return (uint64_t)out[2] << 8 | out[3]; /* as child_of() numbers them; the pair's own is 1 */
}

/* What differs from row to row; the rest is as in the pair's own child. */
static const struct refused_case {
	const char *name;
	uint64_t id;
	uint32_t spi_in, spi_out;
	size_t key_in_len, key_out_len;
	size_t n_local, n_remote;
	int err;
} refused_cases[] = {
	{ "id in use", PAIR_ID, 256, 256, 36, 36, 1, 1, ERR_EXISTS },
	{ "SPI in use", 2, PAIR_SPI_IN, 256, 36, 36, 1, 1, ERR_EXISTS },
	{ "reserved SPI in", 2, 255, 256, 36, 36, 1, 1, ERR_VALUE },
	{ "reserved SPI out", 2, 256, 255, 36, 36, 1, 1, ERR_VALUE },
	{ "SPI out 0", 2, 256, 0, 36, 36, 1, 1, ERR_VALUE },
	{ "key in without salt", 2, 256, 256, 32, 36, 1, 1, ERR_VALUE },
	{ "key out cut", 2, 256, 256, 36, 35, 1, 1, ERR_VALUE },
	{ "no local selector", 2, 256, 256, 36, 36, 0, 1, ERR_VALUE },
	{ "no remote selector", 2, 256, 256, 36, 36, 1, 0, ERR_VALUE },
	{ "too many local selectors", 2, 256, 256, 36, 36, TS_MAX + 1, 1, ERR_VALUE },
	{ "too many remote selectors", 2, 256, 256, 36, 36, 1, TS_MAX + 1, ERR_VALUE },
	{ "smallest numbers", 2, 256, 256, 36, 36, 1, 1, 0 },
};

static void test_refused_children(void **state)
{
	struct esp_pair *p = *state;

	for (size_t i = 0; i < COUNT(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];
		struct esp_child child = child_of(p, c->id, "10.1.0.202");
		int err;

		child.spi_in = c->spi_in;
		child.spi_out = c->spi_out;
		child.key_in.len = c->key_in_len;
		child.key_out.len = c->key_out_len;
		child.ts_local.n = c->n_local;
		child.ts_remote.n = c->n_remote;
		err = esp_set_add(p->member, &child);
		if (err != c->err)
			fail_msg("%s: got %d, want %d", c->name, err, c->err);
		assert_int_equal(esp_set_count(p->member), err == 0 ? 2 : 1);
	}
}

static void test_newest_wins(void **state)
{
	struct esp_pair *p = *state;
	struct esp_child rekeyed = child_of(p, 2, PAIR_PEER_V4);
	struct esp_child wide = child_of(p, 3, "10.1.0.128/25");
	struct esp_child host = child_of(p, 4, "10.1.0.202");
	struct esp_child range = child_of(p, 5, "10.1.0.0/24");

	assert_int_equal(ip_parse("10.1.0.202", &range.ts_remote.items[0].range.first), 0);
	assert_int_equal(ip_parse("10.1.0.205", &range.ts_remote.items[0].range.last), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), PAIR_ID);
	add(p->member, &rekeyed);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 2);
	add(p->member, &wide);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 3);
	add(p->member, &host);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 3);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.1.0.202"), 4);
	add(p->member, &range);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.1.0.202"), 5);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.1.0.205"), 5);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.1.0.206"), 3);
	assert_int_equal(esp_set_remove(p->member, 5), 0);
	assert_int_equal(esp_set_remove(p->member, 3), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.1.0.202"), 4);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.1.0.205"), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 2);
	assert_int_equal(esp_set_remove(p->member, 2), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), PAIR_ID);
	assert_int_equal(esp_set_remove(p->member, PAIR_ID), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 0);
}

static void sum_packets_out(void *ctx, uint64_t id, const struct esp_stats *stats)
{
	assert_in_range(id, PAIR_ID, 2);
	*(uint64_t *)ctx += stats->packets_out;
}

/* A rekeyed SA receives at once, and sends when it is turned on: then it is the newest. */
static void test_outbound_is_turned_on_and_off(void **state)
{
	struct esp_pair *p = *state;
	struct esp_child rekeyed = child_of(p, 2, PAIR_PEER_V4),
			 narrow = child_of(p, 3, PAIR_PEER_V4);
	uint64_t n = 0;

	rekeyed.is_inbound_only = true;
	add(p->member, &rekeyed);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), PAIR_ID);
	assert_int_equal(esp_set_outbound(p->member, 2, false), 0);
	assert_int_equal(esp_set_outbound(p->member, 2, true), 0);
	assert_int_equal(esp_set_outbound(p->member, 2, true), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 2);
	assert_int_equal(esp_set_outbound(p->member, 2, false), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), PAIR_ID);
	esp_set_each(p->member, sum_packets_out, &n);
	assert_int_equal(n, 3);
	add(p->member, &narrow);
	assert_int_equal(esp_set_outbound(p->member, 2, true), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 2);
	/* Either kind can be removed, and is not there. */
	assert_int_equal(esp_set_outbound(p->member, PAIR_ID, false), 0);
	assert_int_equal(esp_set_remove(p->member, PAIR_ID), 0);
	assert_int_equal(esp_set_remove(p->member, 2), 0);
	assert_int_equal(esp_set_remove(p->member, 3), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), 0);
	assert_int_equal(esp_set_outbound(p->member, 2, true), ERR_NOT_FOUND);
}

static void test_remove(void **state)
{
	struct esp_pair *p = *state;
	struct endpoint from = p->child.remote;
	uint8_t packet[CAP], out[CAP];
	struct esp_stats stats = { .seq_out = 7 };
	struct bytes sealed = { packet, 0 }, inner;
	uint64_t id;
	bool moved;

	sealed.len = esp_pair_seal(p, 1, (struct bytes){ (const uint8_t *)"\1\2\0\73", 4 }, packet,
				   sizeof(packet));
	assert_int_equal(esp_inbound(p->member, 1, &from, sealed, out, &inner, &id, &moved),
			 ESP_DUMMY);
	assert_int_equal(esp_set_remove(p->member, PAIR_ID), 0);
	assert_int_equal(esp_set_remove(p->member, PAIR_ID), ERR_NOT_FOUND);
	assert_int_equal(esp_set_count(p->member), 0);
	assert_int_equal(esp_set_query(p->member, PAIR_ID, &stats), ERR_NOT_FOUND);
	assert_int_equal(stats.seq_out, 7);
	assert_int_equal(esp_inbound(p->member, 1, &from, sealed, out, &inner, &id, &moved),
			 ESP_UNKNOWN_SPI);
	assert_int_equal(esp_set_verdicts(p->member, ESP_UNKNOWN_SPI), 1);
	add(p->member, &p->child); /* numbers are free again */
}

static bool is_zero(const void *ptr, size_t len)
{
	const uint8_t *octets = ptr;

	while (len > 0 && octets[len - 1] == 0)
		len--;
	return len == 0;
}

static void test_wipe(void **state)
{
	struct esp_pair *p = *state;
	size_t size = sizeof(struct esp_sa) + p->child.ts_remote.n * sizeof(struct esp_rule);
	struct esp_sa *sa;
	struct aead *aead;

	assert_int_equal(sa_new(&p->child, 1, &sa), 0);
	assert_memory_equal(sa->key_in, p->child.key_in.ptr, 36);
	assert_memory_equal(sa->key_out, p->child.key_out.ptr, 36);
	assert_int_equal(sa_open_with(sa, p->crypto, &aead), 0);
	assert_int_equal(sa_seal_with(sa, p->crypto, &aead), 0);
	sa_wipe(sa); /* its contexts are for the leak checker to miss */
	assert_true(is_zero(sa, size));
	free(sa);
}

static void send_one(struct esp_set *set, uint64_t now_ms)
{
	uint8_t buf[CAP], out[CAP];
	struct bytes inner = { buf, inner_build_udp(PAIR_WEB_V4, PAIR_PEER_V4, 80, 0, buf, CAP) };
	struct bytes packet;
	struct endpoint local, remote;

	assert_int_equal(
	    esp_outbound(set, now_ms, inner, out, sizeof(out), &packet, &local, &remote), ESP_OK);
}

static enum esp_verdict receive_one(const struct esp_pair *p, uint64_t now_ms, uint32_t seq,
				    uint8_t flip)
{
	uint8_t packet[CAP], out[CAP];
	struct bytes sealed = { packet, 0 }, inner;
	uint64_t id;
	bool moved;

	sealed.len = esp_pair_seal(p, seq, (struct bytes){ (const uint8_t *)"\1\2\0\73", 4 },
				   packet, sizeof(packet));
	packet[20] ^= flip;
	return esp_inbound(p->member, now_ms, &p->child.remote, sealed, out, &inner, &id, &moved);
}

/* Contexts come with traffic and go with silence; keys, numbers and the window stay. */
static void test_trim(void **state)
{
	struct esp_pair *p = *state;
	struct esp_sa *sa = esp_set_find(p->member, PAIR_ID);

	assert_null(sa->opener);
	assert_null(sa->sealer);
	assert_int_equal(esp_set_trim(p->member, 100000, 0), 0);
	send_one(p->member, 1000);
	assert_null(sa->opener);
	assert_non_null(sa->sealer);
	assert_int_equal(receive_one(p, 1500, 1, 0), ESP_DUMMY);
	assert_int_equal(esp_set_trim(p->member, 1500, 2000), 0);
	assert_int_equal(esp_set_trim(p->member, 3000, 2000), 0);
	assert_int_equal(esp_set_trim(p->member, 3001, 2000), 1);
	assert_null(sa->sealer);
	assert_int_equal(esp_set_trim(p->member, 3501, 2000), 1);
	assert_null(sa->opener);
	assert_int_equal(receive_one(p, 4000, 1, 0), ESP_REPLAY);
	assert_int_equal(receive_one(p, 4000, 2, 1), ESP_BAD_ICV);
	assert_int_equal(esp_set_trim(p->member, 4000, 2000), 1); /* forgeries do not keep it */
	assert_int_equal(receive_one(p, 4000, 2, 0), ESP_DUMMY);
	send_one(p->member, 4000);
	assert_int_equal(sa->stats.seq_out, 2);
}

/* A random selector in a space so small that many overlap. */
static struct ts random_ts(const struct rng *rng)
{
	static const struct {
		uint8_t protocol;
		uint16_t first, last;
	} ports[] = { { 0, 0, 65535 },    { 0, 0, 65535 },    { 17, 0, 65535 },
		      { 17, 2000, 2000 }, { 17, 1000, 1999 }, { 6, 0, 65535 } };
	struct ts ts = { 0 };
	uint64_t r;
	uint8_t low, high, family;

	assert_int_equal(rng_u64(rng, &r), 0);
	ts.protocol = ports[r % COUNT(ports)].protocol;
	ts.port_first = ports[r % COUNT(ports)].first;
	ts.port_last = ports[r % COUNT(ports)].last;
	family = (r >> 8) % 4 == 0 ? IP_V6 : IP_V4;
	low = (uint8_t)(r >> 16) & 31;
	high = low;
	if ((r >> 24) % 4 == 0) { /* any range, which may happen to be a prefix */
		high = (uint8_t)(r >> 32) & 31;
	} else if ((r >> 24) % 4 == 1) { /* a prefix */
		uint8_t host = (uint8_t)((1 << (r >> 40) % 6) - 1);

		low = (uint8_t)(low & ~host);
		high = low | host;
	}
	ts.range.first.family = ts.range.last.family = family;
	ts.range.first.octets[family == IP_V4 ? 3 : 15] = low < high ? low : high;
	ts.range.last.octets[family == IP_V4 ? 3 : 15] = low < high ? high : low;
	return ts;
}

static bool is_in_list(const struct ts_list *list, const struct flow *flow,
		       const struct flow_side *side)
{
	for (size_t i = 0; i < list->n; i++) {
		if (flow_is_inside(flow, side, &list->items[i]))
			return true;
	}
	return false;
}

#define MODEL_MAX 64

/* What the index stands for: look at all, keep the newest. */
static uint64_t model_find(const struct esp_child *children, const uint64_t *serials,
			   const struct flow *flow)
{
	uint64_t newest = 0, id = 0;

	for (size_t i = 0; i < MODEL_MAX; i++) {
		if (serials[i] > newest && is_in_list(&children[i].ts_local, flow, &flow->src) &&
		    is_in_list(&children[i].ts_remote, flow, &flow->dst)) {
			newest = serials[i];
			id = children[i].id;
		}
	}
	return id;
}

static void compare_lookups(const struct esp_index *index, const struct esp_child *children,
			    const uint64_t *serials, size_t *n_found)
{
	for (unsigned int i = 0; i < 128; i++) {
		char dst[IP_TEXT_MAX];
		uint8_t buf[CAP];
		struct flow flow;
		struct esp_sa *sa;
		size_t len;

		if (i < 64)
			snprintf(dst, sizeof(dst), "0.0.0.%u", i & 31);
		else
			snprintf(dst, sizeof(dst), "::%x", i & 31);
		len = inner_build_udp(i < 64 ? "0.0.0.9" : "::9", dst, 80, 0, buf, sizeof(buf));
		if ((i & 32) != 0)
			buf[i < 64 ? 9 : 6] = 6;
		assert_int_equal(flow_decode((struct bytes){ buf, len }, &flow), 0);
		sa = index_find(index, &flow);
		if ((sa == NULL ? 0 : sa->id) != model_find(children, serials, &flow))
			fail_msg("to %s, protocol %u", dst, flow.protocol);
		*n_found += sa != NULL;
	}
}

static void random_child(struct esp_child *child, uint64_t id, const struct rng *rng)
{
	uint64_t r;

	assert_int_equal(rng_u64(rng, &r), 0);
	child->id = id;
	child->spi_in = 256 + (uint32_t)id;
	child->ts_local.n = 1 + r % 2;
	child->ts_remote.n = 1 + (r >> 8) % 4;
	for (size_t i = 0; i < child->ts_local.n; i++) {
		child->ts_local.items[i] = random_ts(rng);
		child->ts_local.items[i].range.first.octets[3] = 0;
		child->ts_local.items[i].range.first.octets[15] = 0;
	}
	for (size_t i = 0; i < child->ts_remote.n; i++)
		child->ts_remote.items[i] = random_ts(rng);
}

static void test_lookup_against_model(void **state)
{
	struct esp_pair *p = *state;
	struct rng_seeded seeded = { 42 };
	struct rng rng = rng_seeded(&seeded);
	struct esp_child *children = calloc(MODEL_MAX, sizeof(*children));
	uint64_t serials[MODEL_MAX] = { 0 }, r;
	size_t n_found = 0;

	assert_int_equal(esp_set_remove(p->member, PAIR_ID), 0);
	for (uint64_t step = 1; step <= 2000; step++) {
		assert_int_equal(rng_u64(&rng, &r), 0);
		r %= MODEL_MAX;
		if (serials[r] != 0) {
			assert_int_equal(esp_set_remove(p->member, r + 1), 0);
			serials[r] = 0;
		} else {
			children[r] = p->child;
			random_child(&children[r], r + 1, &rng);
			add(p->member, &children[r]);
			serials[r] = step;
		}
		if (step % 10 == 0)
			compare_lookups(&p->member->index, children, serials, &n_found);
	}
	assert_true(n_found > 5000 && n_found < 200 * 128);
	for (uint64_t i = 0; i < MODEL_MAX; i++) {
		if (serials[i] != 0)
			assert_int_equal(esp_set_remove(p->member, i + 1), 0);
	}
	assert_null(p->member->index.buckets);
	assert_null(p->member->index.ranges);
	assert_int_equal(p->member->index.v4.n, 0);
	assert_int_equal(p->member->index.v6.n, 0);
	free(children);
}

static void test_ten_thousand(void **state)
{
	enum {
		N = 10000,
	};
	struct esp_pair *p = *state;
	char remote[IP_TEXT_MAX];

	for (uint64_t id = 2; id <= N; id++) {
		struct esp_child child;

		snprintf(remote, sizeof(remote), "10.2.%u.%u", (unsigned int)(id >> 8),
			 (unsigned int)(id & 255));
		child = child_of(p, id, remote);
		add(p->member, &child);
	}
	assert_int_equal(esp_set_count(p->member), N);
	assert_int_equal(p->member->index.v4.n, 1);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.2.0.2"), 2);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.2.39.16"), 10000);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, "10.2.39.17"), 0);
	assert_int_equal(sender(p->member, PAIR_WEB_V4, PAIR_PEER_V4), PAIR_ID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_refused_children),
		PAIR_TEST(test_newest_wins),
		PAIR_TEST(test_outbound_is_turned_on_and_off),
		PAIR_TEST(test_remove),
		PAIR_TEST(test_wipe),
		PAIR_TEST(test_trim),
		PAIR_TEST(test_lookup_against_model),
		PAIR_TEST(test_ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
