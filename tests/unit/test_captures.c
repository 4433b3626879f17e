/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/ikev2/body.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/sa.h"
#include "common/ikev2/sk.h"
#include "tests/lib/hex.h"
#include "tests/lib/vectors.h"

/* What real peers sent: every message decodes as a whole, and encodes to the same octets. */
#define LEN(array)  (sizeof(array) / sizeof((array)[0]))
#define MAX_RECORDS 20
#define MAX_TEXT    512

#define LIBRESWAN  "tests/vectors/libreswan-resume.hex"
#define STRONGSWAN "tests/vectors/strongswan-redirect.hex"

/* Payloads by name, notifications by theirs. */
#define NATD_NAMES " NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP"
#define STRONGSWAN_NAMES \
	"SA KE NONCE" NATD_NAMES " IKEV2_FRAGMENTATION_SUPPORTED SIGNATURE_HASH_ALGORITHMS"

static const struct {
	const char *path;
	size_t n;
	const char *contents[MAX_RECORDS];
} files[] = {
	{ LIBRESWAN,
	  16,
	  { "SA KE NONCE IKEV2_FRAGMENTATION_SUPPORTED REDIRECT_SUPPORTED" NATD_NAMES,
	    "SA KE NONCE IKEV2_FRAGMENTATION_SUPPORTED" NATD_NAMES " CHILDLESS_IKEV2_SUPPORTED",
	    "SK", "SKF 1/2", "SKF 2/2", "SK", "SK", "NONCE TICKET_OPAQUE", "NONCE", "SK", "SK",
	    "SK", "SK", "SK", "SK", "NONCE TICKET_OPAQUE" } },
	{ STRONGSWAN,
	  3,
	  { STRONGSWAN_NAMES " REDIRECT_SUPPORTED",
	    "COOKIE " STRONGSWAN_NAMES " REDIRECT_SUPPORTED",
	    "COOKIE " STRONGSWAN_NAMES " REDIRECTED_FROM" } },
};

static struct vector records[MAX_RECORDS];

static struct payload_list chain_of(const struct vector *v, struct ike_header *h)
{
	struct bytes octets = vector_bytes(v);
	struct payload_list list;
	uint8_t critical;

	test_expect(v->name, "header", ike_header_decode(octets, h), 0);
	octets.ptr += IKE_HEADER_SIZE;
	octets.len -= IKE_HEADER_SIZE;
	test_expect(v->name, "chain",
		    payload_list_decode(h->next_payload, octets, &list, &critical), 0);
	return list;
}

static void encode_body(const char *name, struct wr *w, const struct payload *p)
{
	static struct sa_payload sa;
	struct notify n;
	struct ke_body ke;
	struct bytes nonce;

	switch (p->type) {
	case PAYLOAD_SA:
		test_expect(name, "SA", sa_decode(p->body, &sa), 0);
		sa_encode(w, &sa);
		break;
	case PAYLOAD_KE:
		test_expect(name, "KE", ke_decode(p->body, &ke), 0);
		ke_encode(w, &ke);
		break;
	case PAYLOAD_NONCE:
		test_expect(name, "nonce", nonce_decode(p->body, &nonce), 0);
		nonce_encode(w, nonce);
		break;
	case PAYLOAD_NOTIFY:
		test_expect(name, "notify", notify_decode(p->body, &n), 0);
		notify_encode(w, &n);
		break;
	default:
		fail_msg("%s: there is a payload %s", name, payload_name(p->type));
	}
}

static void check_recoded(const struct vector *v)
{
	uint8_t buf[VECTOR_MAX];
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header h;
	struct payload_list list = chain_of(v, &h);
	struct payload_writer p = message_open(&w, &h);
	struct bytes out;

	for (size_t i = 0; i < list.n; i++) {
		payload_open(&p, list.items[i].type);
		encode_body(v->name, &w, &list.items[i]);
		payload_close(&p);
	}
	message_close(&p);
	test_expect(v->name, "encode", wr_finish(&w, &out), 0);
	test_expect_octets(v->name, "encoded", out, vector_bytes(v));
}

/* Returns what is in it by name; a sealed message is not looked into. */
static bool describe(const struct vector *v, char out[MAX_TEXT])
{
	struct ike_header h;
	struct payload_list list = chain_of(v, &h);
	bool is_sealed = false;
	size_t len = 0;

	for (size_t i = 0; i < list.n; i++) {
		const struct payload *p = &list.items[i];
		const char *name = payload_name(p->type);
		char numbers[16] = "";
		struct notify n;
		struct skf at;

		if (p->type == PAYLOAD_NOTIFY && notify_decode(p->body, &n) == 0)
			name = notify_name(n.type);
		if (p->type == PAYLOAD_SKF && skf_decode(p->body, &at) == 0)
			snprintf(numbers, sizeof(numbers), " %u/%u", (unsigned int)at.number,
				 (unsigned int)at.total);
		is_sealed = is_sealed || p->type == PAYLOAD_SK || p->type == PAYLOAD_SKF;
		len += (size_t)snprintf(out + len, MAX_TEXT - len, "%s%s%s", i > 0 ? " " : "", name,
					numbers);
	}
	return is_sealed;
}

static void test_every_message(void **state)
{
	(void)state;
	for (size_t f = 0; f < LEN(files); f++) {
		assert_int_equal(vectors_load(files[f].path, records, MAX_RECORDS), files[f].n);
		for (size_t i = 0; i < files[f].n; i++) {
			char text[MAX_TEXT];

			if (!describe(&records[i], text))
				check_recoded(&records[i]);
			if (strcmp(text, files[f].contents[i]) != 0)
				fail_msg("%s: got %s, want %s", records[i].name, text,
					 files[f].contents[i]);
		}
	}
}

/* The data of the one notification of that type. */
static struct bytes data_of(const struct vector *v, uint16_t type)
{
	struct ike_header h;
	struct payload_list list = chain_of(v, &h);
	struct bytes found = { NULL, 0 };
	struct notify n;

	for (size_t i = 0; i < list.n; i++) {
		if (list.items[i].type != PAYLOAD_NOTIFY ||
		    notify_decode(list.items[i].body, &n) != 0 || n.type != type)
			continue;
		assert_null(found.ptr);
		found = n.data;
	}
	assert_non_null(found.ptr);
	return found;
}

static void test_tickets(void **state)
{
	(void)state;
	assert_int_equal(vectors_load(LIBRESWAN, records, MAX_RECORDS), 16);
	assert_int_equal(data_of(&records[7], NOTIFY_TICKET_OPAQUE).len, 928 - 28 - 36 - 8);
	assert_int_equal(data_of(&records[15], NOTIFY_TICKET_OPAQUE).len, 928 - 28 - 36 - 8);
}

static void test_redirected_client(void **state)
{
	static const uint8_t first_gateway[] = { 10, 77, 0, 1 };
	const struct bytes no_nonce = { NULL, 0 };
	struct signature_hashes hashes;
	struct bytes cookie, again;
	struct gateway gw;

	(void)state;
	assert_int_equal(vectors_load(STRONGSWAN, records, MAX_RECORDS), 3);
	assert_int_equal(
	    redirect_decode(data_of(&records[2], NOTIFY_REDIRECTED_FROM), no_nonce, &gw), 0);
	assert_int_equal(gw.type, GATEWAY_IPV4);
	test_expect_octets("REDIRECTED_FROM", "gateway", gw.id,
			   (struct bytes){ first_gateway, sizeof(first_gateway) });
	assert_int_equal(cookie_decode(data_of(&records[1], NOTIFY_COOKIE), &cookie), 0);
	assert_int_equal(cookie_decode(data_of(&records[2], NOTIFY_COOKIE), &again), 0);
	assert_int_equal(cookie.len, 32);
	test_expect_octets("COOKIE", "second gateway", again, cookie);
	assert_int_equal(signature_hashes_decode(
			     data_of(&records[0], NOTIFY_SIGNATURE_HASH_ALGORITHMS), &hashes),
			 0);
	assert_int_equal(hashes.items[0], SIGNATURE_HASH_SHA2_256);
}

/* Neither had a NAT in between: each hash is that of the address the message came from, or went to.
 */
static void test_nat_detection(void **state)
{
	static const struct {
		const char *path;
		size_t record;
		const char *source;
		const char *destination;
	} cases[] = {
		{ LIBRESWAN, 0, "10.9.0.10:500", "10.9.0.11:500" },
		{ LIBRESWAN, 1, "10.9.0.11:500", "10.9.0.10:500" },
		{ STRONGSWAN, 2, "10.77.0.9:500", "10.77.0.2:500" },
	};
	struct crypto *crypto = crypto_new();

	(void)state;
	assert_non_null(crypto);
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct vector *v = &records[cases[i].record];
		uint8_t hash[NATD_SIZE];
		struct bytes got = { hash, sizeof(hash) };
		struct endpoint source, destination;
		struct ike_header h;

		vectors_load(cases[i].path, records, MAX_RECORDS);
		(void)chain_of(v, &h);
		assert_int_equal(endpoint_parse(cases[i].source, &source), 0);
		assert_int_equal(endpoint_parse(cases[i].destination, &destination), 0);
		assert_int_equal(natd_compute(crypto, h.spi_i, h.spi_r, &source, hash), 0);
		test_expect_octets(v->name, "source", got,
				   data_of(v, NOTIFY_NAT_DETECTION_SOURCE_IP));
		assert_int_equal(natd_compute(crypto, h.spi_i, h.spi_r, &destination, hash), 0);
		test_expect_octets(v->name, "destination", got,
				   data_of(v, NOTIFY_NAT_DETECTION_DESTINATION_IP));
	}
	crypto_free(crypto);
}

static void test_choosing_from_real_offers(void **state)
{
	static const struct {
		const char *path;
		size_t n_proposals;
		size_t n_transforms; /* of the first */
		const char *accept;
		uint8_t number; /* of the proposal that is chosen, 0: none */
	} cases[] = {
		{ LIBRESWAN, 1, 3, "aes256gcm16-prfsha256-x25519", 1 },
		{ LIBRESWAN, 1, 3, "aes128gcm16-prfsha256-x25519", 0 },
		{ STRONGSWAN, 2, 38, "aes256gcm16-prfsha256-x25519", 2 },
		{ STRONGSWAN, 2, 38, "aes128gcm16-prfsha384-modp2048", 2 },
	};
	static struct sa_payload sa;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ike_suite accept, suite;
		struct proposal chosen = { .number = 0 };
		struct payload_list list;
		struct ike_header h;
		struct bytes body;
		int err;

		vectors_load(cases[i].path, records, MAX_RECORDS);
		list = chain_of(&records[0], &h);
		assert_int_equal(payload_get(&list, PAYLOAD_SA, &body), 0);
		assert_int_equal(sa_decode(body, &sa), 0);
		assert_int_equal(sa.n, cases[i].n_proposals);
		assert_int_equal(sa.proposals[0].n_transforms, cases[i].n_transforms);
		assert_int_equal(ike_suite_parse(cases[i].accept, &accept), 0);
		err = sa_choose_ike(&sa, &accept, 1, &suite, &chosen);
		test_expect(cases[i].accept, "choose", err,
			    cases[i].number != 0 ? 0 : ERR_NOT_FOUND);
		test_expect(cases[i].accept, "proposal", chosen.number, cases[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_redirected_client),
		cmocka_unit_test(test_nat_detection),
		cmocka_unit_test(test_choosing_from_real_offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
