/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/ikeclient.h"
#include "tests/lib/ikeclient_internal.h"

#include <stdlib.h>

#include "common/ikev2/sa.h"
#include "common/ikev2/sk.h"

#define ID_SIZE_MAX 1024

static const struct bytes nothing = { NULL, 0 };

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

void ikeclient_init(struct ikeclient *c, struct crypto *crypto, const struct rng *rng,
		    const char *suite, const char *esp, const char *id, const char *psk)
{
	struct ip_prefix inner, behind;
	uint64_t random;

	memset(c, 0, sizeof(*c));
	c->crypto = crypto;
	c->rng = rng;
	c->id = id;
	c->psk = psk;
	require(ike_suite_parse(suite, &c->suite) == 0 && esp_suite_parse(esp, &c->esp) == 0);
	require(ip_prefix_parse("10.1.0.201/32", &inner) == 0);
	require(ip_prefix_parse("10.1.0.0/25", &behind) == 0);
	c->tsi = (struct ts_list){ 1, { ts_from_prefix(&inner) } };
	c->tsr = (struct ts_list){ 1, { ts_from_prefix(&behind) } };
	require(endpoint_parse("192.0.2.101:500", &c->local) == 0);
	require(endpoint_parse("192.0.2.21:500", &c->remote) == 0);
	require(rng_u64(rng, &c->spi_i) == 0 && rng_fill(rng, c->ni, sizeof(c->ni)) == 0);
	c->spi_i |= 1;
	require(rng_u64(rng, &random) == 0);
	c->child_spi = 0xc0000000u | ((uint32_t)random & 0xffffffu);
	require(kex_generate(crypto, c->suite.kex->id, rng, &c->kex) == 0);
	c->next_iv = 1;
	c->next_id = 1;
	c->with_redirect_support = true;
}

void ikeclient_free(struct ikeclient *c)
{
	kex_free(c->kex);
	wipe(c, sizeof(*c));
}

static void put_notify(struct payload_writer *p, uint16_t type, struct bytes data)
{
	struct notify n = { .type = type, .data = data };

	payload_open(p, PAYLOAD_NOTIFY);
	notify_encode(p->w, &n);
	payload_close(p);
}

static void put_redirected_from(struct payload_writer *p, const struct ip *ip)
{
	struct notify n = { .type = NOTIFY_REDIRECTED_FROM };
	struct gateway gw = { ip->family == IP_V6 ? GATEWAY_IPV6 : GATEWAY_IPV4, ip_bytes(ip) };

	payload_open(p, PAYLOAD_NOTIFY);
	notify_encode(p->w, &n);
	redirect_encode(p->w, &gw, nothing);
	payload_close(p);
}

void ikeclient_put_notifies(struct ikeclient *c, struct payload_writer *p)
{
	uint8_t hash[NATD_SIZE];

	require(natd_compute(c->crypto, c->spi_i, 0, &c->local, hash) == 0);
	put_notify(p, NOTIFY_NAT_DETECTION_SOURCE_IP, (struct bytes){ hash, sizeof(hash) });
	require(natd_compute(c->crypto, c->spi_i, 0, &c->remote, hash) == 0);
	put_notify(p, NOTIFY_NAT_DETECTION_DESTINATION_IP, (struct bytes){ hash, sizeof(hash) });
	if (c->with_fragmentation)
		put_notify(p, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, nothing);
	if (c->redirected_from.family != IP_NONE)
		put_redirected_from(p, &c->redirected_from);
	else if (c->with_redirect_support)
		put_notify(p, NOTIFY_REDIRECT_SUPPORTED, nothing);
}

struct bytes ikeclient_init_request(struct ikeclient *c)
{
	struct wr w = wr_init(c->message1, sizeof(c->message1));
	struct ike_header h = {
		.spi_i = c->spi_i,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct payload_writer p = message_open(&w, &h);
	struct ke_body ke = { (uint16_t)c->suite.kex->id, kex_public(c->kex) };
	struct sa_payload sa;
	struct bytes out;

	if (c->cookie_len > 0)
		put_notify(&p, NOTIFY_COOKIE, (struct bytes){ c->cookie, c->cookie_len });
	sa_offer_ike(&sa, &c->suite, 1, nothing);
	payload_open(&p, PAYLOAD_SA);
	sa_encode(&w, &sa);
	payload_close(&p);
	payload_open(&p, PAYLOAD_KE);
	ke_encode(&w, &ke);
	payload_close(&p);
	payload_put(&p, PAYLOAD_NONCE, (struct bytes){ c->ni, sizeof(c->ni) });
	ikeclient_put_notifies(c, &p);
	message_close(&p);
	require(wr_finish(&w, &out) == 0);
	c->message1_len = out.len;
	return out;
}

int ikeclient_take_notify(struct ikeclient *c, struct bytes body)
{
	struct notify n;
	int err = notify_decode(body, &n);

	if (err != 0)
		return err;
	c->notify = n.type;
	if (n.type == NOTIFY_COOKIE) {
		if (n.data.len > sizeof(c->cookie))
			return ERR_VALUE;
		memcpy(c->cookie, n.data.ptr, n.data.len);
		c->cookie_len = n.data.len;
	} else if (n.type == NOTIFY_REDIRECT) {
		err = redirect_decode(n.data, (struct bytes){ c->ni, sizeof(c->ni) }, &c->redirect);
		if (err != 0)
			return err;
		memcpy(c->redirect_octets, c->redirect.id.ptr, c->redirect.id.len);
		c->redirect.id.ptr = c->redirect_octets;
	}
	return ERR_BAD_STATE;
}

static int take_keys(struct ikeclient *c, const struct payload_list *list)
{
	struct bytes sa_body, ke_octets, nonce;
	struct sa_payload sa;
	struct ike_suite suite;
	struct proposal chosen;
	struct ke_body ke;
	AUTO_SECRET g_ir;
	int err;

	g_ir.len = 0;
	if ((err = payload_get(list, PAYLOAD_SA, &sa_body)) != 0 ||
	    (err = payload_get(list, PAYLOAD_KE, &ke_octets)) != 0 ||
	    (err = payload_get(list, PAYLOAD_NONCE, &nonce)) != 0 ||
	    (err = sa_decode(sa_body, &sa)) != 0 || (err = ke_decode(ke_octets, &ke)) != 0 ||
	    (err = nonce_decode(nonce, &nonce)) != 0)
		return err;
	/* The answer must be exactly what was offered. */
	if (sa.n != 1 || sa_choose_ike(&sa, &c->suite, 1, &suite, &chosen) != 0 ||
	    ke.group != c->suite.kex->id)
		return ERR_MISMATCH;
	memcpy(c->nr, nonce.ptr, nonce.len);
	c->nr_len = nonce.len;
	err = kex_derive(c->kex, ke.value, &g_ir);
	if (err != 0)
		return err;
	return ike_keys_derive(c->crypto, &c->suite, (struct bytes){ c->ni, sizeof(c->ni) }, nonce,
			       secret_bytes(&g_ir), c->spi_i, c->spi_r, &c->keys);
}

int ikeclient_take_init(struct ikeclient *c, struct bytes message)
{
	struct ike_header h;
	struct payload_list list;
	uint8_t critical;
	int err = ike_header_decode(message, &h);

	if (err != 0)
		return err;
	if (h.spi_i != c->spi_i || !ike_header_is_response(&h) || ike_header_is_initiator(&h) ||
	    h.message_id != 0 || message.len > sizeof(c->message2))
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
	for (size_t i = 0; i < list.n; i++) {
		struct notify n;

		if (list.items[i].type == PAYLOAD_NOTIFY &&
		    notify_decode(list.items[i].body, &n) == 0)
			c->has_childless |= n.type == NOTIFY_CHILDLESS_IKEV2_SUPPORTED;
	}
	c->spi_r = h.spi_r;
	memcpy(c->message2, message.ptr, message.len);
	c->message2_len = message.len;
	return take_keys(c, &list);
}

static struct bytes own_id(const struct ikeclient *c, uint8_t buf[ID_SIZE_MAX])
{
	struct id_body id = { ID_FQDN, { (const uint8_t *)c->id, strlen(c->id) } };
	struct wr w = wr_init(buf, ID_SIZE_MAX);
	struct bytes out;

	id_encode(&w, c->idi != NULL ? c->idi : &id);
	require(wr_finish(&w, &out) == 0);
	return out;
}

/* Ours, or what the responder's has to be. */
static int compute_auth(struct ikeclient *c, bool is_ours, struct bytes id, uint8_t *out)
{
	struct bytes message = is_ours ? (struct bytes){ c->message1, c->message1_len }
				       : (struct bytes){ c->message2, c->message2_len };
	struct bytes nonce =
	    is_ours ? (struct bytes){ c->nr, c->nr_len } : (struct bytes){ c->ni, sizeof(c->ni) };
	struct bytes key = key_bytes(is_ours ? &c->keys.pi : &c->keys.pr);

	if (c->is_resumed)
		return auth_resume_compute(c->crypto, c->suite.prf->id, c->form, message, nonce,
					   key, id, out);
	return auth_psk_compute(c->crypto, c->suite.prf->id,
				(struct bytes){ (const uint8_t *)c->psk, strlen(c->psk) }, message,
				nonce, key, id, out);
}

static void put_auth(struct ikeclient *c, struct payload_writer *p, struct bytes id)
{
	uint8_t data[PRF_MAX_SIZE];
	struct auth_body auth = { AUTH_SHARED_KEY, { data, prf_size(c->suite.prf->id) } };

	require(compute_auth(c, true, id, data) == 0);
	if (c->auth_method != 0)
		auth.method = c->auth_method;
	payload_open(p, PAYLOAD_AUTH);
	auth_encode(p->w, &auth);
	payload_close(p);
}

static bool is_left_out(const struct ikeclient *c, uint8_t type)
{
	return memchr(c->leave_out, type, sizeof(c->leave_out)) != NULL;
}

struct bytes ikeclient_auth_chain(struct ikeclient *c, uint8_t *first)
{
	struct wr w = wr_init(c->plain, sizeof(c->plain));
	struct payload_writer p = chain_open(&w);
	uint8_t spi[4], id_buf[ID_SIZE_MAX];
	struct wr spi_writer = wr_init(spi, sizeof(spi));
	struct sa_payload sa;
	struct bytes out, id = own_id(c, id_buf);

	wr_u32(&spi_writer, c->child_spi);
	payload_put(&p, PAYLOAD_IDI, id);
	if (c->idr != NULL) {
		payload_open(&p, PAYLOAD_IDR);
		id_encode(&w, c->idr);
		payload_close(&p);
	}
	if (c->with_initial_contact)
		put_notify(&p, NOTIFY_INITIAL_CONTACT, nothing);
	if (c->with_ticket_request)
		put_notify(&p, NOTIFY_TICKET_REQUEST, nothing);
	put_auth(c, &p, id);
	sa_offer_esp(&sa, &c->esp, 1, (struct bytes){ spi, sizeof(spi) });
	if (!is_left_out(c, PAYLOAD_SA)) {
		payload_open(&p, PAYLOAD_SA);
		sa_encode(&w, &sa);
		payload_close(&p);
	}
	if (!is_left_out(c, PAYLOAD_TSI)) {
		payload_open(&p, PAYLOAD_TSI);
		ts_encode(&w, &c->tsi);
		payload_close(&p);
	}
	if (!is_left_out(c, PAYLOAD_TSR)) {
		payload_open(&p, PAYLOAD_TSR);
		ts_encode(&w, &c->tsr);
		payload_close(&p);
	}
	require(wr_finish(&w, &out) == 0);
	*first = p.first;
	return out;
}

static struct bytes seal(struct ikeclient *c, uint8_t exchange, uint8_t flags, uint32_t id,
			 uint8_t first, struct bytes inner)
{
	struct wr w = wr_init(c->buf, sizeof(c->buf));
	struct ike_header h = {
		.spi_i = c->spi_i,
		.spi_r = c->spi_r,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = flags,
		.message_id = id,
	};
	struct bytes out;

	sk_seal(&w, c->crypto, c->suite.encr, key_bytes(&c->keys.ei), c->next_iv++, &h, first,
		inner);
	require(wr_finish(&w, &out) == 0);
	return out;
}

struct bytes ikeclient_seal(struct ikeclient *c, uint8_t exchange, uint32_t id, uint8_t first,
			    struct bytes inner)
{
	return seal(c, exchange, IKE_FLAG_INITIATOR, id, first, inner);
}

struct bytes ikeclient_seal_answer(struct ikeclient *c, uint8_t exchange, uint32_t id)
{
	return seal(c, exchange, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE, id, 0, nothing);
}

struct bytes ikeclient_seal_chain(struct ikeclient *c, uint8_t exchange, bool is_response,
				  uint32_t id, const struct payload_writer *chain)
{
	struct bytes inner;

	require(wr_finish(chain->w, &inner) == 0);
	return seal(c, exchange,
		    (uint8_t)(IKE_FLAG_INITIATOR | (is_response ? IKE_FLAG_RESPONSE : 0)), id,
		    chain->first, inner);
}

struct bytes ikeclient_auth_request(struct ikeclient *c)
{
	uint8_t first;
	struct bytes inner = ikeclient_auth_chain(c, &first);

	return ikeclient_seal(c, EXCHANGE_IKE_AUTH, c->next_id++, first, inner);
}

int ikeclient_open(struct ikeclient *c, struct bytes message, struct ike_header *h,
		   struct payload_list *list)
{
	bool is_authentic;
	uint8_t critical;
	int err = ike_header_decode(message, h);

	if (err != 0)
		return err;
	if (message.len > sizeof(c->plain))
		return ERR_LIMIT;
	if (h->spi_i != c->spi_i || h->spi_r != c->spi_r || ike_header_is_initiator(h))
		return ERR_MISMATCH;
	return sk_open(c->crypto, c->suite.encr, key_bytes(&c->keys.er), message, c->plain, list,
		       &critical, &is_authentic);
}

static int check_responder_auth(struct ikeclient *c, struct bytes idr, const struct auth_body *auth)
{
	uint8_t want[PRF_MAX_SIZE];
	int err = compute_auth(c, false, idr, want);

	if (err != 0)
		return err;
	return auth->method == AUTH_SHARED_KEY &&
		       secret_is_equal(auth->data,
				       (struct bytes){ want, prf_size(c->suite.prf->id) })
		   ? 0
		   : ERR_AUTH;
}

static int take_child(struct ikeclient *c, const struct payload_list *list)
{
	struct bytes sa_body, tsi, tsr;
	struct sa_payload sa;
	struct esp_suite suite;
	struct proposal chosen;
	int err;

	if ((err = payload_get(list, PAYLOAD_SA, &sa_body)) != 0 ||
	    (err = payload_get(list, PAYLOAD_TSI, &tsi)) != 0 ||
	    (err = payload_get(list, PAYLOAD_TSR, &tsr)) != 0 ||
	    (err = sa_decode(sa_body, &sa)) != 0 ||
	    (err = sa_choose_esp(&sa, &c->esp, 1, true, &suite, &chosen, &c->peer_child_spi)) !=
		0 ||
	    (err = ts_decode(tsi, &c->tsi)) != 0 || (err = ts_decode(tsr, &c->tsr)) != 0)
		return err;
	return child_keys_derive(c->crypto, c->suite.prf->id, key_bytes(&c->keys.d), &c->esp,
				 nothing, (struct bytes){ c->ni, sizeof(c->ni) },
				 (struct bytes){ c->nr, c->nr_len }, &c->child_keys);
}

int ikeclient_take_auth(struct ikeclient *c, struct bytes message)
{
	struct ike_header h;
	struct payload_list list;
	struct bytes idr, auth_octets;
	struct auth_body auth;
	int err = ikeclient_open(c, message, &h, &list);

	if (err != 0)
		return err;
	if (!ike_header_is_response(&h) || h.exchange != EXCHANGE_IKE_AUTH)
		return ERR_MISMATCH;
	c->notify = 0;
	ikeclient_keep_ticket(c, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct notify n;

		if (list.items[i].type == PAYLOAD_NOTIFY &&
		    notify_decode(list.items[i].body, &n) == 0 && n.type < NOTIFY_INITIAL_CONTACT)
			c->notify = n.type;
	}
	if (c->notify != 0 && payload_get(&list, PAYLOAD_IDR, &idr) != 0)
		return ERR_BAD_STATE;
	if ((err = payload_get(&list, PAYLOAD_IDR, &idr)) != 0 ||
	    (err = payload_get(&list, PAYLOAD_AUTH, &auth_octets)) != 0 ||
	    (err = auth_decode(auth_octets, &auth)) != 0 ||
	    (err = check_responder_auth(c, idr, &auth)) != 0)
		return err;
	return c->notify != 0 ? ERR_BAD_STATE : take_child(c, &list);
}

static struct bytes informational(struct ikeclient *c, const struct delete_body *d)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p = chain_open(&w);
	struct bytes inner;

	if (d != NULL) {
		payload_open(&p, PAYLOAD_DELETE);
		delete_encode(&w, d);
		payload_close(&p);
	}
	require(wr_finish(&w, &inner) == 0);
	return ikeclient_seal(c, EXCHANGE_INFORMATIONAL, c->next_id++, p.first, inner);
}

struct bytes ikeclient_liveness(struct ikeclient *c)
{
	return informational(c, NULL);
}

struct bytes ikeclient_delete_ike(struct ikeclient *c)
{
	struct delete_body d = { .protocol = PROTOCOL_IKE };

	return informational(c, &d);
}

struct bytes ikeclient_delete_child(struct ikeclient *c)
{
	uint8_t spi[4];
	struct wr w = wr_init(spi, sizeof(spi));
	struct delete_body d = { PROTOCOL_ESP, 1, { spi, sizeof(spi) } };

	wr_u32(&w, c->child_spi);
	return informational(c, &d);
}

struct bytes ikeclient_answer(struct ikeclient *c, struct bytes request)
{
	struct ike_header h;

	require(ike_header_decode(request, &h) == 0);
	return ikeclient_seal_answer(c, h.exchange, h.message_id);
}
