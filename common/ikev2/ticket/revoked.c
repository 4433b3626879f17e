/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/ticket/revoked.h"

#include <stdlib.h>
#include <strings.h>

int revocations_set(struct revocations *r, const struct revocation *items, size_t n)
{
	struct revocation *copy = NULL;

	if (n > REVOCATIONS_MAX)
		return ERR_LIMIT;
	if (n > 0) {
		copy = malloc(n * sizeof(*copy));
		if (copy == NULL)
			return ERR_NO_MEMORY;
		memcpy(copy, items, n * sizeof(*copy));
	}
	free(r->items);
	*r = (struct revocations){ n, copy };
	return 0;
}

void revocations_clear(struct revocations *r)
{
	free(r->items);
	*r = (struct revocations){ 0, NULL };
}

static bool is_meant(const struct revocation *v, const struct ticket *t, const char *identity)
{
	switch (v->what) {
	case REVOKED_ALL:
		return true;
	case REVOKED_IDENTITY:
		return strcasecmp(v->name, identity) == 0; /* as names are found: policy.h */
	case REVOKED_CONNECTION:
		return strcmp(v->name, t->connection) == 0;
	}
	return false;
}

bool revocations_cover(const struct revocations *r, const struct ticket *t)
{
	char identity[ID_TEXT_MAX];

	id_format(&t->idi, identity);
	for (size_t i = 0; i < r->n; i++) {
		if (t->issued_s < r->items[i].before_s && is_meant(&r->items[i], t, identity))
			return true;
	}
	return false;
}
