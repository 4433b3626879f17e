/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/collision.h"

int nonce_compare(struct bytes a, struct bytes b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static struct bytes lower(struct bytes a, struct bytes b)
{
	return nonce_compare(a, b) <= 0 ? a : b;
}

void lowest_set(struct lowest *out, struct bytes ni, struct bytes nr)
{
	struct bytes nonce = lower(ni, nr);

	out->len = nonce.len <= sizeof(out->octets) ? nonce.len : sizeof(out->octets);
	memcpy(out->octets, nonce.ptr, out->len);
}

bool collision_is_lost(struct bytes ni, struct bytes nr, const struct lowest *other)
{
	return nonce_compare(lower(ni, nr), (struct bytes){ other->octets, other->len }) < 0;
}
