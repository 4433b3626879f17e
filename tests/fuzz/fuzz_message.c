/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/ikev2/body.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/sa.h"
#include "common/ikev2/sk.h"

/*
 * Input: an IKE message; its Length is made to fit. Whatever decodes must encode to octets that
 * decode to the same value, and to the same octets where the format has no reserved fields. What
 * is chosen from an offer must be in it, and what is narrowed must be within both lists.
 */
#define MAX_INPUT 4096
#define NO_SUITES 3

typedef int (*recode_fn)(struct bytes in, struct wr *w);

static void require(bool is_right)
{
	if (!is_right)
		abort();
}

static int recode_ke(struct bytes in, struct wr *w)
{
	struct ke_body ke;
	int err = ke_decode(in, &ke);

	if (err == 0)
		ke_encode(w, &ke);
	return err;
}

static int recode_nonce(struct bytes in, struct wr *w)
{
	struct bytes nonce;
	int err = nonce_decode(in, &nonce);

	if (err == 0)
		nonce_encode(w, nonce);
	return err;
}

static int recode_id(struct bytes in, struct wr *w)
{
	struct id_body id;
	char text[ID_TEXT_MAX];
	int err = id_decode(in, &id);

	if (err != 0)
		return err;
	require(strlen(id_format(&id, text)) < sizeof(text));
	id_encode(w, &id);
	return 0;
}

static int recode_auth(struct bytes in, struct wr *w)
{
	struct auth_body auth;
	int err = auth_decode(in, &auth);

	if (err == 0)
		auth_encode(w, &auth);
	return err;
}

static int recode_delete(struct bytes in, struct wr *w)
{
	struct delete_body d;
	int err = delete_decode(in, &d);

	if (err != 0)
		return err;
	for (size_t i = 0; i < d.count; i++)
		(void)delete_spi(&d, i);
	delete_encode(w, &d);
	return 0;
}

static int recode_notify(struct bytes in, struct wr *w)
{
	struct notify n;
	int err = notify_decode(in, &n);

	if (err == 0)
		notify_encode(w, &n);
	return err;
}

/* ---- SA ---- */

static struct ike_suite ike_suites[NO_SUITES];
static struct esp_suite esp_suites[NO_SUITES];

static void load_suites(void)
{
	static const char *const ike[] = { "aes256gcm16-prfsha256-x25519",
					   "aes256gcm16-prfsha384-ecp256",
					   "aes128gcm16-prfsha256-modp2048" };
	static const char *const esp[] = { "aes256gcm16-x25519", "aes256gcm16", "aes128gcm16" };

	if (ike_suites[0].encr != NULL)
		return;
	for (size_t i = 0; i < NO_SUITES; i++)
		require(ike_suite_parse(ike[i], &ike_suites[i]) == 0 &&
			esp_suite_parse(esp[i], &esp_suites[i]) == 0);
}

/* Whatever is chosen can be sent, and every transform of it was on offer. */
static void check_chosen(const struct sa_payload *offer, const struct proposal *chosen)
{
	const struct proposal *p = sa_find(offer, chosen->number);
	static struct sa_payload answer;
	uint8_t buf[MAX_INPUT];
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes out;

	require(p != NULL && p->protocol == chosen->protocol);
	for (size_t i = 0; i < chosen->n_transforms; i++) {
		const struct transform *t = &chosen->transforms[i];
		bool is_there = false;

		for (size_t k = 0; k < p->n_transforms; k++)
			is_there = is_there || (p->transforms[k].type == t->type &&
						p->transforms[k].id == t->id &&
						p->transforms[k].key_bits == t->key_bits);
		require(is_there);
	}
	answer.n = 1;
	answer.proposals[0] = *chosen;
	sa_encode(&w, &answer);
	require(wr_finish(&w, &out) == 0 && sa_decode(out, &answer) == 0);
}

static void check_choosing(const struct sa_payload *sa)
{
	struct ike_suite ike;
	struct esp_suite esp;
	struct proposal chosen;
	uint32_t spi;

	load_suites();
	if (sa_choose_ike(sa, ike_suites, NO_SUITES, &ike, &chosen) == 0)
		check_chosen(sa, &chosen);
	if (sa_choose_esp(sa, esp_suites, NO_SUITES, false, &esp, &chosen, &spi) == 0)
		check_chosen(sa, &chosen);
	if (sa_choose_esp(sa, esp_suites, NO_SUITES, true, &esp, &chosen, &spi) == 0)
		check_chosen(sa, &chosen);
	if (sa_match_ike(sa, ike_suites, NO_SUITES, &ike) == 0)
		require(sa_choose_ike(sa, &ike, 1, &ike, &chosen) == 0);
	if (sa_match_esp(sa, esp_suites, NO_SUITES, &esp, &spi) == 0)
		require(sa_choose_esp(sa, &esp, 1, false, &esp, &chosen, &spi) == 0);
}

static bool can_be_sent(const struct sa_payload *sa)
{
	for (size_t i = 0; i < sa->n; i++) {
		for (size_t k = 0; k < sa->proposals[i].n_transforms; k++) {
			if (sa->proposals[i].transforms[k].has_unknown_attributes)
				return false;
		}
	}
	return true;
}

static int recode_sa(struct bytes in, struct wr *w)
{
	static struct sa_payload sa;
	int err = sa_decode(in, &sa);

	if (err != 0)
		return err;
	check_choosing(&sa);
	if (!can_be_sent(&sa))
		return ERR_UNSUPPORTED;
	sa_encode(w, &sa);
	return 0;
}

/* ---- TS ---- */

static bool is_within(const struct ts *part, const struct ts_list *list)
{
	struct ts common;

	for (size_t i = 0; i < list->n; i++) {
		if (ts_intersect(part, &list->items[i], &common) &&
		    common.protocol == part->protocol && common.port_first == part->port_first &&
		    common.port_last == part->port_last &&
		    ip_is_equal(&common.range.first, &part->range.first) &&
		    ip_is_equal(&common.range.last, &part->range.last))
			return true;
	}
	return false;
}

/* The last half of an offer is taken for a policy. */
static void check_narrowing(const struct ts_list *list)
{
	struct ts_list offer = { .n = list->n / 2 }, policy = { .n = list->n - list->n / 2 }, out;
	char text[TS_TEXT_MAX];

	memcpy(offer.items, list->items, offer.n * sizeof(offer.items[0]));
	memcpy(policy.items, list->items + offer.n, policy.n * sizeof(policy.items[0]));
	if (ts_narrow(&offer, &policy, &out) != 0)
		return;
	require(out.n > 0 && out.n <= TS_MAX);
	for (size_t i = 0; i < out.n; i++) {
		require(is_within(&out.items[i], &offer) && is_within(&out.items[i], &policy));
		require(strlen(ts_format(&out.items[i], text)) < sizeof(text) - 1);
	}
}

static int recode_ts(struct bytes in, struct wr *w)
{
	struct ts_list list;
	int err = ts_decode(in, &list);

	if (err != 0)
		return err;
	check_narrowing(&list);
	if (list.n == 0)
		return ERR_UNSUPPORTED;
	ts_encode(w, &list);
	return 0;
}

/* ---- all of them ---- */

static const struct body_codec {
	uint8_t type;
	recode_fn recode;
	bool is_canonical;
} body_codecs[] = {
	{ PAYLOAD_SA, recode_sa, false },        { PAYLOAD_KE, recode_ke, false },
	{ PAYLOAD_IDI, recode_id, false },       { PAYLOAD_IDR, recode_id, false },
	{ PAYLOAD_AUTH, recode_auth, false },    { PAYLOAD_NONCE, recode_nonce, true },
	{ PAYLOAD_NOTIFY, recode_notify, true }, { PAYLOAD_DELETE, recode_delete, true },
	{ PAYLOAD_TSI, recode_ts, false },       { PAYLOAD_TSR, recode_ts, false },
};

static void check_body(const struct body_codec *codec, struct bytes body)
{
	uint8_t buf[MAX_INPUT], again[MAX_INPUT];
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes first, second;

	if (codec->recode(body, &w) != 0)
		return;
	require(wr_finish(&w, &first) == 0);
	require(!codec->is_canonical || bytes_is_equal(first, body));
	w = wr_init(again, sizeof(again));
	require(codec->recode(first, &w) == 0);
	require(wr_finish(&w, &second) == 0);
	require(bytes_is_equal(first, second));
}

/* What is in the list, written again, gives the same list. */
static void check_chain(const struct ike_header *h, const struct payload_list *list)
{
	uint8_t buf[MAX_INPUT], critical;
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p = message_open(&w, h);
	struct payload_list again;
	struct ike_header header;
	struct bytes out;
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint8_t type = list->items[i].type;
		struct skf at;

		if (type == PAYLOAD_SKF)
			(void)skf_decode(list->items[i].body, &at);
		if (type == PAYLOAD_SK || type == PAYLOAD_SKF)
			continue;
		payload_put(&p, type, list->items[i].body);
		n++;
	}
	message_close(&p);
	require(wr_finish(&w, &out) == 0 && ike_header_decode(out, &header) == 0);
	require(header.spi_i == h->spi_i && header.spi_r == h->spi_r && header.flags == h->flags &&
		header.message_id == h->message_id && header.exchange == h->exchange);
	out.ptr += IKE_HEADER_SIZE;
	out.len -= IKE_HEADER_SIZE;
	require(payload_list_decode(header.next_payload, out, &again, &critical) == 0);
	require(again.n == n);
	for (size_t i = 0; i < n; i++)
		require(again.items[i].type == list->items[i].type &&
			bytes_is_equal(again.items[i].body, list->items[i].body));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t message[MAX_INPUT], critical;
	struct bytes chain = { message + IKE_HEADER_SIZE, size - IKE_HEADER_SIZE };
	struct payload_list list;
	struct ike_header h;

	if (size < IKE_HEADER_SIZE || size > MAX_INPUT)
		return 0;
	memcpy(message, input, size);
	message[24] = message[25] = 0;
	message[26] = (uint8_t)(size >> 8);
	message[27] = (uint8_t)size;
	require(ike_header_decode((struct bytes){ message, size }, &h) == 0);
	if (payload_list_decode(h.next_payload, chain, &list, &critical) != 0)
		return 0;
	check_chain(&h, &list);
	for (size_t i = 0; i < list.n; i++) {
		for (size_t k = 0; k < sizeof(body_codecs) / sizeof(body_codecs[0]); k++) {
			if (body_codecs[k].type == list.items[i].type)
				check_body(&body_codecs[k], list.items[i].body);
		}
	}
	return 0;
}
