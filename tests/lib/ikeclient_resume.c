/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/lib/ikeclient.h"
#include "tests/lib/ikeclient_internal.h"

/* The part of the test initiator that is about tickets (RFC 5723). */

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void put_notify(struct payload_writer *p, uint16_t type, struct bytes data)
{
	const struct notify n = { .type = type, .data = data };

	payload_open(p, PAYLOAD_NOTIFY);
	notify_encode(p->w, &n);
	payload_close(p);
}

struct bytes ikeclient_resume_request(struct ikeclient *c)
{
	struct wr w = wr_init(c->message1, sizeof(c->message1));
	struct ike_header h = {
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SESSION_RESUME,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct payload_writer p;
	struct bytes out;

	if (c->cookie_len == 0) {
		if (c->spi_r != 0)
			c->old_sk_d = c->keys.d;
		require(rng_u64(c->rng, &c->spi_i) == 0 &&
			rng_fill(c->rng, c->ni, sizeof(c->ni)) == 0);
		c->spi_i |= 1;
		c->spi_r = 0;
		c->child_spi++;
		c->next_iv = 1;
		c->next_id = 1;
		c->is_resumed = true;
	}
	h.spi_i = c->spi_i;
	p = message_open(&w, &h);
	if (c->cookie_len > 0)
		put_notify(&p, NOTIFY_COOKIE, (struct bytes){ c->cookie, c->cookie_len });
	payload_put(&p, PAYLOAD_NONCE, (struct bytes){ c->ni, sizeof(c->ni) });
	put_notify(&p, NOTIFY_TICKET_OPAQUE, (struct bytes){ c->ticket, c->ticket_len });
	ikeclient_put_notifies(c, &p);
	message_close(&p);
	require(wr_finish(&w, &out) == 0);
	c->message1_len = out.len;
	return out;
}

static void take_notifies(struct ikeclient *c, const struct payload_list *list)
{
	struct notify n;

	c->has_nat_detection = c->has_fragmentation = false;
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].type != PAYLOAD_NOTIFY ||
		    notify_decode(list->items[i].body, &n) != 0)
			continue;
		c->has_nat_detection |= n.type == NOTIFY_NAT_DETECTION_DESTINATION_IP;
		c->has_fragmentation |= n.type == NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED;
	}
}

int ikeclient_take_resume(struct ikeclient *c, struct bytes message)
{
	struct payload_list list;
	struct ike_header h;
	struct bytes nonce;
	uint8_t critical;
	int err = ike_header_decode(message, &h);

	if (err != 0)
		return err;
	if (h.spi_i != c->spi_i || !ike_header_is_response(&h) || ike_header_is_initiator(&h) ||
	    h.message_id != 0 || h.exchange != EXCHANGE_IKE_SESSION_RESUME)
		return ERR_MISMATCH;
	err = payload_list_decode(
	    h.next_payload,
	    (struct bytes){ message.ptr + IKE_HEADER_SIZE, message.len - IKE_HEADER_SIZE }, &list,
	    &critical);
	if (err != 0)
		return err;
	if (h.spi_r == 0)
		return list.n == 1 && list.items[0].type == PAYLOAD_NOTIFY
			   ? ikeclient_take_notify(c, list.items[0].body)
			   : ERR_VALUE;
	if ((err = payload_get(&list, PAYLOAD_NONCE, &nonce)) != 0 ||
	    (err = nonce_decode(nonce, &nonce)) != 0)
		return err;
	take_notifies(c, &list);
	c->spi_r = h.spi_r;
	memcpy(c->nr, nonce.ptr, nonce.len);
	c->nr_len = nonce.len;
	memcpy(c->message2, message.ptr, message.len);
	c->message2_len = message.len;
	c->cookie_len = 0;
	return ike_keys_resume(c->crypto, key_bytes(&c->old_sk_d), &c->suite,
			       (struct bytes){ c->ni, sizeof(c->ni) }, nonce, c->spi_i, c->spi_r,
			       &c->keys);
}

static void keep(struct ikeclient *c, const struct notify *n)
{
	struct ticket_lt lt;

	if (n->type == NOTIFY_TICKET_LT_OPAQUE) {
		require(ticket_lt_decode(n->data, &lt) == 0 && lt.ticket.len <= sizeof(c->ticket));
		memcpy(c->ticket, lt.ticket.ptr, lt.ticket.len);
		c->ticket_len = lt.ticket.len;
		c->ticket_lifetime_s = lt.lifetime_s;
	} else if (n->type == NOTIFY_TICKET_NACK) {
		c->is_ticket_refused = true;
	} else if (n->type == NOTIFY_QUICK_CRASH_DETECTION) {
		require(n->data.len <= sizeof(c->token));
		memcpy(c->token, n->data.ptr, n->data.len);
		c->token_len = n->data.len;
	}
}

void ikeclient_keep_ticket(struct ikeclient *c, const struct payload_list *list)
{
	struct notify n;

	c->ticket_len = 0;
	c->is_ticket_refused = false;
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].type == PAYLOAD_NOTIFY &&
		    notify_decode(list->items[i].body, &n) == 0)
			keep(c, &n);
	}
}

struct bytes ikeclient_ask_ticket(struct ikeclient *c)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p = chain_open(&w);
	struct bytes inner;

	put_notify(&p, NOTIFY_TICKET_REQUEST, (struct bytes){ NULL, 0 });
	require(wr_finish(&w, &inner) == 0);
	return ikeclient_seal(c, EXCHANGE_INFORMATIONAL, c->next_id++, p.first, inner);
}
