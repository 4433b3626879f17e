/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/header.h"

#include "common/wire/rd.h"

int ike_header_decode(struct bytes message, struct ike_header *out)
{
	struct rd r = rd_init(message);
	struct ike_header h;
	int err;

	h.spi_i = rd_u64(&r);
	h.spi_r = rd_u64(&r);
	h.next_payload = rd_u8(&r);
	h.version = rd_u8(&r);
	h.exchange = rd_u8(&r);
	h.flags = rd_u8(&r);
	h.message_id = rd_u32(&r);
	h.length = rd_u32(&r);
	(void)rd_rest(&r);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	if (h.length != message.len)
		return ERR_MISMATCH;
	*out = h;
	return 0;
}

void ike_header_encode(struct wr *w, const struct ike_header *h)
{
	wr_u64(w, h->spi_i);
	wr_u64(w, h->spi_r);
	wr_u8(w, h->next_payload);
	wr_u8(w, h->version);
	wr_u8(w, h->exchange);
	wr_u8(w, h->flags);
	wr_u32(w, h->message_id);
	wr_u32(w, h->length);
}
