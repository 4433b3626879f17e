/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/body.h"

#include "common/crypto/crypto.h"

int natd_compute(struct crypto *c, uint64_t spi_i, uint64_t spi_r, const struct endpoint *ep,
		 uint8_t out[NATD_SIZE])
{
	uint8_t buf[2 * sizeof(uint64_t) + sizeof(ep->ip.octets) + sizeof(ep->port)];
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes hashed;
	int err;

	wr_u64(&w, spi_i);
	wr_u64(&w, spi_r);
	wr_bytes(&w, ip_bytes(&ep->ip));
	wr_u16(&w, ep->port);
	err = wr_finish(&w, &hashed);
	if (err != 0)
		return err;
	return sha1_compute(c, &hashed, 1, out);
}
