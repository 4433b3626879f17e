/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/sa.h"

#include "common/wire/rd.h"

/*
 * Choosing from an offer, making one, and matching an answer (RFC 7296, 2.7 and 3.3.6). The rules
 * speak of proposals that the decoder has found well-formed; what is wrong beyond that makes a
 * proposal or a transform unusable, never the message.
 */
#define INTEG_NONE   0
#define ESN_NONE     0
#define IKE_SPI_SIZE 8
#define ESP_SPI_SIZE 4
#define ESP_SPI_MIN  256 /* RFC 4303, 2.1: those below are reserved */

#define TYPE_BIT(type) (1u << (type))
#define IKE_TYPES                                                                         \
	(TYPE_BIT(TRANSFORM_ENCR) | TYPE_BIT(TRANSFORM_PRF) | TYPE_BIT(TRANSFORM_INTEG) | \
	 TYPE_BIT(TRANSFORM_KE))
#define ESP_TYPES                                                                        \
	(TYPE_BIT(TRANSFORM_ENCR) | TYPE_BIT(TRANSFORM_INTEG) | TYPE_BIT(TRANSFORM_KE) | \
	 TYPE_BIT(TRANSFORM_ESN))

static struct transform transform_make(enum transform_type type, uint16_t id, uint16_t key_bits)
{
	return (struct transform){ .type = (uint8_t)type, .id = id, .key_bits = key_bits };
}

static struct transform encr_transform(const struct encr_alg *encr)
{
	return transform_make(TRANSFORM_ENCR, (uint16_t)encr->id, encr->key_bits);
}

static struct transform prf_transform(const struct prf_alg *prf)
{
	return transform_make(TRANSFORM_PRF, (uint16_t)prf->id, 0);
}

static struct transform kex_transform(const struct kex_group *kex)
{
	return transform_make(TRANSFORM_KE, kex != NULL ? (uint16_t)kex->id : KEX_NONE, 0);
}

static struct transform esn_transform(void)
{
	return transform_make(TRANSFORM_ESN, ESN_NONE, 0);
}

static bool transform_is_equal(const struct transform *a, const struct transform *b)
{
	return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits &&
	       !a->has_unknown_attributes && !b->has_unknown_attributes;
}

static bool proposal_has(const struct proposal *p, struct transform wanted)
{
	for (size_t i = 0; i < p->n_transforms; i++) {
		if (transform_is_equal(&p->transforms[i], &wanted))
			return true;
	}
	return false;
}

static bool proposal_has_type(const struct proposal *p, enum transform_type type)
{
	for (size_t i = 0; i < p->n_transforms; i++) {
		if (p->transforms[i].type == type)
			return true;
	}
	return false;
}

static bool proposal_has_only(const struct proposal *p, unsigned int types)
{
	for (size_t i = 0; i < p->n_transforms; i++) {
		uint8_t type = p->transforms[i].type;

		if (type > TRANSFORM_ESN || (types & TYPE_BIT(type)) == 0)
			return false;
	}
	return true;
}

/* All ciphers of our tables are AEAD: "INTEG MUST be absent or NONE" (RFC 7296, 3.3.3). */
static bool proposal_has_no_integ(const struct proposal *p)
{
	const struct transform none = transform_make(TRANSFORM_INTEG, INTEG_NONE, 0);

	for (size_t i = 0; i < p->n_transforms; i++) {
		const struct transform *t = &p->transforms[i];

		if (t->type == TRANSFORM_INTEG && !transform_is_equal(t, &none))
			return false;
	}
	return true;
}

static void proposal_add(struct proposal *p, struct transform t)
{
	p->transforms[p->n_transforms++] = t;
}

/* ---- IKE ---- */

static bool ike_proposal_is_usable(const struct proposal *p)
{
	return p->protocol == PROTOCOL_IKE && (p->spi.len == 0 || p->spi.len == IKE_SPI_SIZE) &&
	       proposal_has_only(p, IKE_TYPES) && proposal_has_no_integ(p);
}

static bool ike_suite_is_on_offer(const struct proposal *p, const struct ike_suite *s)
{
	return proposal_has(p, encr_transform(s->encr)) && proposal_has(p, prf_transform(s->prf)) &&
	       proposal_has(p, kex_transform(s->kex));
}

static struct proposal ike_proposal_make(uint8_t number, const struct ike_suite *s)
{
	struct proposal p = { .number = number, .protocol = PROTOCOL_IKE };

	proposal_add(&p, encr_transform(s->encr));
	proposal_add(&p, prf_transform(s->prf));
	proposal_add(&p, kex_transform(s->kex));
	return p;
}

int sa_choose_ike(const struct sa_payload *offer, const struct ike_suite *accept, size_t n_accept,
		  struct ike_suite *suite, struct proposal *chosen)
{
	for (size_t i = 0; i < offer->n; i++) {
		const struct proposal *p = &offer->proposals[i];

		if (!ike_proposal_is_usable(p))
			continue;
		for (size_t s = 0; s < n_accept; s++) {
			if (!ike_suite_is_on_offer(p, &accept[s]))
				continue;
			*suite = accept[s];
			*chosen = ike_proposal_make(p->number, suite);
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

/* ---- ESP ---- */

static bool esp_proposal_is_usable(const struct proposal *p, uint32_t *spi)
{
	struct rd r = rd_init(p->spi);

	*spi = rd_u32(&r);
	return p->protocol == PROTOCOL_ESP && rd_finish(&r) == 0 && *spi >= ESP_SPI_MIN &&
	       proposal_has_only(p, ESP_TYPES) && proposal_has_no_integ(p) &&
	       proposal_has(p, esn_transform());
}

/* A proposal without KE offers NONE. */
static bool kex_is_on_offer(const struct proposal *p, const struct kex_group *kex)
{
	return proposal_has(p, kex_transform(kex)) ||
	       (kex == NULL && !proposal_has_type(p, TRANSFORM_KE));
}

static struct proposal esp_proposal_make(uint8_t number, const struct esp_suite *s, bool with_kex)
{
	struct proposal p = { .number = number, .protocol = PROTOCOL_ESP };

	proposal_add(&p, encr_transform(s->encr));
	if (with_kex)
		proposal_add(&p, kex_transform(s->kex));
	proposal_add(&p, esn_transform());
	return p;
}

static bool esp_choose_from(const struct proposal *p, const struct esp_suite *accept,
			    size_t n_accept, bool ignore_kex, struct esp_suite *suite)
{
	for (size_t s = 0; s < n_accept; s++) {
		if (!proposal_has(p, encr_transform(accept[s].encr)))
			continue;
		if (!ignore_kex && !kex_is_on_offer(p, accept[s].kex))
			continue;
		*suite = accept[s];
		return true;
	}
	return false;
}

int sa_choose_esp(const struct sa_payload *offer, const struct esp_suite *accept, size_t n_accept,
		  bool ignore_kex, struct esp_suite *suite, struct proposal *chosen,
		  uint32_t *peer_spi)
{
	for (size_t i = 0; i < offer->n; i++) {
		const struct proposal *p = &offer->proposals[i];
		bool with_kex = !ignore_kex && proposal_has_type(p, TRANSFORM_KE);
		uint32_t spi;

		if (!esp_proposal_is_usable(p, &spi) ||
		    !esp_choose_from(p, accept, n_accept, ignore_kex, suite))
			continue;
		if (ignore_kex)
			suite->kex = NULL;
		*chosen = esp_proposal_make(p->number, suite, with_kex);
		*peer_spi = spi;
		return 0;
	}
	return ERR_NOT_FOUND;
}

/* ---- initiator ---- */

/* The one proposal of an answer, if it has one transform of each type and answers one of n. */
static const struct proposal *answer_find(const struct sa_payload *answer, size_t n)
{
	const struct proposal *p = &answer->proposals[0];
	unsigned int seen = 0;

	if (answer->n != 1 || p->number == 0 || p->number > n)
		return NULL;
	for (size_t i = 0; i < p->n_transforms; i++) {
		uint8_t type = p->transforms[i].type;

		if (type > TRANSFORM_ESN || (seen & TYPE_BIT(type)) != 0)
			return NULL;
		seen |= TYPE_BIT(type);
	}
	return p;
}

int sa_match_ike(const struct sa_payload *answer, const struct ike_suite *offered, size_t n_offered,
		 struct ike_suite *suite)
{
	const struct proposal *p = answer_find(answer, n_offered);

	if (p == NULL || !ike_proposal_is_usable(p) ||
	    !ike_suite_is_on_offer(p, &offered[p->number - 1]))
		return ERR_MISMATCH;
	*suite = offered[p->number - 1];
	return 0;
}

int sa_match_esp(const struct sa_payload *answer, const struct esp_suite *offered, size_t n_offered,
		 struct esp_suite *suite, uint32_t *peer_spi)
{
	const struct proposal *p = answer_find(answer, n_offered);
	uint32_t spi;

	if (p == NULL || !esp_proposal_is_usable(p, &spi) ||
	    !esp_choose_from(p, &offered[p->number - 1], 1, false, suite))
		return ERR_MISMATCH;
	*peer_spi = spi;
	return 0;
}

void sa_offer_ike(struct sa_payload *out, const struct ike_suite *suites, size_t n,
		  struct bytes spi)
{
	out->n = n < SA_MAX_PROPOSALS ? n : SA_MAX_PROPOSALS;
	for (size_t i = 0; i < out->n; i++) {
		out->proposals[i] = ike_proposal_make((uint8_t)(i + 1), &suites[i]);
		out->proposals[i].spi = spi;
	}
}

void sa_offer_esp(struct sa_payload *out, const struct esp_suite *suites, size_t n,
		  struct bytes spi)
{
	out->n = n < SA_MAX_PROPOSALS ? n : SA_MAX_PROPOSALS;
	for (size_t i = 0; i < out->n; i++) {
		out->proposals[i] =
		    esp_proposal_make((uint8_t)(i + 1), &suites[i], suites[i].kex != NULL);
		out->proposals[i].spi = spi;
	}
}
