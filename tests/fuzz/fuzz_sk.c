/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/ikev2/sk.h"

/*
 * Input: three octets, then an IKE message or a chain of payloads. It is opened as a message with a
 * fixed key. As a chain it is sealed, and must open to what it decodes to unsealed; with one octet
 * of the message changed it must not open at all.
 */
#define MAX_INPUT   2048
#define MAX_MESSAGE (MAX_INPUT + 64)

static struct crypto *crypto;
static const struct encr_alg *alg;
static const uint8_t key_octets[ENCR_KEY_MAX] = { 1, 2, 3 };
static const struct bytes key = { key_octets, sizeof(key_octets) };

static void require(bool is_right)
{
	if (!is_right)
		abort();
}

static int open_message(struct bytes message, struct payload_list *list, uint8_t *plain,
			uint8_t *critical, bool *authentic)
{
	return sk_open(crypto, alg, key, message, plain, list, critical, authentic);
}

/* Nobody finds a message that opens, so this only must not crash, nor say that it is authentic. */
static void check_random_message(struct bytes message)
{
	uint8_t plain[MAX_INPUT], critical;
	struct payload_list list;
	struct fragment f;
	bool authentic = true;

	require(open_message(message, &list, plain, &critical, &authentic) != 0 && !authentic);
	authentic = true;
	require(skf_open(crypto, alg, key, message, plain, &f, &critical, &authentic) != 0 &&
		!authentic);
}

static void require_same_list(const struct payload_list *a, const struct payload_list *b)
{
	require(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		require(a->items[i].type == b->items[i].type &&
			bytes_is_equal(a->items[i].body, b->items[i].body));
}

static bool is_nested(const struct payload_list *list)
{
	uint8_t last = list->n > 0 ? list->items[list->n - 1].type : PAYLOAD_NONE;

	return last == PAYLOAD_SK || last == PAYLOAD_SKF;
}

/* change: which octet of the message to spoil, modulo its length. */
static void check_chain(uint8_t first, uint16_t change, struct bytes chain)
{
	const struct ike_header h = { .spi_i = 1, .version = IKE_VERSION, .message_id = 5 };
	uint8_t buf[MAX_MESSAGE], plain[MAX_MESSAGE], critical = 0, critical_want = 0;
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_list list, want;
	struct bytes message;
	bool authentic = false;
	int err, err_want;

	sk_seal(&w, crypto, alg, key, change, &h, first, chain);
	if ((first == PAYLOAD_NONE) != (chain.len == 0)) {
		require(wr_finish(&w, &message) == ERR_VALUE);
		return;
	}
	require(wr_finish(&w, &message) == 0);
	err_want = payload_list_decode(first, chain, &want, &critical_want);
	if (err_want == 0 && is_nested(&want))
		err_want = ERR_VALUE;
	err = open_message(message, &list, plain, &critical, &authentic);
	require(err == err_want && authentic && critical == critical_want);
	if (err == 0)
		require_same_list(&list, &want);
	buf[change % message.len] ^= 1;
	require(open_message(message, &list, plain, &critical, &authentic) != 0 && !authentic);
}

static void check_fragment(uint8_t first, uint16_t numbers, struct bytes content)
{
	const struct ike_header h = { .spi_i = 1, .version = IKE_VERSION, .message_id = 5 };
	const struct fragment f = { { numbers >> 8, numbers & 0xff }, first, content };
	uint8_t buf[MAX_MESSAGE], plain[MAX_MESSAGE], critical;
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes message;
	struct fragment got;
	bool authentic = false;

	skf_seal(&w, crypto, alg, key, numbers, &h, &f);
	if (f.at.number == 0 || f.at.number > f.at.total) {
		require(wr_finish(&w, &message) == ERR_VALUE);
		return;
	}
	require(wr_finish(&w, &message) == 0);
	require(skf_open(crypto, alg, key, message, plain, &got, &critical, &authentic) == 0);
	require(authentic && got.at.number == f.at.number && got.at.total == f.at.total);
	require(got.first == (f.at.number == 1 ? first : PAYLOAD_NONE));
	require(bytes_is_equal(got.content, content));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct bytes octets;
	uint16_t number;

	if (size < 3 || size > MAX_INPUT)
		return 0;
	if (crypto == NULL) {
		crypto = crypto_new();
		alg = encr_find(ENCR_AES_GCM_16, 256);
		require(crypto != NULL && alg != NULL);
	}
	octets = (struct bytes){ input + 3, size - 3 };
	number = (uint16_t)(input[1] << 8 | input[2]);
	check_random_message(octets);
	check_chain(input[0], number, octets);
	check_fragment(input[0], number, octets);
	return 0;
}
