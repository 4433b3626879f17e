/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/esp/packet.h"
#include "tests/lib/esp_pair.h"

/*
 * The first octet of the input says what the others are:
 *   0  what arrives on UDP port 4500
 *   1  the plaintext of a packet that the peer has sealed: the parsers behind the ICV
 *   2  a packet from the protected network; what is sent must arrive, and be the same
 */
#define MAX_INPUT 2048

static struct esp_pair pair;

static void require(bool condition)
{
	if (!condition)
		abort();
}

static enum esp_verdict receive(struct esp_set *set, struct bytes packet, struct bytes *inner)
{
	static uint8_t out[MAX_INPUT + ESP_OVERHEAD_MAX];
	uint64_t id = 0;
	bool moved;
	enum esp_verdict v =
	    esp_inbound(set, 1, &pair.child.remote, packet, out, inner, &id, &moved);

	if (v == ESP_OK)
		require(id == PAIR_ID && inner->ptr >= out && inner->len <= packet.len);
	return v;
}

static void fuzz_sealed(struct bytes plain)
{
	uint8_t packet[MAX_INPUT + ESP_OVERHEAD_MAX];
	size_t len = esp_pair_seal(&pair, 1, plain, packet, sizeof(packet));
	struct bytes inner;
	enum esp_verdict v = receive(pair.member, (struct bytes){ packet, len }, &inner);

	require(v != ESP_BAD_ICV && v != ESP_CRYPTO && v != ESP_UNKNOWN_SPI && v != ESP_REPLAY);
	if (v == ESP_OK)
		require(inner.len <= plain.len - ESP_TRAILER_SIZE &&
			memcmp(inner.ptr, plain.ptr, inner.len) == 0);
	if (v != ESP_TRUNCATED)
		require(receive(pair.member, (struct bytes){ packet, len }, &inner) == ESP_REPLAY);
}

static void fuzz_outbound(struct bytes inner)
{
	uint8_t out[MAX_INPUT + ESP_OVERHEAD_MAX];
	struct endpoint local, remote;
	struct bytes packet, got;

	if (esp_outbound(pair.member, 1, inner, out, sizeof(out), &packet, &local, &remote) !=
	    ESP_OK)
		return;
	require(receive(pair.peer, packet, &got) == ESP_OK);
	require(got.len <= inner.len && memcmp(got.ptr, inner.ptr, got.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct bytes rest, inner;

	if (size == 0 || size > MAX_INPUT)
		return 0;
	rest = (struct bytes){ input + 1, size - 1 };
	if (pair.crypto == NULL)
		esp_pair_open(&pair);
	switch (input[0] % 3) {
	case 0:
		require(receive(pair.member, rest, &inner) != ESP_OK);
		break;
	case 1:
		fuzz_sealed(rest);
		break;
	default:
		fuzz_outbound(rest);
	}
	esp_pair_reset(&pair);
	return 0;
}
