/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

size_t ip_size(const struct ip *ip)
{
	return ip->family == IP_V4 ? 4 : ip->family == IP_V6 ? 16 : 0;
}

struct bytes ip_bytes(const struct ip *ip)
{
	return (struct bytes){ ip->octets, ip_size(ip) };
}

int ip_from_bytes(struct bytes octets, struct ip *out)
{
	struct ip ip = { .family = octets.len == 4 ? IP_V4 : IP_V6 };

	if (octets.len != 4 && octets.len != 16)
		return ERR_VALUE;
	memcpy(ip.octets, octets.ptr, octets.len);
	*out = ip;
	return 0;
}

bool ip_is_equal(const struct ip *a, const struct ip *b)
{
	return ip_compare(a, b) == 0;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octets, b->octets, ip_size(a));
}

bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_is_equal(&a->ip, &b->ip);
}

int ip_add(const struct ip *ip, uint64_t n, struct ip *out)
{
	struct ip sum = *ip;
	unsigned int carry = 0;

	for (size_t i = ip_size(ip); i > 0; i--) {
		carry += sum.octets[i - 1] + (unsigned int)(n & 0xff);
		sum.octets[i - 1] = (uint8_t)carry;
		carry >>= 8;
		n >>= 8;
	}
	if (carry > 0 || n > 0)
		return ERR_VALUE;
	*out = sum;
	return 0;
}

int ip_parse(const char *text, struct ip *out)
{
	struct ip ip = { .family = IP_V4 };

	if (inet_pton(AF_INET, text, ip.octets) != 1) {
		ip.family = IP_V6;
		if (inet_pton(AF_INET6, text, ip.octets) != 1)
			return ERR_VALUE;
	}
	*out = ip;
	return 0;
}

/* Decimal without sign, blanks or leading zeros. */
static int parse_number(const char *text, uint32_t max, uint32_t *out)
{
	uint32_t value = 0;

	if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
		return ERR_VALUE;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return ERR_VALUE;
		value = value * 10 + (uint32_t)(*text - '0');
		if (value > max)
			return ERR_VALUE;
	}
	*out = value;
	return 0;
}

/* Copies text up to end into a terminated buffer; ERR_VALUE if it cannot be an address. */
static int copy_host(const char *text, const char *end, char host[IP_TEXT_MAX])
{
	size_t len = (size_t)(end - text);

	if (len >= IP_TEXT_MAX)
		return ERR_VALUE;
	memcpy(host, text, len);
	host[len] = '\0';
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *out)
{
	const char *colon = strrchr(text, ':');
	bool is_v6 = text[0] == '[';
	struct endpoint ep;
	char host[IP_TEXT_MAX];
	uint32_t port;

	if (colon == NULL || (is_v6 && (colon - text < 2 || colon[-1] != ']')))
		return ERR_VALUE;
	if (copy_host(text + is_v6, colon - is_v6, host) != 0 || ip_parse(host, &ep.ip) != 0 ||
	    parse_number(colon + 1, UINT16_MAX, &port) != 0)
		return ERR_VALUE;
	if ((ep.ip.family == IP_V6) != is_v6)
		return ERR_VALUE;
	ep.port = (uint16_t)port;
	*out = ep;
	return 0;
}

/* The bits of octet i that lie beyond a prefix length. */
static uint8_t host_mask(size_t i, uint8_t bits)
{
	size_t first = i * 8;

	if (bits >= first + 8)
		return 0;
	if (bits <= first)
		return 0xff;
	return (uint8_t)(0xff >> (bits - first));
}

/* The address with the bits beyond the prefix length all set or all clear. */
static struct ip with_host_bits(const struct ip *ip, uint8_t bits, bool set)
{
	struct ip out = *ip;

	for (size_t i = 0; i < ip_size(ip); i++) {
		unsigned int mask = host_mask(i, bits);
		unsigned int octet = out.octets[i];

		out.octets[i] = (uint8_t)(set ? octet | mask : octet & ~mask);
	}
	return out;
}

int ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	const char *slash = strchr(text, '/');
	const char *end = slash != NULL ? slash : text + strlen(text);
	struct ip_prefix prefix;
	char host[IP_TEXT_MAX];
	struct ip base;
	uint32_t bits;

	if (copy_host(text, end, host) != 0 || ip_parse(host, &prefix.ip) != 0)
		return ERR_VALUE;
	bits = (uint32_t)ip_size(&prefix.ip) * 8;
	if (slash != NULL && parse_number(slash + 1, bits, &bits) != 0)
		return ERR_VALUE;
	prefix.bits = (uint8_t)bits;
	base = with_host_bits(&prefix.ip, prefix.bits, false);
	if (!ip_is_equal(&base, &prefix.ip))
		return ERR_VALUE;
	*out = prefix;
	return 0;
}

const char *ip_format(const struct ip *ip, char out[IP_TEXT_MAX])
{
	int family = ip->family == IP_V4 ? AF_INET : AF_INET6;

	if (ip_size(ip) == 0 || inet_ntop(family, ip->octets, out, IP_TEXT_MAX) == NULL)
		snprintf(out, IP_TEXT_MAX, "none");
	return out;
}

const char *endpoint_format(const struct endpoint *ep, char out[ENDPOINT_TEXT_MAX])
{
	char host[IP_TEXT_MAX];

	snprintf(out, ENDPOINT_TEXT_MAX, ep->ip.family == IP_V6 ? "[%s]:%u" : "%s:%u",
		 ip_format(&ep->ip, host), (unsigned int)ep->port);
	return out;
}

const char *ip_prefix_format(const struct ip_prefix *prefix, char out[PREFIX_TEXT_MAX])
{
	char host[IP_TEXT_MAX];

	snprintf(out, PREFIX_TEXT_MAX, "%s/%u", ip_format(&prefix->ip, host),
		 (unsigned int)prefix->bits);
	return out;
}

const char *ip_range_format(const struct ip_range *range, char out[RANGE_TEXT_MAX])
{
	struct ip_prefix prefix;
	char first[IP_TEXT_MAX], last[IP_TEXT_MAX], text[PREFIX_TEXT_MAX];

	if (ip_range_is_prefix(range, &prefix))
		snprintf(out, RANGE_TEXT_MAX, "%s", ip_prefix_format(&prefix, text));
	else
		snprintf(out, RANGE_TEXT_MAX, "%s-%s", ip_format(&range->first, first),
			 ip_format(&range->last, last));
	return out;
}

struct ip_range ip_prefix_range(const struct ip_prefix *prefix)
{
	return (struct ip_range){ prefix->ip, with_host_bits(&prefix->ip, prefix->bits, true) };
}

bool ip_range_is_prefix(const struct ip_range *range, struct ip_prefix *out)
{
	for (size_t bits = 0; bits <= ip_size(&range->first) * 8; bits++) {
		struct ip_prefix prefix = { with_host_bits(&range->first, (uint8_t)bits, false),
					    (uint8_t)bits };
		struct ip_range whole = ip_prefix_range(&prefix);

		if (ip_is_equal(&whole.first, &range->first) &&
		    ip_is_equal(&whole.last, &range->last)) {
			*out = prefix;
			return true;
		}
	}
	return false;
}

/* The largest prefix that begins at first and does not go beyond last. */
static struct ip_prefix largest_prefix(const struct ip *first, const struct ip *last)
{
	uint8_t bits = (uint8_t)(ip_size(first) * 8);
	struct ip_prefix prefix = { *first, bits };

	while (bits > 0) {
		struct ip_prefix wider = { with_host_bits(first, (uint8_t)(bits - 1), false),
					   (uint8_t)(bits - 1) };
		struct ip_range whole = ip_prefix_range(&wider);

		if (!ip_is_equal(&wider.ip, first) || ip_compare(&whole.last, last) > 0)
			break;
		prefix = wider;
		bits--;
	}
	return prefix;
}

size_t ip_range_prefixes(const struct ip_range *range, struct ip_prefix *out, size_t cap)
{
	struct ip first = range->first;
	size_t n = 0;

	for (;;) {
		struct ip_prefix prefix = largest_prefix(&first, &range->last);
		struct ip_range whole = ip_prefix_range(&prefix);

		if (n < cap)
			out[n] = prefix;
		n++;
		if (ip_compare(&whole.last, &range->last) >= 0 ||
		    ip_add(&whole.last, 1, &first) != 0)
			return n;
	}
}

bool ip_prefix_has(const struct ip_prefix *prefix, const struct ip *ip)
{
	struct ip base;

	if (prefix->ip.family != ip->family)
		return false;
	base = with_host_bits(ip, prefix->bits, false);
	return ip_is_equal(&base, &prefix->ip);
}

bool ip_range_has(const struct ip_range *range, const struct ip *ip)
{
	return ip->family == range->first.family && ip_compare(&range->first, ip) <= 0 &&
	       ip_compare(ip, &range->last) <= 0;
}

bool ip_range_intersect(const struct ip_range *a, const struct ip_range *b, struct ip_range *out)
{
	struct ip_range common = *a;

	if (a->first.family != b->first.family)
		return false;
	if (ip_compare(&b->first, &common.first) > 0)
		common.first = b->first;
	if (ip_compare(&b->last, &common.last) < 0)
		common.last = b->last;
	if (ip_compare(&common.first, &common.last) > 0)
		return false;
	*out = common;
	return true;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (ep->ip.family == IP_V6) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)out;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(ep->port);
		memcpy(&sin6->sin6_addr, ep->ip.octets, 16);
		return sizeof(*sin6);
	}
	struct sockaddr_in *sin = (struct sockaddr_in *)out;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(ep->port);
	memcpy(&sin->sin_addr, ep->ip.octets, 4);
	return sizeof(*sin);
}

int endpoint_from_sockaddr(const struct sockaddr_storage *sa, struct endpoint *out)
{
	struct endpoint ep = { .ip = { .family = IP_V4 } };

	if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;

		memcpy(ep.ip.octets, &sin->sin_addr, 4);
		ep.port = ntohs(sin->sin_port);
	} else if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;

		ep.port = ntohs(sin6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
			memcpy(ep.ip.octets, (const uint8_t *)&sin6->sin6_addr + 12, 4);
		} else {
			ep.ip.family = IP_V6;
			memcpy(ep.ip.octets, &sin6->sin6_addr, 16);
		}
	} else {
		return ERR_VALUE;
	}
	*out = ep;
	return 0;
}
