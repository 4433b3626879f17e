/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/sk.h"

#include "common/wire/rd.h"

#define GENERIC_HEADER_SIZE 4
#define SKF_SIZE            4 /* Fragment Number | Total Fragments */

/*
 *  IKE header | generic header | [number | total] | IV | payloads | padding | pad length | ICV
 *  '------------------- AAD ---------------------'     '---- ciphertext ----------------'
 */

/* ---- sealing ---- */

static bool is_valid_skf(const struct skf *at)
{
	return at->number >= 1 && at->number <= at->total;
}

static struct bytes view(const uint8_t *begin, const uint8_t *end)
{
	return (struct bytes){ begin, (size_t)(end - begin) };
}

/* at is NULL for SK. first is what goes into the Next Payload field. */
static void seal(struct wr *w, struct crypto *c, const struct encr_alg *alg, struct bytes key,
		 uint64_t iv, const struct ike_header *h, const struct skf *at, uint8_t first,
		 struct bytes inner)
{
	static const uint8_t zeros[AEAD_ICV_MAX];
	struct ike_header own = *h;
	size_t overhead = GENERIC_HEADER_SIZE + (at != NULL ? (size_t)SKF_SIZE : 0) + sizeof(iv) +
			  1 + alg->icv_size;
	size_t start = w->len, aad_end, plain;
	uint8_t *buf = w->buf;

	if (inner.len > UINT16_MAX - overhead) {
		wr_fail(w, ERR_TOO_LONG);
		return;
	}
	own.next_payload = at != NULL ? PAYLOAD_SKF : PAYLOAD_SK;
	own.length = (uint32_t)(IKE_HEADER_SIZE + overhead + inner.len);
	ike_header_encode(w, &own);
	wr_u8(w, first);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)(overhead + inner.len));
	if (at != NULL) {
		wr_u16(w, at->number);
		wr_u16(w, at->total);
	}
	aad_end = w->len;
	wr_u64(w, iv);
	plain = w->len;
	wr_bytes(w, inner);
	wr_u8(w, 0); /* pad length: AEAD needs no padding */
	wr_bytes(w, (struct bytes){ zeros, alg->icv_size });
	if (w->err != 0)
		return;
	if (aead_seal(c, alg, key, buf + aad_end, view(buf + start, buf + aad_end),
		      (struct bytes){ buf + plain, inner.len + 1 }, buf + plain) != 0) {
		wipe(buf + plain, inner.len + 1); /* nothing in clear, whoever sends it */
		wr_fail(w, ERR_CRYPTO);
	}
}

void sk_seal(struct wr *w, struct crypto *c, const struct encr_alg *alg, struct bytes key,
	     uint64_t iv, const struct ike_header *h, uint8_t first, struct bytes inner)
{
	if ((first == PAYLOAD_NONE) != (inner.len == 0))
		wr_fail(w, ERR_VALUE);
	seal(w, c, alg, key, iv, h, NULL, first, inner);
}

void skf_seal(struct wr *w, struct crypto *c, const struct encr_alg *alg, struct bytes key,
	      uint64_t iv, const struct ike_header *h, const struct fragment *f)
{
	if (!is_valid_skf(&f->at))
		wr_fail(w, ERR_VALUE);
	seal(w, c, alg, key, iv, h, &f->at, f->at.number == 1 ? f->first : PAYLOAD_NONE,
	     f->content);
}

/* ---- opening ---- */

/* The places in a message that was not authenticated yet. */
struct sealed {
	uint8_t first;
	struct bytes body; /* of SK or SKF */
	struct bytes iv, cipher;
	struct bytes aad;
};

/* prefix: octets in front of the IV, part of what is authenticated. */
static int sealed_find(struct bytes message, uint8_t type, size_t prefix, struct sealed *out,
		       uint8_t *critical)
{
	struct payload_list list;
	struct ike_header h;
	struct sealed s;
	struct rd r;
	int err;

	err = ike_header_decode(message, &h);
	if (err != 0)
		return err;
	err = payload_list_decode(h.next_payload,
				  view(message.ptr + IKE_HEADER_SIZE, message.ptr + message.len),
				  &list, critical);
	if (err != 0)
		return err;
	if (list.n == 0 || list.items[list.n - 1].type != type)
		return ERR_MISSING;
	s.first = list.sk_first;
	s.body = list.items[list.n - 1].body;
	r = rd_init(s.body);
	(void)rd_bytes(&r, prefix);
	s.iv = rd_bytes(&r, AEAD_IV_SIZE);
	s.cipher = rd_rest(&r);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	s.aad = view(message.ptr, s.iv.ptr);
	*out = s;
	return 0;
}

/* Decrypts and takes the padding off. */
static int sealed_open(const struct sealed *s, struct crypto *c, const struct encr_alg *alg,
		       struct bytes key, uint8_t *plain, struct bytes *out, bool *authentic)
{
	size_t len, pad;
	int err;

	err = aead_open(c, alg, key, s->iv.ptr, s->aad, s->cipher, plain);
	if (err != 0)
		return err;
	*authentic = true;
	len = s->cipher.len - alg->icv_size;
	if (len == 0)
		return ERR_TRUNCATED;
	pad = plain[len - 1];
	if (pad > len - 1)
		return ERR_TRUNCATED;
	*out = (struct bytes){ plain, len - 1 - pad };
	return 0;
}

static bool is_nested(const struct payload_list *inner)
{
	uint8_t last = inner->n > 0 ? inner->items[inner->n - 1].type : PAYLOAD_NONE;

	return last == PAYLOAD_SK || last == PAYLOAD_SKF;
}

int sk_open(struct crypto *c, const struct encr_alg *alg, struct bytes key, struct bytes message,
	    uint8_t *plain, struct payload_list *list, uint8_t *critical, bool *authentic)
{
	struct payload_list inner;
	struct sealed s;
	struct bytes content;
	int err;

	*authentic = false;
	err = sealed_find(message, PAYLOAD_SK, 0, &s, critical);
	if (err != 0)
		return err;
	err = sealed_open(&s, c, alg, key, plain, &content, authentic);
	if (err != 0)
		return err;
	err = payload_list_decode(s.first, content, &inner, critical);
	if (err != 0)
		return err;
	if (is_nested(&inner))
		return ERR_VALUE;
	*list = inner;
	return 0;
}

int skf_decode(struct bytes body, struct skf *out)
{
	struct rd r = rd_init(body);
	struct skf at;

	at.number = rd_u16(&r);
	at.total = rd_u16(&r);
	if (r.err != 0)
		return r.err;
	if (!is_valid_skf(&at))
		return ERR_VALUE;
	*out = at;
	return 0;
}

int skf_open(struct crypto *c, const struct encr_alg *alg, struct bytes key, struct bytes message,
	     uint8_t *plain, struct fragment *out, uint8_t *critical, bool *authentic)
{
	struct fragment f;
	struct sealed s;
	int err;

	*authentic = false;
	err = sealed_find(message, PAYLOAD_SKF, SKF_SIZE, &s, critical);
	if (err != 0)
		return err;
	err = skf_decode(s.body, &f.at);
	if (err != 0)
		return err;
	err = sealed_open(&s, c, alg, key, plain, &f.content, authentic);
	if (err != 0)
		return err;
	f.first = s.first;
	*out = f;
	return 0;
}
