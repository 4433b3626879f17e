/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/types.h"

#include "common/base/ip.h"
#include "common/crypto/suite.h"

/* ---- addresses ---- */

static bool is_multicast(const struct ip *ip)
{
	return ip->family == IP_V4 ? (ip->octets[0] & 0xf0) == 0xe0 : ip->octets[0] == 0xff;
}

static bool is_broadcast(const struct ip *ip)
{
	return ip->family == IP_V4 && memcmp(ip->octets, "\xff\xff\xff\xff", 4) == 0;
}

static bool is_wildcard(const struct ip *ip)
{
	const struct ip zeros = { .family = ip->family };

	return ip_is_equal(ip, &zeros);
}

/* Link-local IPv6 says nothing without its link, and would need a scope in each socket address. */
static bool is_link_local(const struct ip *ip)
{
	return ip->family == IP_V6 && ip->octets[0] == 0xfe && (ip->octets[1] & 0xc0) == 0x80;
}

/* It is an IPv4 address in disguise: nothing would ever compare equal to it. */
static bool is_mapped(const struct ip *ip)
{
	return ip->family == IP_V6 && memcmp(ip->octets, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
}

static int check_host(const struct conf_row *row, const struct ip *ip, const char *text,
		      struct conf_why *why)
{
	if (is_wildcard(ip) && (row->flags & CONF_WILDCARD) == 0)
		return conf_why_set(why, "must be the address of one host, not '%.80s'", text);
	if (is_multicast(ip) || is_broadcast(ip))
		return conf_why_set(
		    why, "must not be a multicast or broadcast address like '%.80s'", text);
	if (is_link_local(ip))
		return conf_why_set(why, "must not be a link-local address like '%.80s'", text);
	if (is_mapped(ip))
		return conf_why_set(why, "must be written as the IPv4 address that '%.80s' means",
				    text);
	return 0;
}

static int parse_ip(const struct conf_row *row, const char *text, const char *folder, void *value,
		    struct conf_why *why)
{
	struct ip ip;
	int err = ip_parse(text, &ip);

	(void)folder;
	if (err == 0)
		err = check_host(row, &ip, text, why);
	if (err == 0)
		memcpy(value, &ip, sizeof(ip));
	return err;
}

static const char *format_ip(const struct conf_row *row, const void *value,
			     char out[CONF_VALUE_TEXT_MAX])
{
	const struct ip *ip = value;

	(void)row;
	return ip->family == IP_NONE ? NULL : ip_format(ip, out);
}

const struct conf_type conf_type_ip = {
	.what = "an IP address",
	.size = sizeof(struct ip),
	.parse = parse_ip,
	.format = format_ip,
};

static int parse_endpoint(const struct conf_row *row, const char *text, const char *folder,
			  void *value, struct conf_why *why)
{
	struct endpoint ep;
	int err = endpoint_parse(text, &ep);

	(void)folder;
	if (err != 0)
		return err;
	if (ep.port == 0)
		return conf_why_set(why, "must have a port from 1 to 65535, not '%.80s'", text);
	err = check_host(row, &ep.ip, text, why);
	if (err == 0)
		memcpy(value, &ep, sizeof(ep));
	return err;
}

static const char *format_endpoint(const struct conf_row *row, const void *value,
				   char out[CONF_VALUE_TEXT_MAX])
{
	const struct endpoint *ep = value;

	(void)row;
	return ep->ip.family == IP_NONE ? NULL : endpoint_format(ep, out);
}

const struct conf_type conf_type_endpoint = {
	.what = "an address and port like 192.0.2.1:7400 or [2001:db8::1]:7400",
	.size = sizeof(struct endpoint),
	.parse = parse_endpoint,
	.format = format_endpoint,
};

/* ---- prefixes ---- */

/* True and the prefix that was meant if text is one but for its host bits. */
static bool has_host_bits(const char *text, struct ip_prefix *meant)
{
	const char *slash = strchr(text, '/');
	char host[IP_TEXT_MAX], zeros[PREFIX_TEXT_MAX];
	struct ip_prefix whole;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(host) || strlen(slash) > 4)
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(slash - text), text);
	if (ip_parse(host, &meant->ip) != 0)
		return false;
	snprintf(zeros, sizeof(zeros), "%s%s", meant->ip.family == IP_V4 ? "0.0.0.0" : "::", slash);
	if (ip_prefix_parse(zeros, &whole) != 0)
		return false;
	meant->bits = whole.bits;
	for (unsigned int bit = meant->bits; bit < ip_size(&meant->ip) * 8; bit++)
		meant->ip.octets[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return true;
}

static int parse_prefix(const struct conf_row *row, const char *text, const char *folder,
			void *value, struct conf_why *why)
{
	struct ip_prefix prefix, meant;
	char meant_text[PREFIX_TEXT_MAX];
	int err = ip_prefix_parse(text, &prefix);

	(void)row;
	(void)folder;
	if (err != 0 && has_host_bits(text, &meant))
		return conf_why_set(why,
				    "must have no bits set beyond its length: '%.60s' could be %s",
				    text, ip_prefix_format(&meant, meant_text));
	if (err == 0)
		memcpy(value, &prefix, sizeof(prefix));
	return err;
}

static const char *format_prefix(const struct conf_row *row, const void *value,
				 char out[CONF_VALUE_TEXT_MAX])
{
	const struct ip_prefix *prefix = value;

	(void)row;
	return prefix->ip.family == IP_NONE ? NULL : ip_prefix_format(prefix, out);
}

const struct conf_type conf_type_prefix = {
	.what = "a prefix like 10.1.0.0/24 or 2001:db8::/32",
	.size = sizeof(struct ip_prefix),
	.parse = parse_prefix,
	.format = format_prefix,
};

/* ---- suites ---- */

/* Names the first part of a suite that is no algorithm, if there is one. */
static int refuse_suite(const char *text, struct conf_why *why)
{
	char parts[SUITE_TEXT_MAX], *rest = NULL;

	if (strlen(text) >= sizeof(parts))
		return ERR_VALUE;
	memcpy(parts, text, strlen(text) + 1);
	for (char *p = strtok_r(parts, "-", &rest); p != NULL; p = strtok_r(NULL, "-", &rest)) {
		if (encr_by_name(p) == NULL && prf_by_name(p) == NULL && kex_by_name(p) == NULL)
			return conf_why_set(why, "names the unknown algorithm '%s' in '%s'", p,
					    text);
	}
	return ERR_VALUE;
}

static int parse_ike_suite(const struct conf_row *row, const char *text, const char *folder,
			   void *value, struct conf_why *why)
{
	struct ike_suite suite;

	(void)row;
	(void)folder;
	if (ike_suite_parse(text, &suite) != 0)
		return refuse_suite(text, why);
	memcpy(value, &suite, sizeof(suite));
	return 0;
}

static const char *format_ike_suite(const struct conf_row *row, const void *value,
				    char out[CONF_VALUE_TEXT_MAX])
{
	const struct ike_suite *suite = value;

	(void)row;
	return suite->encr == NULL ? NULL : ike_suite_format(suite, out);
}

const struct conf_type conf_type_ike_suite = {
	.what = "an IKE suite like aes256gcm16-prfsha256-x25519",
	.size = sizeof(struct ike_suite),
	.parse = parse_ike_suite,
	.format = format_ike_suite,
};

static int parse_esp_suite(const struct conf_row *row, const char *text, const char *folder,
			   void *value, struct conf_why *why)
{
	struct esp_suite suite;

	(void)row;
	(void)folder;
	if (esp_suite_parse(text, &suite) != 0)
		return refuse_suite(text, why);
	memcpy(value, &suite, sizeof(suite));
	return 0;
}

static const char *format_esp_suite(const struct conf_row *row, const void *value,
				    char out[CONF_VALUE_TEXT_MAX])
{
	const struct esp_suite *suite = value;

	(void)row;
	return suite->encr == NULL ? NULL : esp_suite_format(suite, out);
}

const struct conf_type conf_type_esp_suite = {
	.what = "an ESP suite like aes256gcm16 or aes256gcm16-x25519",
	.size = sizeof(struct esp_suite),
	.parse = parse_esp_suite,
	.format = format_esp_suite,
};
