/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/payload.h"

#include "common/wire/rd.h"

#define GENERIC_HEADER_SIZE 4
#define CRITICAL_BIT        0x80
#define NEXT_PAYLOAD_OFFSET 16 /* in the IKE header */
#define LENGTH_OFFSET       24
#define NOWHERE             SIZE_MAX

static bool is_known(uint8_t type)
{
#define PAYLOAD_KNOWN(name, number) case number:
	switch (type) {
		PAYLOAD_TYPES(PAYLOAD_KNOWN)
		return true;
	default:
		return false;
	}
#undef PAYLOAD_KNOWN
}

static bool is_last_by_type(uint8_t type)
{
	return type == PAYLOAD_SK || type == PAYLOAD_SKF;
}

int payload_list_decode(uint8_t first, struct bytes octets, struct payload_list *out,
			uint8_t *critical)
{
	struct rd r = rd_init(octets);
	struct payload_list list = { .n = 0 };
	uint8_t type = first;
	int err;

	for (size_t count = 0; type != PAYLOAD_NONE; count++) {
		uint8_t next = rd_u8(&r);
		uint8_t flags = rd_u8(&r);
		struct rd body = rd_sub_len16(&r, GENERIC_HEADER_SIZE);

		if (body.err != 0)
			return body.err;
		if (count == IKE_MAX_PAYLOADS)
			return ERR_LIMIT;
		if (is_known(type)) {
			list.items[list.n++] = (struct payload){ type, rd_rest(&body) };
		} else if ((flags & CRITICAL_BIT) != 0) {
			*critical = type;
			return ERR_CRITICAL;
		}
		if (is_last_by_type(type)) {
			list.sk_first = next;
			next = PAYLOAD_NONE;
		}
		type = next;
	}
	err = rd_finish(&r);
	if (err != 0)
		return err;
	*out = list;
	return 0;
}

int payload_get(const struct payload_list *list, uint8_t type, struct bytes *body)
{
	struct bytes found;
	int err = payload_get_optional(list, type, &found);

	if (err != 0)
		return err;
	if (found.ptr == NULL)
		return ERR_MISSING;
	*body = found;
	return 0;
}

int payload_get_optional(const struct payload_list *list, uint8_t type, struct bytes *body)
{
	struct bytes found = { NULL, 0 };

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].type != type)
			continue;
		if (found.ptr != NULL)
			return ERR_DUPLICATE;
		found = list->items[i].body;
	}
	*body = found;
	return 0;
}

struct payload_writer chain_open(struct wr *w)
{
	return (struct payload_writer){
		.w = w,
		.start = NOWHERE,
		.next_field = NOWHERE,
		.length_field = NOWHERE,
	};
}

struct payload_writer message_open(struct wr *w, const struct ike_header *h)
{
	struct payload_writer p = chain_open(w);
	struct ike_header unpatched = *h;

	unpatched.next_payload = PAYLOAD_NONE;
	unpatched.length = 0;
	p.start = w->len;
	p.next_field = w->len + NEXT_PAYLOAD_OFFSET;
	ike_header_encode(w, &unpatched);
	return p;
}

void payload_open(struct payload_writer *p, uint8_t type)
{
	if (p->length_field != NOWHERE)
		wr_fail(p->w, ERR_BAD_STATE);
	if (type == PAYLOAD_NONE || is_last_by_type(type))
		wr_fail(p->w, ERR_VALUE);
	if (p->n == IKE_MAX_PAYLOADS)
		wr_fail(p->w, ERR_LIMIT);
	if (p->w->err != 0)
		return;
	if (p->next_field == NOWHERE)
		p->first = type;
	else
		p->w->buf[p->next_field] = type;
	p->n++;
	p->next_field = p->w->len;
	wr_u8(p->w, PAYLOAD_NONE);
	wr_u8(p->w, 0);
	p->length_field = wr_open_len16(p->w);
}

void payload_close(struct payload_writer *p)
{
	if (p->length_field == NOWHERE)
		wr_fail(p->w, ERR_BAD_STATE);
	wr_close_len16(p->w, p->length_field, GENERIC_HEADER_SIZE);
	p->length_field = NOWHERE;
}

void payload_put(struct payload_writer *p, uint8_t type, struct bytes body)
{
	payload_open(p, type);
	wr_bytes(p->w, body);
	payload_close(p);
}

void message_close(struct payload_writer *p)
{
	struct wr *w = p->w;
	struct wr field;

	if (p->start == NOWHERE || p->length_field != NOWHERE)
		wr_fail(w, ERR_BAD_STATE);
	if (w->err != 0)
		return;
	if (w->len - p->start > UINT32_MAX) {
		wr_fail(w, ERR_TOO_LONG);
		return;
	}
	field = wr_init(w->buf + p->start + LENGTH_OFFSET, sizeof(uint32_t));
	wr_u32(&field, (uint32_t)(w->len - p->start));
}
