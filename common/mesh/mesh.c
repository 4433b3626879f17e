/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mesh/mesh.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/secret.h"
#include "common/wire/rd.h"
#include "common/wire/wr.h"

#define SHA256_SIZE  32
#define MAC_SIZE     16
#define SIGNED_SIZE  (MESH_SIZE - MAC_SIZE)
#define VERSION      1
#define ADDRESS_SIZE 16

static const uint8_t magic[] = { 'W', 'P', 'M' };

static int compute_mac(struct bytes key, const uint8_t *octets, uint8_t out[MAC_SIZE])
{
	uint8_t full[SHA256_SIZE];
	unsigned int len = sizeof(full);

	if (key.len < MESH_KEY_MIN || key.len > KEY_MAX)
		return ERR_VALUE;
	if (HMAC(EVP_sha256(), key.ptr, (int)key.len, octets, SIGNED_SIZE, full, &len) == NULL)
		return ERR_CRYPTO;
	memcpy(out, full, MAC_SIZE);
	wipe(full, sizeof(full));
	return 0;
}

static bool is_zero(const uint8_t *octets, size_t len)
{
	uint8_t all = 0;

	for (size_t i = 0; i < len; i++)
		all |= octets[i];
	return all == 0;
}

/* What a message of its type must look like, for both directions. */
static int check(const struct mesh_msg *m)
{
	size_t size = ip_size(&m->address);

	if (m->number < 1 || m->number > MESH_NUMBER_MAX || m->epoch > MESH_EPOCH_MAX)
		return ERR_VALUE;
	if (size == 0 || !is_zero(m->address.octets + size, ADDRESS_SIZE - size))
		return ERR_VALUE;
	switch (m->type) {
	case MESH_PROBE:
		return m->epoch == 0 ? 0 : ERR_VALUE;
	case MESH_ANSWER:
		return 0;
	case MESH_NOTICE:
		return m->epoch != 0 && is_zero(m->nonce, sizeof(m->nonce)) ? 0 : ERR_VALUE;
	}
	return ERR_UNSUPPORTED;
}

int mesh_encode(const struct mesh_msg *m, struct bytes key, uint8_t out[MESH_SIZE])
{
	uint8_t buf[MESH_SIZE];
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes written;
	int err = check(m);

	if (err != 0)
		return ERR_VALUE;
	wr_bytes(&w, (struct bytes){ magic, sizeof(magic) });
	wr_u8(&w, VERSION);
	wr_u8(&w, (uint8_t)m->type);
	wr_u8(&w, m->number);
	wr_u8(&w, m->address.family);
	wr_u8(&w, 0);
	wr_u64(&w, m->boot_id);
	wr_u64(&w, m->epoch);
	wr_bytes(&w, (struct bytes){ m->nonce, sizeof(m->nonce) });
	wr_bytes(&w, (struct bytes){ m->address.octets, ADDRESS_SIZE });
	err = wr_finish(&w, &written);
	if (err == 0)
		err = compute_mac(key, buf, buf + SIGNED_SIZE);
	if (err == 0)
		memcpy(out, buf, MESH_SIZE);
	return err;
}

/* Every key is tried, whichever fits: how long it takes says nothing. */
static int verify(struct bytes datagram, const struct bytes *keys, size_t n_keys)
{
	struct bytes mac = { datagram.ptr + SIGNED_SIZE, MAC_SIZE };
	bool is_right = false;
	int err = 0;

	if (n_keys > MESH_KEYS_MAX)
		return ERR_VALUE;
	for (size_t i = 0; i < n_keys && err == 0; i++) {
		uint8_t want[MAC_SIZE];

		err = compute_mac(keys[i], datagram.ptr, want);
		if (err == 0)
			is_right |= secret_is_equal((struct bytes){ want, MAC_SIZE }, mac);
		wipe(want, sizeof(want));
	}
	if (err != 0)
		return err;
	return is_right ? 0 : ERR_AUTH;
}

static int read_fields(struct bytes datagram, struct mesh_msg *m)
{
	struct rd r = rd_init((struct bytes){ datagram.ptr, SIGNED_SIZE });
	struct bytes start = rd_bytes(&r, sizeof(magic)), nonce, address;
	uint8_t version = rd_u8(&r), type = rd_u8(&r), zero;

	m->number = rd_u8(&r);
	m->address.family = rd_u8(&r);
	zero = rd_u8(&r);
	m->boot_id = rd_u64(&r);
	m->epoch = rd_u64(&r);
	nonce = rd_bytes(&r, MESH_NONCE_SIZE);
	address = rd_bytes(&r, ADDRESS_SIZE);
	if (rd_finish(&r) != 0)
		return ERR_TRUNCATED;
	if (!bytes_is_equal(start, (struct bytes){ magic, sizeof(magic) }))
		return ERR_VALUE;
	if (version != VERSION || type < MESH_PROBE || type > MESH_NOTICE)
		return ERR_UNSUPPORTED;
	m->type = (enum mesh_type)type;
	memcpy(m->nonce, nonce.ptr, nonce.len);
	memcpy(m->address.octets, address.ptr, address.len);
	return zero == 0 ? check(m) : ERR_VALUE;
}

int mesh_decode(struct bytes datagram, const struct bytes *keys, size_t n_keys,
		struct mesh_msg *out)
{
	struct mesh_msg m = { .number = 0 };
	int err;

	if (datagram.len != MESH_SIZE)
		return datagram.len < MESH_SIZE ? ERR_TRUNCATED : ERR_TOO_LONG;
	err = verify(datagram, keys, n_keys);
	if (err == 0)
		err = read_fields(datagram, &m);
	if (err == 0)
		*out = m;
	return err;
}
