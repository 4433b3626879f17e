/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_SET_H
#define ESP_SET_H

#include "common/esp/index.h"
#include "common/esp/sa.h"

/*
 * The inside of a set, for the files of this folder and for tests that put counters where traffic
 * would take hours to. set.c keeps the tables, path.c takes packets through them.
 */
struct esp_set {
	struct crypto *crypto;
	struct esp_sa *by_id, *by_spi; /* uthash; the set owns what by_id has */
	struct esp_index index;
	uint64_t last_serial;
	uint64_t verdicts[ESP_VERDICT_COUNT];
};

/* NULL: none. */
struct esp_sa *esp_set_find(const struct esp_set *set, uint64_t id);
struct esp_sa *esp_set_find_spi(const struct esp_set *set, uint32_t spi_in);

#endif
