/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/crypto.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "common/crypto/context.h"

int crypto_fail(int err)
{
	ERR_clear_error();
	return err;
}

struct crypto *crypto_new(void)
{
	struct crypto *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (prf_open(c) != 0 || aead_open_all(c) != 0 || kex_ecp_open(c) != 0 ||
	    kex_modp_open(c) != 0) {
		crypto_free(c);
		return NULL;
	}
	return c;
}

void crypto_free(struct crypto *c)
{
	if (c == NULL)
		return;
	kex_modp_close(c);
	kex_ecp_close(c);
	aead_close_all(c);
	prf_close(c);
	free(c);
}
