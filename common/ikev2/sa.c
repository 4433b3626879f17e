/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/sa.h"

#include "common/wire/rd.h"

#define LAST                 0
#define MORE_PROPOSALS       2
#define MORE_TRANSFORMS      3
#define HEAD_SIZE            4      /* Last | Reserved | Length */
#define ATTRIBUTE_SHORT      0x8000 /* the value stands where the length would */
#define ATTRIBUTE_KEY_LENGTH (ATTRIBUTE_SHORT | 14)

/* The head that proposals and transforms share, and a reader of the rest. */
static struct rd substructure_open(struct rd *list, uint8_t *last)
{
	*last = rd_u8(list);
	(void)rd_u8(list);
	return rd_sub_len16(list, HEAD_SIZE);
}

static bool is_last_right(const struct rd *list, uint8_t last, uint8_t more)
{
	return last == (rd_is_done(list) ? LAST : more);
}

static int attributes_decode(struct rd *r, struct transform *t)
{
	for (size_t n = 0; !rd_is_done(r); n++) {
		uint16_t type = rd_u16(r);
		uint16_t value = rd_u16(r);

		if (n == SA_MAX_ATTRIBUTES)
			return ERR_LIMIT;
		if ((type & ATTRIBUTE_SHORT) == 0)
			(void)rd_bytes(r, value);
		if (type == ATTRIBUTE_KEY_LENGTH && value != 0 && t->key_bits == 0)
			t->key_bits = value;
		else
			t->has_unknown_attributes = true;
	}
	return rd_finish(r);
}

static int transform_decode(struct rd *list, struct transform *out)
{
	struct transform t = { .type = 0 };
	uint8_t last;
	struct rd r = substructure_open(list, &last);
	int err;

	t.type = rd_u8(&r);
	(void)rd_u8(&r);
	t.id = rd_u16(&r);
	err = attributes_decode(&r, &t);
	if (err != 0)
		return err;
	if (!is_last_right(list, last, MORE_TRANSFORMS))
		return ERR_VALUE;
	*out = t;
	return 0;
}

/* On error *out is in pieces: the caller decodes to where it does no harm. */
static int proposal_decode(struct rd *list, struct proposal *out)
{
	uint8_t last, spi_size;
	struct rd r = substructure_open(list, &last);

	out->number = rd_u8(&r);
	out->protocol = rd_u8(&r);
	spi_size = rd_u8(&r);
	out->n_transforms = rd_u8(&r);
	out->spi = rd_bytes(&r, spi_size);
	if (r.err != 0)
		return r.err;
	if (out->n_transforms == 0 || !is_last_right(list, last, MORE_PROPOSALS))
		return ERR_VALUE;
	if (out->n_transforms > SA_MAX_TRANSFORMS)
		return ERR_LIMIT;
	for (size_t i = 0; i < out->n_transforms; i++) {
		int err = transform_decode(&r, &out->transforms[i]);

		if (err != 0)
			return err;
	}
	return rd_finish(&r);
}

/* place: from 0. A lone proposal may be an answer, and has the number of what it answers. */
static bool is_number_right(uint8_t number, size_t place, bool is_alone)
{
	return is_alone ? number != 0 : number == place + 1;
}

static int list_decode(struct bytes body, struct proposal *item, size_t step, size_t *n)
{
	struct rd r = rd_init(body);
	size_t count = 0;

	do {
		int err = proposal_decode(&r, item);

		if (err != 0)
			return err;
		if (count == SA_MAX_PROPOSALS)
			return ERR_LIMIT;
		if (!is_number_right(item->number, count, count == 0 && rd_is_done(&r)))
			return ERR_VALUE;
		count++;
		item += step;
	} while (!rd_is_done(&r));
	*n = count;
	return 0;
}

/* Twice: first all into one place, so that a payload to be refused leaves *out as it was. */
int sa_decode(struct bytes body, struct sa_payload *out)
{
	struct proposal scratch;
	size_t n;
	int err = list_decode(body, &scratch, 0, &n);

	if (err != 0)
		return err;
	return list_decode(body, out->proposals, 1, &out->n);
}

static void transform_encode(struct wr *w, const struct transform *t, bool is_last)
{
	size_t length;

	if (t->has_unknown_attributes)
		wr_fail(w, ERR_VALUE);
	wr_u8(w, is_last ? LAST : MORE_TRANSFORMS);
	wr_u8(w, 0);
	length = wr_open_len16(w);
	wr_u8(w, t->type);
	wr_u8(w, 0);
	wr_u16(w, t->id);
	if (t->key_bits != 0) {
		wr_u16(w, ATTRIBUTE_KEY_LENGTH);
		wr_u16(w, t->key_bits);
	}
	wr_close_len16(w, length, HEAD_SIZE);
}

static void proposal_encode(struct wr *w, const struct proposal *p, bool is_last)
{
	size_t length;

	if (p->n_transforms == 0 || p->n_transforms > SA_MAX_TRANSFORMS || p->spi.len > UINT8_MAX) {
		wr_fail(w, ERR_VALUE);
		return;
	}
	wr_u8(w, is_last ? LAST : MORE_PROPOSALS);
	wr_u8(w, 0);
	length = wr_open_len16(w);
	wr_u8(w, p->number);
	wr_u8(w, p->protocol);
	wr_u8(w, (uint8_t)p->spi.len);
	wr_u8(w, (uint8_t)p->n_transforms);
	wr_bytes(w, p->spi);
	for (size_t i = 0; i < p->n_transforms; i++)
		transform_encode(w, &p->transforms[i], i + 1 == p->n_transforms);
	wr_close_len16(w, length, HEAD_SIZE);
}

void sa_encode(struct wr *w, const struct sa_payload *sa)
{
	if (sa->n == 0 || sa->n > SA_MAX_PROPOSALS) {
		wr_fail(w, ERR_VALUE);
		return;
	}
	for (size_t i = 0; i < sa->n; i++) {
		if (!is_number_right(sa->proposals[i].number, i, sa->n == 1))
			wr_fail(w, ERR_VALUE);
		proposal_encode(w, &sa->proposals[i], i + 1 == sa->n);
	}
}

const struct proposal *sa_find(const struct sa_payload *sa, uint8_t number)
{
	for (size_t i = 0; i < sa->n; i++) {
		if (sa->proposals[i].number == number)
			return &sa->proposals[i];
	}
	return NULL;
}
