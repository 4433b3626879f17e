/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/suite.h"

#include <stdio.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const struct encr_alg encr_algs[] = {
	{ "aes128gcm16", ENCR_AES_GCM_16, 128, 16, 4, AEAD_IV_SIZE, 16 },
	{ "aes192gcm16", ENCR_AES_GCM_16, 192, 24, 4, AEAD_IV_SIZE, 16 },
	{ "aes256gcm16", ENCR_AES_GCM_16, 256, 32, 4, AEAD_IV_SIZE, 16 },
};

static const struct prf_alg prf_algs[] = {
	{ "prfsha256", PRF_HMAC_SHA2_256 },
	{ "prfsha384", PRF_HMAC_SHA2_384 },
	{ "prfsha512", PRF_HMAC_SHA2_512 },
};

static const struct kex_group kex_groups[] = {
	{ "x25519", KEX_CURVE25519 },
	{ "ecp256", KEX_ECP_256 },
	{ "modp2048", KEX_MODP_2048 },
};

const struct encr_alg *encr_find(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < LEN(encr_algs); i++) {
		if (encr_algs[i].id == id && encr_algs[i].key_bits == key_bits)
			return &encr_algs[i];
	}
	return NULL;
}

const struct prf_alg *prf_find(uint16_t id)
{
	for (size_t i = 0; i < LEN(prf_algs); i++) {
		if (prf_algs[i].id == id)
			return &prf_algs[i];
	}
	return NULL;
}

const struct kex_group *kex_find(uint16_t id)
{
	for (size_t i = 0; i < LEN(kex_groups); i++) {
		if (kex_groups[i].id == id)
			return &kex_groups[i];
	}
	return NULL;
}

/* A stretch of configuration text without terminator. */
struct word {
	const char *text;
	size_t len;
};

static bool is_word(struct word w, const char *name)
{
	return strlen(name) == w.len && memcmp(name, w.text, w.len) == 0;
}

static const struct encr_alg *encr_by_word(struct word w)
{
	for (size_t i = 0; i < LEN(encr_algs); i++) {
		if (is_word(w, encr_algs[i].name))
			return &encr_algs[i];
	}
	return NULL;
}

static const struct prf_alg *prf_by_word(struct word w)
{
	for (size_t i = 0; i < LEN(prf_algs); i++) {
		if (is_word(w, prf_algs[i].name))
			return &prf_algs[i];
	}
	return NULL;
}

static const struct kex_group *kex_by_word(struct word w)
{
	for (size_t i = 0; i < LEN(kex_groups); i++) {
		if (is_word(w, kex_groups[i].name))
			return &kex_groups[i];
	}
	return NULL;
}

const struct encr_alg *encr_by_name(const char *name)
{
	return encr_by_word((struct word){ name, strlen(name) });
}

const struct prf_alg *prf_by_name(const char *name)
{
	return prf_by_word((struct word){ name, strlen(name) });
}

const struct kex_group *kex_by_name(const char *name)
{
	return kex_by_word((struct word){ name, strlen(name) });
}

/* Sets one member of s by the word; false if the word is unknown or its member set already. */
static bool is_part_taken(struct word w, struct ike_suite *s)
{
	const struct encr_alg *encr = encr_by_word(w);
	const struct prf_alg *prf = prf_by_word(w);
	const struct kex_group *kex = kex_by_word(w);

	if (encr != NULL && s->encr == NULL)
		s->encr = encr;
	else if (prf != NULL && s->prf == NULL)
		s->prf = prf;
	else if (kex != NULL && s->kex == NULL)
		s->kex = kex;
	else
		return false;
	return true;
}

static int parts_parse(const char *text, struct ike_suite *out)
{
	struct ike_suite s = { NULL, NULL, NULL };

	for (;;) {
		struct word w = { text, strcspn(text, "-") };

		if (!is_part_taken(w, &s))
			return ERR_VALUE;
		text += w.len;
		if (*text == '\0')
			break;
		text++;
	}
	*out = s;
	return 0;
}

int ike_suite_parse(const char *text, struct ike_suite *out)
{
	struct ike_suite s;
	int err = parts_parse(text, &s);

	if (err != 0)
		return err;
	if (s.encr == NULL || s.prf == NULL || s.kex == NULL)
		return ERR_VALUE;
	*out = s;
	return 0;
}

int esp_suite_parse(const char *text, struct esp_suite *out)
{
	struct ike_suite s;
	int err = parts_parse(text, &s);

	if (err != 0)
		return err;
	if (s.encr == NULL || s.prf != NULL)
		return ERR_VALUE;
	*out = (struct esp_suite){ s.encr, s.kex };
	return 0;
}

const char *ike_suite_format(const struct ike_suite *s, char out[SUITE_TEXT_MAX])
{
	snprintf(out, SUITE_TEXT_MAX, "%s-%s-%s", s->encr->name, s->prf->name, s->kex->name);
	return out;
}

const char *esp_suite_format(const struct esp_suite *s, char out[SUITE_TEXT_MAX])
{
	snprintf(out, SUITE_TEXT_MAX, "%s%s%s", s->encr->name, s->kex != NULL ? "-" : "",
		 s->kex != NULL ? s->kex->name : "");
	return out;
}
