/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"

void chain_put_notify(struct payload_writer *chain, uint16_t type, struct bytes data)
{
	struct notify n = { .type = type, .data = data };

	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(chain->w, &n);
	payload_close(chain);
}

bool notify_find(const struct payload_list *list, uint16_t type, struct notify *out)
{
	for (size_t k = 0; k < list->n; k++) {
		if (list->items[k].type == PAYLOAD_NOTIFY &&
		    notify_decode(list->items[k].body, out) == 0 && out->type == type)
			return true;
	}
	return false;
}

void chain_put_esp_notify(struct payload_writer *chain, uint16_t type, uint32_t spi)
{
	uint8_t buf[4];
	struct notify n = { .protocol = PROTOCOL_ESP, .type = type, .spi = spi32_bytes(spi, buf) };

	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(chain->w, &n);
	payload_close(chain);
}

void chain_put_sa(struct payload_writer *chain, const struct sa_payload *sa)
{
	payload_open(chain, PAYLOAD_SA);
	sa_encode(chain->w, sa);
	payload_close(chain);
}

void chain_put_proposal(struct payload_writer *chain, const struct proposal *chosen,
			struct bytes spi)
{
	struct sa_payload answer = { .n = 1 };

	answer.proposals[0] = *chosen;
	answer.proposals[0].spi = spi;
	chain_put_sa(chain, &answer);
}

void chain_put_ke(struct payload_writer *chain, uint16_t group, struct bytes value)
{
	struct ke_body ke = { group, value };

	payload_open(chain, PAYLOAD_KE);
	ke_encode(chain->w, &ke);
	payload_close(chain);
}

void chain_put_ts(struct payload_writer *chain, uint8_t type, const struct ts_list *list)
{
	payload_open(chain, type);
	ts_encode(chain->w, list);
	payload_close(chain);
}

static void put_delete(struct payload_writer *chain, const struct delete_body *d)
{
	payload_open(chain, PAYLOAD_DELETE);
	delete_encode(chain->w, d);
	payload_close(chain);
}

void chain_put_delete_ike(struct payload_writer *chain)
{
	const struct delete_body d = { .protocol = PROTOCOL_IKE };

	put_delete(chain, &d);
}

void chain_put_delete_esp(struct payload_writer *chain, const uint32_t *spis, size_t n)
{
	uint8_t buf[4 * 64];
	struct wr w = wr_init(buf, sizeof(buf));
	struct delete_body d = { .protocol = PROTOCOL_ESP, .count = (uint16_t)n };

	for (size_t i = 0; i < n; i++)
		wr_u32(&w, spis[i]);
	if (wr_finish(&w, &d.spis) != 0)
		wr_fail(chain->w, ERR_NO_SPACE);
	put_delete(chain, &d);
}

struct bytes spi32_bytes(uint32_t spi, uint8_t buf[4])
{
	for (int i = 0; i < 4; i++)
		buf[i] = (uint8_t)(spi >> (24 - 8 * i));
	return (struct bytes){ buf, 4 };
}

struct bytes spi64_bytes(uint64_t spi, uint8_t buf[8])
{
	for (int i = 0; i < 8; i++)
		buf[i] = (uint8_t)(spi >> (56 - 8 * i));
	return (struct bytes){ buf, 8 };
}

static int read_notifies(const struct payload_list *list, bool is_response,
			 struct create_child *out)
{
	for (size_t i = 0; i < list->n; i++) {
		struct notify n;
		int err;

		if (list->items[i].type != PAYLOAD_NOTIFY)
			continue;
		err = notify_decode(list->items[i].body, &n);
		if (err != 0)
			return err;
		if (is_response && notify_is_error(n.type) && out->error == 0) {
			out->error = n.type;
			out->error_data = n.data;
		} else if (!is_response && n.type == NOTIFY_REKEY_SA) {
			/* Of AH, or without SPI: we have no such SA. */
			if (notify_esp_spi(&n, &out->rekey_spi) != 0)
				out->rekey_spi = 0;
			out->has_rekey = true;
		}
	}
	return 0;
}

static int read_selectors(const struct payload_list *list, struct create_child *out)
{
	struct bytes tsi, tsr;
	int err;

	if ((err = payload_get_optional(list, PAYLOAD_TSI, &tsi)) != 0 ||
	    (err = payload_get_optional(list, PAYLOAD_TSR, &tsr)) != 0)
		return err;
	if ((tsi.ptr == NULL) != (tsr.ptr == NULL))
		return ERR_MISSING;
	if (tsi.ptr == NULL)
		return 0;
	out->has_ts = true;
	err = ts_decode(tsi, &out->tsi);
	return err == 0 ? ts_decode(tsr, &out->tsr) : err;
}

int create_child_decode(const struct payload_list *list, bool is_response, struct create_child *out)
{
	struct bytes sa, ke, nonce;
	int err;

	memset(out, 0, sizeof(*out));
	err = read_notifies(list, is_response, out);
	if (err != 0 || out->error != 0)
		return err;
	if ((err = payload_get(list, PAYLOAD_SA, &sa)) != 0 ||
	    (err = payload_get(list, PAYLOAD_NONCE, &nonce)) != 0 ||
	    (err = payload_get_optional(list, PAYLOAD_KE, &ke)) != 0 ||
	    (err = sa_decode(sa, &out->sa)) != 0 || (err = nonce_decode(nonce, &out->nonce)) != 0 ||
	    (err = read_selectors(list, out)) != 0)
		return err;
	return ke.ptr != NULL ? ke_decode(ke, &out->ke) : 0;
}
