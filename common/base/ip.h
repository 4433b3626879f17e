/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <sys/socket.h>

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * IP addresses, endpoints, prefixes and ranges as values, and their text. Nothing here opens a
 * socket or asks a resolver.
 */

enum ip_family {
	IP_NONE = 0, /* the zero value: no address */
	IP_V4 = 4,
	IP_V6 = 6,
};

struct ip {
	uint8_t family;     /* enum ip_family */
	uint8_t octets[16]; /* network order; IPv4 uses the first 4, the others are 0 */
};

struct endpoint {
	struct ip ip;
	uint16_t port; /* host order */
};

struct ip_prefix {
	struct ip ip; /* host bits are 0 */
	uint8_t bits;
};

/* first <= last, same family. */
struct ip_range {
	struct ip first;
	struct ip last;
};

#define IP_TEXT_MAX       46
#define ENDPOINT_TEXT_MAX 54
#define PREFIX_TEXT_MAX   50
#define RANGE_TEXT_MAX    94

/* 4 or 16, 0 for IP_NONE. */
size_t ip_size(const struct ip *ip);

/* View of the octets, of ip_size(). */
struct bytes ip_bytes(const struct ip *ip);

/* Returns 0, or ERR_VALUE if len is neither 4 nor 16. */
MUST_USE int ip_from_bytes(struct bytes octets, struct ip *out);

bool ip_is_equal(const struct ip *a, const struct ip *b);

/* memcmp order within one family; families order by number. */
int ip_compare(const struct ip *a, const struct ip *b);

bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b);

/* Adds n to the address as an integer; ERR_VALUE if it wraps. */
MUST_USE int ip_add(const struct ip *ip, uint64_t n, struct ip *out);

/*
 * Text to value: "192.0.2.1", "2001:db8::1"; "192.0.2.1:500", "[2001:db8::1]:500";
 * "192.0.2.0/24" (a bare address is a host prefix; host bits must be 0). ERR_VALUE for all else.
 */
MUST_USE int ip_parse(const char *text, struct ip *out);
MUST_USE int endpoint_parse(const char *text, struct endpoint *out);
MUST_USE int ip_prefix_parse(const char *text, struct ip_prefix *out);

/* Value to text, always terminated; returns out. "none" for IP_NONE. */
const char *ip_format(const struct ip *ip, char out[IP_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *ep, char out[ENDPOINT_TEXT_MAX]);
const char *ip_prefix_format(const struct ip_prefix *prefix, char out[PREFIX_TEXT_MAX]);

/* As a prefix where it is one ("10.0.0.0/8"), else "10.0.0.1-10.0.0.9". */
const char *ip_range_format(const struct ip_range *range, char out[RANGE_TEXT_MAX]);

struct ip_range ip_prefix_range(const struct ip_prefix *prefix);

/* True and the prefix if the range is exactly one. */
bool ip_range_is_prefix(const struct ip_range *range, struct ip_prefix *out);

/*
 * The fewest prefixes that make up the range, in order; at most 254. Returns how many there are and
 * writes up to cap of them.
 */
size_t ip_range_prefixes(const struct ip_range *range, struct ip_prefix *out, size_t cap);

bool ip_prefix_has(const struct ip_prefix *prefix, const struct ip *ip);
bool ip_range_has(const struct ip_range *range, const struct ip *ip);

/* True and the common part if the ranges overlap. */
bool ip_range_intersect(const struct ip_range *a, const struct ip_range *b, struct ip_range *out);

/* For the shells. from_sockaddr: ERR_VALUE for other families; v4-mapped becomes IPv4. */
socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *out);
MUST_USE int endpoint_from_sockaddr(const struct sockaddr_storage *sa, struct endpoint *out);

#endif
