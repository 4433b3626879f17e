/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/keys.h"

#include "common/wire/wr.h"

#define SPI_SIZE  8
#define NONCE_MAX 256 /* RFC 7296, 3.9 */

/* SK_d, SK_pi, SK_pr and, with AEAD, SK_ei and SK_er; no SK_a (RFC 7296, 2.14; RFC 5282, 7). */
#define IKE_KEYMAT_MAX   (3 * PRF_MAX_SIZE + 2 * ENCR_KEY_MAX)
#define CHILD_KEYMAT_MAX (2 * ENCR_KEY_MAX)

_Static_assert(PRF_MAX_SIZE <= KEY_MAX && ENCR_KEY_MAX <= KEY_MAX, "a key fits struct key");

/* Cuts keys off the key material in their order. */
static void key_cut(struct key *k, size_t len, const uint8_t **from)
{
	*k = (struct key){ .len = len };
	memcpy(k->data, *from, len);
	*from += len;
}

static size_t encr_keymat_size(const struct encr_alg *encr)
{
	return (size_t)encr->key_size + encr->salt_size;
}

/* {SK_d | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) */
static int keys_expand(struct crypto *c, const struct ike_suite *suite, struct bytes skeyseed,
		       struct bytes seed, struct ike_keys *out)
{
	size_t prf_len = prf_size(suite->prf->id), encr_len = encr_keymat_size(suite->encr);
	uint8_t keymat[IKE_KEYMAT_MAX];
	const uint8_t *next = keymat;
	int err =
	    prf_plus(c, suite->prf->id, skeyseed, &seed, 1, keymat, 3 * prf_len + 2 * encr_len);

	if (err != 0)
		return err;
	key_cut(&out->d, prf_len, &next);
	key_cut(&out->ei, encr_len, &next);
	key_cut(&out->er, encr_len, &next);
	key_cut(&out->pi, prf_len, &next);
	key_cut(&out->pr, prf_len, &next);
	wipe(keymat, sizeof(keymat));
	return 0;
}

/* Ni | Nr | SPIi | SPIr, of which the nonces alone are a part. */
struct seed {
	uint8_t buf[2 * NONCE_MAX + 2 * SPI_SIZE];
	struct bytes nonces, all;
};

static int seed_make(struct seed *s, struct bytes ni, struct bytes nr, uint64_t spi_i,
		     uint64_t spi_r)
{
	struct wr w = wr_init(s->buf, sizeof(s->buf));

	if (ni.len > NONCE_MAX || nr.len > NONCE_MAX)
		return ERR_VALUE;
	wr_bytes(&w, ni);
	wr_bytes(&w, nr);
	s->nonces = (struct bytes){ s->buf, w.len };
	wr_u64(&w, spi_i);
	wr_u64(&w, spi_r);
	return wr_finish(&w, &s->all);
}

int ike_keys_derive(struct crypto *c, const struct ike_suite *suite, struct bytes ni,
		    struct bytes nr, struct bytes g_ir, uint64_t spi_i, uint64_t spi_r,
		    struct ike_keys *out)
{
	AUTO_KEY skeyseed = { .len = prf_size(suite->prf->id) };
	struct seed seed;
	int err = seed_make(&seed, ni, nr, spi_i, spi_r);

	if (err == 0)
		err = prf_compute(c, suite->prf->id, seed.nonces, &g_ir, 1, skeyseed.data);
	if (err == 0)
		err = keys_expand(c, suite, key_bytes(&skeyseed), seed.all, out);
	return err;
}

int ike_keys_rekey(struct crypto *c, enum prf_id old_prf, struct bytes old_sk_d,
		   const struct ike_suite *suite, struct bytes ni, struct bytes nr,
		   struct bytes g_ir, uint64_t spi_i, uint64_t spi_r, struct ike_keys *out)
{
	const struct bytes parts[] = { g_ir, ni, nr };
	AUTO_KEY skeyseed = { .len = prf_size(old_prf) };
	struct seed seed;
	int err = seed_make(&seed, ni, nr, spi_i, spi_r);

	if (err == 0)
		err = prf_compute(c, old_prf, old_sk_d, parts, sizeof(parts) / sizeof(parts[0]),
				  skeyseed.data);
	if (err == 0)
		err = keys_expand(c, suite, key_bytes(&skeyseed), seed.all, out);
	return err;
}

int ike_keys_resume(struct crypto *c, struct bytes ticket_sk_d, const struct ike_suite *suite,
		    struct bytes ni, struct bytes nr, uint64_t spi_i, uint64_t spi_r,
		    struct ike_keys *out)
{
	static const char label[] = "Resumption"; /* without terminator */
	const struct bytes parts[] = { { (const uint8_t *)label, sizeof(label) - 1 }, ni, nr };
	AUTO_KEY skeyseed = { .len = prf_size(suite->prf->id) };
	struct seed seed;
	int err = seed_make(&seed, ni, nr, spi_i, spi_r);

	if (err == 0)
		err = prf_compute(c, suite->prf->id, ticket_sk_d, parts,
				  sizeof(parts) / sizeof(parts[0]), skeyseed.data);
	if (err == 0)
		err = keys_expand(c, suite, key_bytes(&skeyseed), seed.all, out);
	return err;
}

int child_keys_derive(struct crypto *c, enum prf_id prf, struct bytes sk_d,
		      const struct esp_suite *suite, struct bytes g_ir, struct bytes ni,
		      struct bytes nr, struct child_keys *out)
{
	const struct bytes seed[] = { g_ir, ni, nr };
	size_t encr_len = encr_keymat_size(suite->encr);
	uint8_t keymat[CHILD_KEYMAT_MAX];
	const uint8_t *next = keymat;
	int err =
	    prf_plus(c, prf, sk_d, seed, sizeof(seed) / sizeof(seed[0]), keymat, 2 * encr_len);

	if (err != 0)
		return err;
	key_cut(&out->i2r, encr_len, &next);
	key_cut(&out->r2i, encr_len, &next);
	wipe(keymat, sizeof(keymat));
	return 0;
}

void ike_keys_wipe(struct ike_keys *k)
{
	wipe(k, sizeof(*k));
}

void child_keys_wipe(struct child_keys *k)
{
	wipe(k, sizeof(*k));
}

int auth_psk_compute(struct crypto *c, enum prf_id prf, struct bytes psk, struct bytes message,
		     struct bytes nonce, struct bytes sk_p, struct bytes id_body, uint8_t *out)
{
	static const char pad[] = "Key Pad for IKEv2"; /* without terminator, RFC 7296, 2.15 */
	const struct bytes pad_part = { (const uint8_t *)pad, sizeof(pad) - 1 };
	AUTO_KEY inner = { .len = prf_size(prf) };
	AUTO_KEY id_mac = { .len = prf_size(prf) };
	const struct bytes parts[] = { message, nonce, key_bytes(&id_mac) };
	int err = prf_compute(c, prf, psk, &pad_part, 1, inner.data);

	if (err == 0)
		err = prf_compute(c, prf, sk_p, &id_body, 1, id_mac.data);
	if (err == 0)
		err = prf_compute(c, prf, key_bytes(&inner), parts,
				  sizeof(parts) / sizeof(parts[0]), out);
	return err;
}

int auth_resume_compute(struct crypto *c, enum prf_id prf, enum auth_form form,
			struct bytes message, struct bytes nonce, struct bytes sk_p,
			struct bytes id_body, uint8_t *out)
{
	AUTO_KEY id_mac = { .len = prf_size(prf) };
	const struct bytes parts[] = { message, nonce, key_bytes(&id_mac) };
	int err;

	if (form == AUTH_FORM_SHORT)
		return prf_compute(c, prf, sk_p, &message, 1, out);
	err = prf_compute(c, prf, sk_p, &id_body, 1, id_mac.data);
	if (err == 0)
		err = prf_compute(c, prf, sk_p, parts, sizeof(parts) / sizeof(parts[0]), out);
	return err;
}
