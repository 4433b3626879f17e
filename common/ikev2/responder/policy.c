/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/policy.h"

#include <ctype.h>
#include <stdlib.h>

/* Without memory an element is not added, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
	struct policy_peer peer;
	UT_hash_handle hh;
	size_t key_len;
	uint8_t key[]; /* see write_key() */
};

struct policy {
	struct entry *by_id;
};

/* type | data, where data is a name: with small letters, as names compare (RFC 7296, 3.5). */
static void write_key(const struct id_body *id, uint8_t *key)
{
	bool is_name = id->type == ID_FQDN || id->type == ID_RFC822_ADDR;

	key[0] = id->type;
	for (size_t i = 0; i < id->data.len; i++)
		key[1 + i] = is_name ? (uint8_t)tolower(id->data.ptr[i]) : id->data.ptr[i];
}

struct policy *policy_new(const struct policy_peer *peers, size_t n)
{
	struct policy *p = calloc(1, sizeof(*p));

	for (size_t i = 0; p != NULL && i < n; i++) {
		struct entry *e = calloc(1, sizeof(*e) + 1 + peers[i].id.data.len);

		if (e == NULL) {
			policy_free(p);
			return NULL;
		}
		e->peer = peers[i];
		e->key_len = 1 + peers[i].id.data.len;
		write_key(&peers[i].id, e->key);
		e->peer.id.data.ptr = e->key + 1;
		HASH_ADD_KEYPTR(hh, p->by_id, e->key, e->key_len, e);
		if (e->hh.tbl == NULL) {
			free(e);
			policy_free(p);
			return NULL;
		}
	}
	return p;
}

void policy_free(struct policy *p)
{
	struct entry *e, *next;

	if (p == NULL)
		return;
	e = p->by_id;
	HASH_CLEAR(hh, p->by_id);
	for (; e != NULL; e = next) {
		next = e->hh.next;
		free(e);
	}
	free(p);
}

const struct policy_peer *policy_find(const struct policy *p, const struct id_body *id)
{
	uint8_t key[1 + ID_TEXT_MAX];
	struct entry *e = NULL;

	if (id->data.len > ID_TEXT_MAX)
		return NULL;
	write_key(id, key);
	HASH_FIND(hh, p->by_id, key, 1 + id->data.len, e);
	return e != NULL ? &e->peer : NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_key_id(const char *hex, uint8_t buf[ID_TEXT_MAX], struct id_body *out)
{
	size_t digits = strlen(hex);

	if (digits == 0 || digits % 2 != 0 || digits / 2 > ID_TEXT_MAX)
		return ERR_VALUE;
	for (size_t i = 0; i < digits / 2; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_VALUE;
		buf[i] = (uint8_t)(high << 4 | low);
	}
	*out = (struct id_body){ ID_KEY_ID, { buf, digits / 2 } };
	return 0;
}

int policy_id_parse(const char *text, uint8_t buf[ID_TEXT_MAX], struct id_body *out)
{
	size_t len = strlen(text);
	struct ip ip;

	if (text[0] == '#')
		return parse_key_id(text + 1, buf, out);
	if (len == 0 || len >= ID_TEXT_MAX)
		return ERR_VALUE;
	if (ip_parse(text, &ip) == 0) {
		struct bytes octets = ip_bytes(&ip);

		memcpy(buf, octets.ptr, octets.len);
		*out = (struct id_body){ ip.family == IP_V4 ? ID_IPV4_ADDR : ID_IPV6_ADDR,
					 { buf, octets.len } };
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)text[i]))
			return ERR_VALUE;
		buf[i] = (uint8_t)text[i];
	}
	*out =
	    (struct id_body){ strchr(text, '@') != NULL ? ID_RFC822_ADDR : ID_FQDN, { buf, len } };
	return 0;
}
