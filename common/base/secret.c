/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/secret.h"

#include <openssl/crypto.h>

void wipe(void *ptr, size_t len)
{
	OPENSSL_cleanse(ptr, len);
}

void secret_wipe(struct secret *s)
{
	wipe(s, sizeof(*s));
}

void key_wipe(struct key *k)
{
	wipe(k, sizeof(*k));
}

bool secret_is_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
