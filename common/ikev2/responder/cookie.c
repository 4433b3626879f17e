/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/cookie.h"

#include "common/wire/wr.h"

#define SECRET_SIZE 32

int cookies_refresh(struct cookies *c, const struct rng *rng, uint64_t now_ms)
{
	struct key *next = &c->secrets[(c->generation + 1) & 1];
	int err;

	if (c->made_ms != 0 && now_ms - c->made_ms < COOKIE_LIFETIME_MS)
		return 0;
	err = rng_fill(rng, next->data, SECRET_SIZE);
	if (err != 0)
		return err;
	next->len = SECRET_SIZE;
	if (c->made_ms == 0) {
		/* No cookie was ever made with the other one: nobody may guess it. */
		err = rng_fill(rng, c->secrets[c->generation & 1].data, SECRET_SIZE);
		if (err != 0)
			return err;
		c->secrets[c->generation & 1].len = SECRET_SIZE;
	}
	c->generation++;
	c->made_ms = now_ms > 0 ? now_ms : 1;
	return 0;
}

static int compute(const struct cookies *c, struct crypto *crypto, uint8_t generation,
		   struct bytes ni, const struct ip *ip, uint64_t spi_i, uint8_t out[COOKIE_SIZE])
{
	uint8_t spi[sizeof(spi_i)];
	struct wr w = wr_init(spi, sizeof(spi));
	struct bytes parts[3] = { ni, ip_bytes(ip), { spi, sizeof(spi) } };

	wr_u64(&w, spi_i);
	out[0] = generation;
	return prf_compute(crypto, PRF_HMAC_SHA2_256, key_bytes(&c->secrets[generation & 1]), parts,
			   3, out + 1);
}

int cookie_make(const struct cookies *c, struct crypto *crypto, struct bytes ni,
		const struct ip *ip, uint64_t spi_i, uint8_t out[COOKIE_SIZE])
{
	return compute(c, crypto, c->generation, ni, ip, spi_i, out);
}

bool cookie_is_valid(const struct cookies *c, struct crypto *crypto, struct bytes cookie,
		     struct bytes ni, const struct ip *ip, uint64_t spi_i)
{
	uint8_t want[COOKIE_SIZE];

	if (cookie.len != COOKIE_SIZE)
		return false;
	if (cookie.ptr[0] != c->generation && cookie.ptr[0] != (uint8_t)(c->generation - 1))
		return false;
	return compute(c, crypto, cookie.ptr[0], ni, ip, spi_i, want) == 0 &&
	       secret_is_equal(cookie, (struct bytes){ want, sizeof(want) });
}
