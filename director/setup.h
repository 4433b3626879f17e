/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_SETUP_H
#define DIRECTOR_SETUP_H

#include "director/conf.h"
#include "director/members/registry.h"
#include "director/redirect/front.h"
#include "director/store/store.h"

/* Parts of the director as its configuration says, with what only the store knows. */

/*
 * All members, with their numbers. ERR_NO_MEMORY, ERR_LIMIT, ERR_EXISTS, ERR_IO; *out is the
 * caller's to free even then.
 */
MUST_USE int setup_registry(const struct director_conf *conf, struct store *store,
			    struct registry **out);

/* Policy, pins and seed; members come from the registry. ERR_CONFIG, ERR_IO. */
MUST_USE int setup_table(const struct director_conf *conf, const struct registry *registry,
			 struct store *store, struct placement_table *t);

/* As front_start(). */
MUST_USE int setup_front(const struct director_conf *conf, const struct logger *lg,
			 struct front **out);

#endif
