/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/packet.h"

#include "common/wire/rd.h"
#include "common/wire/wr.h"

int esp_header_decode(struct bytes packet, struct esp_header *out)
{
	struct rd r = rd_init(packet);
	struct esp_header h;

	h.spi = rd_u32(&r);
	h.seq = rd_u32(&r);
	if (r.err != 0)
		return r.err;
	*out = h;
	return 0;
}

int esp_packet_decode(struct bytes packet, const struct encr_alg *alg, struct esp_packet *out)
{
	struct rd r = rd_init(packet);
	struct esp_packet p;

	p.aad = rd_bytes(&r, ESP_HEADER_SIZE);
	p.iv = rd_bytes(&r, AEAD_IV_SIZE).ptr;
	p.body = rd_rest(&r);
	if (r.err != 0 || p.body.len < (size_t)ESP_TRAILER_SIZE + alg->icv_size)
		return ERR_TRUNCATED;
	if ((p.body.len - alg->icv_size) % ESP_ALIGNMENT != 0)
		return ERR_VALUE;
	*out = p;
	return 0;
}

int esp_trailer_decode(struct bytes plain, struct bytes *payload, uint8_t *next_header)
{
	size_t end, pad_len;

	if (plain.len < ESP_TRAILER_SIZE)
		return ERR_TRUNCATED;
	end = plain.len - ESP_TRAILER_SIZE;
	pad_len = plain.ptr[end];
	if (pad_len > end)
		return ERR_TRUNCATED;
	for (size_t i = 1; i <= pad_len; i++) {
		if (plain.ptr[end - pad_len + i - 1] != i)
			return ERR_VALUE;
	}
	*payload = (struct bytes){ plain.ptr, end - pad_len };
	*next_header = plain.ptr[end + 1];
	return 0;
}

static size_t pad_len_for(size_t payload_len)
{
	return (ESP_ALIGNMENT - (payload_len + ESP_TRAILER_SIZE) % ESP_ALIGNMENT) % ESP_ALIGNMENT;
}

size_t esp_packet_size(const struct encr_alg *alg, size_t payload_len)
{
	return ESP_SEALED_START + payload_len + pad_len_for(payload_len) + ESP_TRAILER_SIZE +
	       alg->icv_size;
}

int esp_packet_encode(uint8_t *out, size_t cap, const struct encr_alg *alg,
		      const struct esp_header *h, struct bytes payload, uint8_t next_header,
		      struct esp_packet *p)
{
	size_t pad_len = pad_len_for(payload.len);
	struct wr w = wr_init(out, cap);
	struct bytes whole;
	int err;

	if (esp_packet_size(alg, payload.len) > cap)
		return ERR_NO_SPACE;
	wr_u32(&w, h->spi);
	wr_u32(&w, h->seq);
	wr_u64(&w, h->seq);
	wr_bytes(&w, payload);
	for (size_t i = 1; i <= pad_len; i++)
		wr_u8(&w, (uint8_t)i);
	wr_u8(&w, (uint8_t)pad_len);
	wr_u8(&w, next_header);
	err = wr_finish(&w, &whole);
	if (err != 0)
		return err;
	p->aad = (struct bytes){ whole.ptr, ESP_HEADER_SIZE };
	p->iv = whole.ptr + ESP_HEADER_SIZE;
	p->body = (struct bytes){ whole.ptr + ESP_SEALED_START, whole.len - ESP_SEALED_START };
	return 0;
}
