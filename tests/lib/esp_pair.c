/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/esp_pair.h"

#include <stdlib.h>

#include "common/wire/wr.h"

#define KEY_LEN 36

static const uint8_t key_in[KEY_LEN] = "key of what the peer sends, 32 long" /* and salt */;
static const uint8_t key_out[KEY_LEN] = "key of what the member sends, 32 .." /* and salt */;

struct ts ts_of(const char *prefix, uint8_t protocol, uint16_t first, uint16_t last)
{
	struct ip_prefix parsed;

	if (ip_prefix_parse(prefix, &parsed) != 0)
		abort();
	return (struct ts){ protocol, first, last, ip_prefix_range(&parsed) };
}

struct ts_list ts_list_of(const char *prefix)
{
	return (struct ts_list){ 1, { ts_of(prefix, 0, 0, 65535) } };
}

struct endpoint endpoint_of(const char *text)
{
	struct endpoint ep;

	if (endpoint_parse(text, &ep) != 0)
		abort();
	return ep;
}

struct esp_child esp_child_mirror(const struct esp_child *child)
{
	struct esp_child m = *child;

	m.spi_in = child->spi_out;
	m.spi_out = child->spi_in;
	m.key_in = child->key_out;
	m.key_out = child->key_in;
	m.local = child->remote;
	m.remote = child->local;
	m.ts_local = child->ts_remote;
	m.ts_remote = child->ts_local;
	return m;
}

static void add_both(struct esp_pair *p)
{
	struct esp_child mirror = esp_child_mirror(&p->child);

	if (esp_set_add(p->member, &p->child) != 0 || esp_set_add(p->peer, &mirror) != 0)
		abort();
}

void esp_pair_open(struct esp_pair *p)
{
	p->crypto = crypto_new();
	p->member = esp_set_new(p->crypto);
	p->peer = esp_set_new(p->crypto);
	p->child = (struct esp_child){
		.id = PAIR_ID,
		.spi_in = PAIR_SPI_IN,
		.spi_out = PAIR_SPI_OUT,
		.encr = encr_find(ENCR_AES_GCM_16, 256),
		.key_in = { key_in, KEY_LEN },
		.key_out = { key_out, KEY_LEN },
		.local = endpoint_of("192.0.2.21:4500"),
		.remote = endpoint_of("192.0.2.101:4500"),
		.ts_local = { 2,
			      { ts_of("10.1.0.0/25", 0, 0, 65535),
				ts_of("2001:db8:1::/64", 0, 0, 65535) } },
		.ts_remote = { 2,
			       { ts_of(PAIR_PEER_V4, 0, 0, 65535),
				 ts_of(PAIR_PEER_V6, 0, 0, 65535) } },
	};
	if (p->crypto == NULL || p->member == NULL || p->peer == NULL || p->child.encr == NULL)
		abort();
	add_both(p);
}

void esp_pair_reset(struct esp_pair *p)
{
	if (esp_set_remove(p->member, PAIR_ID) != 0 || esp_set_remove(p->peer, PAIR_ID) != 0)
		abort();
	add_both(p);
}

void esp_pair_close(struct esp_pair *p)
{
	esp_set_free(p->member);
	esp_set_free(p->peer);
	crypto_free(p->crypto);
}

size_t esp_pair_seal(const struct esp_pair *p, uint32_t seq, struct bytes plain, uint8_t *out,
		     size_t cap)
{
	static const uint8_t no_icv[AEAD_ICV_MAX];
	struct wr w = wr_init(out, cap);
	struct bytes whole;

	wr_u32(&w, PAIR_SPI_IN);
	wr_u32(&w, seq);
	wr_u64(&w, seq);
	wr_bytes(&w, plain);
	wr_bytes(&w, (struct bytes){ no_icv, p->child.encr->icv_size });
	if (wr_finish(&w, &whole) != 0 ||
	    aead_seal(p->crypto, p->child.encr, p->child.key_in, out + 8, (struct bytes){ out, 8 },
		      plain, out + 16) != 0)
		abort();
	return whole.len;
}
