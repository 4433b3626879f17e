/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/body.h"

#include <stdio.h>

#include "common/wire/rd.h"

#define RESERVED_SIZE 3 /* after the type of ID and AUTH */
#define IPV4_SIZE     4
#define IPV6_SIZE     16
#define SPI_SIZE      4 /* of AH and ESP */

static void write_reserved(struct wr *w)
{
	static const uint8_t zeros[RESERVED_SIZE];

	wr_bytes(w, (struct bytes){ zeros, sizeof(zeros) });
}

/* ---- KE ---- */

int ke_decode(struct bytes body, struct ke_body *out)
{
	struct rd r = rd_init(body);
	struct ke_body ke;
	int err;

	ke.group = rd_u16(&r);
	(void)rd_u16(&r);
	ke.value = rd_rest(&r);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	if (ke.value.len == 0)
		return ERR_VALUE;
	*out = ke;
	return 0;
}

void ke_encode(struct wr *w, const struct ke_body *ke)
{
	if (ke->value.len == 0)
		wr_fail(w, ERR_VALUE);
	wr_u16(w, ke->group);
	wr_u16(w, 0);
	wr_bytes(w, ke->value);
}

/* ---- Nonce ---- */

static bool is_valid_nonce(struct bytes nonce)
{
	return nonce.len >= NONCE_MIN && nonce.len <= NONCE_MAX;
}

int nonce_decode(struct bytes body, struct bytes *out)
{
	if (!is_valid_nonce(body))
		return ERR_VALUE;
	*out = body;
	return 0;
}

void nonce_encode(struct wr *w, struct bytes nonce)
{
	if (!is_valid_nonce(nonce))
		wr_fail(w, ERR_VALUE);
	wr_bytes(w, nonce);
}

/* ---- ID ---- */

static bool is_valid_id(const struct id_body *id)
{
	switch (id->type) {
	case ID_IPV4_ADDR:
		return id->data.len == IPV4_SIZE;
	case ID_IPV6_ADDR:
		return id->data.len == IPV6_SIZE;
	default:
		return true;
	}
}

int id_decode(struct bytes body, struct id_body *out)
{
	struct rd r = rd_init(body);
	struct id_body id;
	int err;

	id.type = rd_u8(&r);
	(void)rd_bytes(&r, RESERVED_SIZE);
	id.data = rd_rest(&r);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	if (!is_valid_id(&id))
		return ERR_VALUE;
	*out = id;
	return 0;
}

void id_encode(struct wr *w, const struct id_body *id)
{
	if (!is_valid_id(id))
		wr_fail(w, ERR_VALUE);
	wr_u8(w, id->type);
	write_reserved(w);
	wr_bytes(w, id->data);
}

bool id_is_equal(const struct id_body *a, const struct id_body *b)
{
	return a->type == b->type && bytes_is_equal(a->data, b->data);
}

/* Whether everything is said is for format_finish() to show. */
static size_t format_text(struct bytes text, char out[ID_TEXT_MAX])
{
	size_t n = text.len < ID_TEXT_MAX - 1 ? text.len : ID_TEXT_MAX - 1;

	for (size_t i = 0; i < n; i++) {
		bool is_visible = text.ptr[i] > ' ' && text.ptr[i] <= '~';

		out[i] = is_visible ? (char)text.ptr[i] : '?';
	}
	out[n] = '\0';
	return n;
}

static size_t format_hex(struct bytes octets, char out[ID_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t max = (ID_TEXT_MAX - 2) / 2;
	size_t n = octets.len < max ? octets.len : max;

	out[0] = '#';
	for (size_t i = 0; i < n; i++) {
		out[1 + 2 * i] = digits[octets.ptr[i] >> 4];
		out[2 + 2 * i] = digits[octets.ptr[i] & 0xf];
	}
	out[1 + 2 * n] = '\0';
	return n;
}

const char *id_format(const struct id_body *id, char out[ID_TEXT_MAX])
{
	bool is_text = id->type == ID_FQDN || id->type == ID_RFC822_ADDR;
	char address[IP_TEXT_MAX];
	size_t shown;
	struct ip ip;

	if ((id->type == ID_IPV4_ADDR || id->type == ID_IPV6_ADDR) &&
	    ip_from_bytes(id->data, &ip) == 0) {
		snprintf(out, ID_TEXT_MAX, "%s", ip_format(&ip, address));
		return out;
	}
	shown = is_text ? format_text(id->data, out) : format_hex(id->data, out);
	if (shown < id->data.len)
		memcpy(out + ID_TEXT_MAX - sizeof("..."), "...", sizeof("..."));
	return out;
}

/* ---- AUTH ---- */

int auth_decode(struct bytes body, struct auth_body *out)
{
	struct rd r = rd_init(body);
	struct auth_body auth;
	int err;

	auth.method = rd_u8(&r);
	(void)rd_bytes(&r, RESERVED_SIZE);
	auth.data = rd_rest(&r);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	*out = auth;
	return 0;
}

void auth_encode(struct wr *w, const struct auth_body *auth)
{
	wr_u8(w, auth->method);
	write_reserved(w);
	wr_bytes(w, auth->data);
}

/* ---- Delete ---- */

/* 0: the protocol cannot be deleted. *size is that of one SPI. */
static bool delete_spi_size(uint8_t protocol, uint8_t *size)
{
	*size = protocol == PROTOCOL_IKE ? 0 : SPI_SIZE;
	return protocol == PROTOCOL_IKE || protocol == PROTOCOL_AH || protocol == PROTOCOL_ESP;
}

static bool is_valid_delete(const struct delete_body *d, uint8_t spi_size)
{
	uint8_t want;

	return delete_spi_size(d->protocol, &want) && spi_size == want &&
	       (spi_size > 0 || d->count == 0);
}

int delete_decode(struct bytes body, struct delete_body *out)
{
	struct rd r = rd_init(body);
	struct delete_body d;
	uint8_t spi_size;
	int err;

	d.protocol = rd_u8(&r);
	spi_size = rd_u8(&r);
	d.count = rd_u16(&r);
	if (r.err != 0)
		return r.err;
	if (!is_valid_delete(&d, spi_size))
		return ERR_VALUE;
	d.spis = rd_bytes(&r, (size_t)d.count * spi_size);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	*out = d;
	return 0;
}

void delete_encode(struct wr *w, const struct delete_body *d)
{
	uint8_t spi_size;

	if (!delete_spi_size(d->protocol, &spi_size) || !is_valid_delete(d, spi_size) ||
	    d->spis.len != (size_t)d->count * spi_size)
		wr_fail(w, ERR_VALUE);
	wr_u8(w, d->protocol);
	wr_u8(w, spi_size);
	wr_u16(w, d->count);
	wr_bytes(w, d->spis);
}

uint32_t delete_spi(const struct delete_body *d, size_t i)
{
	struct rd r = rd_init(d->spis);

	(void)rd_bytes(&r, i * SPI_SIZE);
	return rd_u32(&r);
}
