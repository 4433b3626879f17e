/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/sa.h"

#include <stdlib.h>

#include "common/base/secret.h"

#define SPI_MIN 256 /* RFC 4303, 2.1: 1 to 255 are reserved, 0 is never sent */

static bool is_valid_list(const struct ts_list *list)
{
	return list->n > 0 && list->n <= TS_MAX;
}

static bool is_valid_child(const struct esp_child *child)
{
	size_t key_len = (size_t)child->encr->key_size + child->encr->salt_size;

	return child->spi_in >= SPI_MIN && child->spi_out >= SPI_MIN && key_len <= ENCR_KEY_MAX &&
	       child->key_in.len == key_len && child->key_out.len == key_len &&
	       is_valid_list(&child->ts_local) && is_valid_list(&child->ts_remote);
}

static void copy_child(struct esp_sa *sa, const struct esp_child *child)
{
	sa->id = child->id;
	sa->spi_in = child->spi_in;
	sa->spi_out = child->spi_out;
	sa->encr = child->encr;
	memcpy(sa->key_in, child->key_in.ptr, child->key_in.len);
	memcpy(sa->key_out, child->key_out.ptr, child->key_out.len);
	sa->local = child->local;
	sa->remote = child->remote;
	sa->n_local = child->ts_local.n;
	memcpy(sa->local_ts, child->ts_local.items, sa->n_local * sizeof(*sa->local_ts));
	sa->n_rules = child->ts_remote.n;
	for (size_t i = 0; i < sa->n_rules; i++)
		sa->rules[i] = (struct esp_rule){ .remote = child->ts_remote.items[i], .sa = sa };
}

int sa_new(const struct esp_child *child, uint64_t serial, struct esp_sa **out)
{
	struct esp_sa *sa;

	if (!is_valid_child(child))
		return ERR_VALUE;
	sa = calloc(1, sizeof(*sa) + child->ts_remote.n * sizeof(sa->rules[0]));
	if (sa == NULL)
		return ERR_NO_MEMORY;
	sa->local_ts = calloc(child->ts_local.n, sizeof(*sa->local_ts));
	if (sa->local_ts == NULL) {
		free(sa);
		return ERR_NO_MEMORY;
	}
	sa->serial = serial;
	copy_child(sa, child);
	*out = sa;
	return 0;
}

void sa_wipe(struct esp_sa *sa)
{
	aead_free(sa->opener);
	aead_free(sa->sealer);
	free(sa->local_ts);
	wipe(sa, sizeof(*sa) + sa->n_rules * sizeof(sa->rules[0]));
}

void sa_free(struct esp_sa *sa)
{
	if (sa == NULL)
		return;
	sa_wipe(sa);
	free(sa);
}

static bool is_local(const struct esp_sa *sa, const struct flow *flow, const struct flow_side *side)
{
	for (size_t i = 0; i < sa->n_local; i++) {
		if (flow_is_inside(flow, side, &sa->local_ts[i]))
			return true;
	}
	return false;
}

bool sa_is_inbound(const struct esp_sa *sa, const struct flow *flow)
{
	bool is_remote = false;

	for (size_t i = 0; i < sa->n_rules && !is_remote; i++)
		is_remote = flow_is_inside(flow, &flow->src, &sa->rules[i].remote);
	return is_remote && is_local(sa, flow, &flow->dst);
}

bool sa_is_outbound(const struct esp_rule *rule, const struct flow *flow)
{
	return flow_is_inside(flow, &flow->dst, &rule->remote) &&
	       is_local(rule->sa, flow, &flow->src);
}

static int make_context(struct esp_sa *sa, struct crypto *crypto, const uint8_t *key,
			struct aead **slot)
{
	size_t key_len = (size_t)sa->encr->key_size + sa->encr->salt_size;

	if (*slot != NULL)
		return 0;
	return aead_new(crypto, sa->encr, (struct bytes){ key, key_len }, slot);
}

int sa_open_with(struct esp_sa *sa, struct crypto *crypto, struct aead **out)
{
	int err = make_context(sa, crypto, sa->key_in, &sa->opener);

	if (err == 0)
		*out = sa->opener;
	return err;
}

int sa_seal_with(struct esp_sa *sa, struct crypto *crypto, struct aead **out)
{
	int err = make_context(sa, crypto, sa->key_out, &sa->sealer);

	if (err == 0)
		*out = sa->sealer;
	return err;
}

static size_t drop_context(struct aead **slot, uint64_t last_ms, uint64_t before_ms)
{
	if (*slot == NULL || last_ms >= before_ms)
		return 0;
	aead_free(*slot);
	*slot = NULL;
	return 1;
}

size_t sa_trim(struct esp_sa *sa, uint64_t before_ms)
{
	return drop_context(&sa->opener, sa->stats.last_in_ms, before_ms) +
	       drop_context(&sa->sealer, sa->stats.last_out_ms, before_ms);
}
