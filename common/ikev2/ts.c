/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/body.h"

#include <stdio.h>

#include "common/wire/rd.h"

#define TS_IPV4_ADDR_RANGE 7
#define TS_IPV6_ADDR_RANGE 8
#define IPV4_SIZE          4
#define IPV6_SIZE          16
#define RESERVED_SIZE      3
#define HEAD_SIZE          4 /* of a selector, up to the end of its length */
#define PORT_MAX           UINT16_MAX

/* ---- on the wire ---- */

static size_t address_size(uint8_t type)
{
	return type == TS_IPV4_ADDR_RANGE ? IPV4_SIZE : type == TS_IPV6_ADDR_RANGE ? IPV6_SIZE : 0;
}

static bool has_opaque_ports(const struct ts *ts)
{
	return ts->port_first == PORT_MAX && ts->port_last == 0;
}

static bool has_any_port(const struct ts *ts)
{
	return ts->port_first == 0 && ts->port_last == PORT_MAX;
}

static bool is_valid_ts(const struct ts *ts)
{
	return ip_size(&ts->range.first) > 0 && ts->range.first.family == ts->range.last.family &&
	       ip_compare(&ts->range.first, &ts->range.last) <= 0 &&
	       (ts->port_first <= ts->port_last || has_opaque_ports(ts));
}

/* One selector; *is_known is false, and nothing else set, for a type that we do not know. */
static int selector_decode(struct rd *list, struct ts *out, bool *is_known)
{
	struct ts ts = { .protocol = 0 };
	uint8_t type = rd_u8(list);
	uint8_t protocol = rd_u8(list);
	struct rd r = rd_sub_len16(list, HEAD_SIZE);
	size_t size = address_size(type);

	if (r.err != 0)
		return r.err;
	*is_known = size > 0;
	if (!*is_known)
		return 0;
	ts.protocol = protocol;
	ts.port_first = rd_u16(&r);
	ts.port_last = rd_u16(&r);
	if (ip_from_bytes(rd_bytes(&r, size), &ts.range.first) != 0 ||
	    ip_from_bytes(rd_bytes(&r, size), &ts.range.last) != 0 || rd_finish(&r) != 0 ||
	    !is_valid_ts(&ts))
		return ERR_VALUE;
	*out = ts;
	return 0;
}

int ts_decode(struct bytes body, struct ts_list *out)
{
	struct rd r = rd_init(body);
	struct ts_list list = { .n = 0 };
	uint8_t count = rd_u8(&r);
	int err;

	(void)rd_bytes(&r, RESERVED_SIZE);
	if (r.err != 0)
		return r.err;
	if (count == 0)
		return ERR_VALUE;
	if (count > TS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		bool is_known;

		err = selector_decode(&r, &list.items[list.n], &is_known);
		if (err != 0)
			return err;
		list.n += is_known;
	}
	err = rd_finish(&r);
	if (err != 0)
		return err;
	*out = list;
	return 0;
}

static void selector_encode(struct wr *w, const struct ts *ts)
{
	bool is_v4 = ts->range.first.family == IP_V4;
	size_t length;

	if (!is_valid_ts(ts)) {
		wr_fail(w, ERR_VALUE);
		return;
	}
	wr_u8(w, is_v4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
	wr_u8(w, ts->protocol);
	length = wr_open_len16(w);
	wr_u16(w, ts->port_first);
	wr_u16(w, ts->port_last);
	wr_bytes(w, ip_bytes(&ts->range.first));
	wr_bytes(w, ip_bytes(&ts->range.last));
	wr_close_len16(w, length, HEAD_SIZE);
}

void ts_encode(struct wr *w, const struct ts_list *list)
{
	static const uint8_t zeros[RESERVED_SIZE];

	if (list->n == 0 || list->n > TS_MAX) {
		wr_fail(w, ERR_VALUE);
		return;
	}
	wr_u8(w, (uint8_t)list->n);
	wr_bytes(w, (struct bytes){ zeros, sizeof(zeros) });
	for (size_t i = 0; i < list->n; i++)
		selector_encode(w, &list->items[i]);
}

/* ---- as sets ---- */

struct ts ts_from_prefix(const struct ip_prefix *prefix)
{
	return (struct ts){ .port_last = PORT_MAX, .range = ip_prefix_range(prefix) };
}

static bool ports_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
	if (has_opaque_ports(a) || has_opaque_ports(b)) {
		out->port_first = PORT_MAX;
		out->port_last = 0;
		return (has_opaque_ports(a) || has_any_port(a)) &&
		       (has_opaque_ports(b) || has_any_port(b));
	}
	out->port_first = a->port_first > b->port_first ? a->port_first : b->port_first;
	out->port_last = a->port_last < b->port_last ? a->port_last : b->port_last;
	return out->port_first <= out->port_last;
}

bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
	struct ts common = { .protocol = a->protocol != 0 ? a->protocol : b->protocol };

	if (a->protocol != 0 && b->protocol != 0 && a->protocol != b->protocol)
		return false;
	if (!ports_intersect(a, b, &common) ||
	    !ip_range_intersect(&a->range, &b->range, &common.range))
		return false;
	*out = common;
	return true;
}

static bool ts_is_equal(const struct ts *a, const struct ts *b)
{
	return a->protocol == b->protocol && a->port_first == b->port_first &&
	       a->port_last == b->port_last && ip_is_equal(&a->range.first, &b->range.first) &&
	       ip_is_equal(&a->range.last, &b->range.last);
}

static bool ts_covers(const struct ts *whole, const struct ts *part)
{
	struct ts common;

	return ts_intersect(whole, part, &common) && ts_is_equal(&common, part);
}

/* Keeps the list free of selectors that another one covers; a full list stays as it is. */
static void ts_list_add(struct ts_list *list, const struct ts *ts)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (ts_covers(&list->items[i], ts))
			return;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (!ts_covers(ts, &list->items[i]))
			list->items[kept++] = list->items[i];
	}
	list->n = kept;
	if (list->n < TS_MAX)
		list->items[list->n++] = *ts;
}

int ts_narrow(const struct ts_list *offer, const struct ts_list *policy, struct ts_list *out)
{
	struct ts_list list = { .n = 0 };

	for (size_t i = 0; i < offer->n; i++) {
		for (size_t j = 0; j < policy->n; j++) {
			struct ts common;

			if (ts_intersect(&offer->items[i], &policy->items[j], &common))
				ts_list_add(&list, &common);
		}
	}
	if (list.n == 0)
		return ERR_NOT_FOUND;
	*out = list;
	return 0;
}

static bool is_covered(const struct ts *ts, const struct ts_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (ts_covers(&list->items[i], ts))
			return true;
	}
	return false;
}

bool ts_is_within(const struct ts_list *inner, const struct ts_list *outer)
{
	for (size_t i = 0; i < inner->n; i++) {
		if (!is_covered(&inner->items[i], outer))
			return false;
	}
	return true;
}

const char *ts_format(const struct ts *ts, char out[TS_TEXT_MAX])
{
	char range[RANGE_TEXT_MAX];
	unsigned int protocol = ts->protocol, first = ts->port_first, last = ts->port_last;

	ip_range_format(&ts->range, range);
	if (has_opaque_ports(ts))
		snprintf(out, TS_TEXT_MAX, "%s[%u/opaque]", range, protocol);
	else if (!has_any_port(ts) && first == last)
		snprintf(out, TS_TEXT_MAX, "%s[%u/%u]", range, protocol, first);
	else if (!has_any_port(ts))
		snprintf(out, TS_TEXT_MAX, "%s[%u/%u-%u]", range, protocol, first, last);
	else if (protocol != 0)
		snprintf(out, TS_TEXT_MAX, "%s[%u]", range, protocol);
	else
		snprintf(out, TS_TEXT_MAX, "%s", range);
	return out;
}
