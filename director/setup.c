/* SPDX-License-Identifier: Apache-2.0 */
#include "director/setup.h"

#include <stdio.h>

static int add_member(struct registry *registry, struct store *store,
		      const struct director_conf_member *conf)
{
	struct member m = { .n_home = conf->n_home, .weight = conf->weight };
	int err = store_member_number(store, conf->name, &m.number);

	if (err != 0)
		return err;
	snprintf(m.name, sizeof(m.name), "%s", conf->name);
	for (size_t i = 0; i < conf->n_home && i < PLACEMENT_MAX_HOME; i++)
		m.home[i] = conf->home[i];
	return registry_add(registry, &m);
}

int setup_registry(const struct director_conf *conf, struct store *store, struct registry **out)
{
	const struct registry_conf registry_conf = {
		.suspect_ms = director_conf_suspect_ms(conf),
	};

	*out = registry_new(&registry_conf);
	if (*out == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < conf->n_members; i++) {
		int err = add_member(*out, store, &conf->members[i]);

		if (err != 0)
			return err;
	}
	return 0;
}

int setup_table(const struct director_conf *conf, const struct registry *registry,
		struct store *store, struct placement_table *t)
{
	t->policy =
	    conf->policy == DIRECTOR_POLICY_STICKY ? PLACEMENT_STICKY : PLACEMENT_LEAST_LOAD;
	t->bounded_load = conf->bounded_load;
	t->full_at = conf->full_at;
	for (size_t i = 0; i < conf->n_pins && i < PLACEMENT_MAX_PINS; i++) {
		struct placement_pin *pin = &t->pins[t->n_pins++];

		pin->prefix = conf->pins[i].prefix;
		if (registry_find(registry, conf->pins[i].member, &pin->member) != 0)
			return ERR_CONFIG;
	}
	return store_placement_seed(store, &t->seed);
}

static enum redirect_resume resume_of(enum director_resume resume)
{
	switch (resume) {
	case DIRECTOR_RESUME_REDIRECT:
		return REDIRECT_RESUME_ALWAYS;
	case DIRECTOR_RESUME_NACK:
		return REDIRECT_RESUME_NEVER;
	case DIRECTOR_RESUME_AUTO:
		break;
	}
	return REDIRECT_RESUME_AUTO;
}

int setup_front(const struct director_conf *conf, const struct logger *lg, struct front **out)
{
	const struct front_conf front_conf = {
		.addresses = conf->ike,
		.n_addresses = conf->n_ike,
		.workers = conf->workers,
		.rate_per_second = conf->rate_limit,
		.rate_burst = conf->rate_burst,
		.redirect = { conf->no_redirect == DIRECTOR_NO_REDIRECT_REJECT,
			      resume_of(conf->resume) },
	};

	return front_start(&front_conf, lg, out);
}
