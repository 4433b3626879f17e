/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/mesh/mesh.h"

/*
 * Input: one octet of choices (bit 0: the MAC is made right first, so that the fields are reached),
 * then a datagram. What decodes has only one form: encoding it gives the same octets. What encodes
 * is what decodes.
 */
#define CHOICE_SEAL 1
#define MAC_SIZE    16
#define INPUT_MAX   256

static const uint8_t key_octets[32] = { 7 }, old_octets[32] = { 8 };
static const struct bytes keys[] = { { old_octets, 32 }, { key_octets, 32 } };

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void check_encoding(struct bytes datagram)
{
	struct mesh_msg m = { .number = datagram.ptr[5], .epoch = datagram.ptr[23] }, again;
	uint8_t out[MESH_SIZE];
	struct bytes encoded = { out, sizeof(out) };

	m.type = (enum mesh_type)(datagram.ptr[4] % 5);
	m.address.family = datagram.ptr[6];
	memcpy(m.nonce, datagram.ptr + 24, sizeof(m.nonce));
	memcpy(m.address.octets, datagram.ptr + 40, sizeof(m.address.octets));
	if (mesh_encode(&m, keys[0], out) == 0)
		require(mesh_decode(encoded, keys, 2, &again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t buf[INPUT_MAX], out[MESH_SIZE], mac[32];
	struct bytes datagram = { buf, size - 1 };
	struct mesh_msg m;

	if (size < 1 || size > sizeof(buf))
		return 0;
	memcpy(buf, input + 1, datagram.len);
	if ((input[0] & CHOICE_SEAL) != 0 && datagram.len == MESH_SIZE) {
		require(HMAC(EVP_sha256(), key_octets, sizeof(key_octets), buf,
			     MESH_SIZE - MAC_SIZE, mac, NULL) != NULL);
		memcpy(buf + MESH_SIZE - MAC_SIZE, mac, MAC_SIZE);
	}
	if (datagram.len == MESH_SIZE)
		check_encoding(datagram);
	if (mesh_decode(datagram, keys, 2, &m) == 0) {
		require(mesh_encode(&m, keys[1], out) == 0);
		require(bytes_is_equal(datagram, (struct bytes){ out, sizeof(out) }));
	}
	return 0;
}
