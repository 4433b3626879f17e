/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/ikev2/ticket/ticket.h"

/*
 * Input: one octet of choices, then a ticket as a peer shows it. With the lowest bit set the rest
 * is the content instead, sealed here, so that the fields are reached. What opens can be sealed
 * again, and opens to the same.
 */
#define CHOICE_SEAL 1
#define HEADER_SIZE 44
#define TAG_SIZE    16

static const struct ticket_key key = { .id = 1, .secret = { 7 }, .not_after_s = 1 };

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static size_t seal(struct crypto *c, struct bytes plain, uint8_t out[TICKET_MAX_SIZE])
{
	static const char label[] = "waypost ticket 1";
	const uint8_t iv[AEAD_IV_SIZE] = { 0 };
	uint8_t seed[sizeof(label) - 1 + TICKET_ID_SIZE] = { 0 }, derived[64];
	const struct bytes sealing = { derived, 36 }, header = { out, HEADER_SIZE };

	memcpy(seed, label, sizeof(label) - 1);
	require(HMAC(EVP_sha512(), key.secret, sizeof(key.secret), seed, sizeof(seed), derived,
		     NULL) != NULL);
	memset(out, 0, HEADER_SIZE);
	out[0] = 1;
	out[11] = 1;
	require(aead_seal(c, encr_by_name("aes256gcm16"), sealing, iv, header, plain,
			  out + HEADER_SIZE) == 0);
	return HEADER_SIZE + plain.len + TAG_SIZE;
}

static void check_again(struct crypto *c, struct ticket *t)
{
	struct rng_seeded seeded = { 1 };
	const struct rng rng = rng_seeded(&seeded);
	uint8_t out[TICKET_MAX_SIZE];
	struct ticket again;
	size_t len;

	require(ticket_seal(c, &rng, &key, t, out, &len) == 0);
	require(ticket_open(c, &key, (struct bytes){ out, len }, &again) == 0);
	require(bytes_is_equal(again.idi.data, t->idi.data) && again.spi_r == t->spi_r &&
		again.ledger.count == t->ledger.count && again.expires_s == t->expires_s &&
		strcmp(again.connection, t->connection) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct crypto *c;
	uint8_t sealed[TICKET_MAX_SIZE];
	struct bytes ticket;
	struct ticket t;
	uint64_t id;

	if (c == NULL)
		c = crypto_new();
	if (size < 1)
		return 0;
	ticket = (struct bytes){ input + 1, size - 1 };
	if ((input[0] & CHOICE_SEAL) != 0) {
		if (ticket.len > sizeof(sealed) - HEADER_SIZE - TAG_SIZE)
			return 0;
		ticket.len = seal(c, ticket, sealed);
		ticket.ptr = sealed;
	}
	if (ticket_key_id(ticket, &id) != 0)
		require(ticket_open(c, &key, ticket, &t) != 0);
	else if (ticket_open(c, &key, ticket, &t) == 0)
		check_again(c, &t);
	return 0;
}
