/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/sa.h"
#include "tests/lib/hex.h"

#define LEN(array)   (sizeof(array) / sizeof((array)[0]))
#define MAX_TEXT     256
#define MAX_SUITES   4
#define SPI_OF_PEER  0xc0ffee01
#define SPI_RESERVED 0x000000ff

/*
 * Proposals as text: "PROTOCOL[/octets of SPI] TRANSFORM... | ...", each transform a letter for
 * its type (E ncr, P rf, I nteg, K e, N esn, A additional KE 1), its id, ".bits" for a Key Length
 * and "!" for an attribute that nobody knows.
 */
static const char type_letters[] = "?EPIKNA";

static struct transform parse_transform(const char *token)
{
	struct transform t = { .type = (uint8_t)(strchr(type_letters, token[0]) - type_letters) };
	char *end;

	t.id = (uint16_t)strtoul(token + 1, &end, 10);
	if (*end == '.')
		t.key_bits = (uint16_t)strtoul(end + 1, &end, 10);
	t.has_unknown_attributes = *end == '!';
	return t;
}

static void parse_protocol(const char *token, struct proposal *p)
{
	static const uint8_t peer_spi[] = { 0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 0 };
	const char *slash = strchr(token, '/');

	p->protocol = token[0] == 'I' ? PROTOCOL_IKE : token[0] == 'A' ? PROTOCOL_AH : PROTOCOL_ESP;
	p->spi = (struct bytes){ peer_spi, slash != NULL ? strtoul(slash + 1, NULL, 10) : 0 };
}

static void parse_offer(const char *text, struct sa_payload *out)
{
	char copy[MAX_TEXT], *save = NULL;
	struct proposal *p = NULL;

	out->n = 0;
	snprintf(copy, sizeof(copy), "| %s", text);
	for (char *token = strtok_r(copy, " ", &save); token != NULL;
	     token = strtok_r(NULL, " ", &save)) {
		if (token[0] == '|') {
			p = &out->proposals[out->n++];
			p->number = (uint8_t)out->n;
			p->n_transforms = 0;
			parse_protocol(strtok_r(NULL, " ", &save), p);
		} else {
			p->transforms[p->n_transforms++] = parse_transform(token);
		}
	}
}

/* The same notation, with the number in front. */
static const char *format_proposal(const struct proposal *p, char out[MAX_TEXT])
{
	int len = snprintf(out, MAX_TEXT, "%u:%s", (unsigned int)p->number,
			   p->protocol == PROTOCOL_IKE ? "IKE" : "ESP");

	if (p->spi.len > 0)
		len += snprintf(out + len, (size_t)(MAX_TEXT - len), "/%zu", p->spi.len);
	for (size_t i = 0; i < p->n_transforms; i++) {
		const struct transform *t = &p->transforms[i];

		len += snprintf(out + len, (size_t)(MAX_TEXT - len), " %c%u", type_letters[t->type],
				(unsigned int)t->id);
		if (t->key_bits != 0)
			len += snprintf(out + len, (size_t)(MAX_TEXT - len), ".%u",
					(unsigned int)t->key_bits);
	}
	return out;
}

#define PARSE_SUITES(kind)                                                              \
	static size_t parse_##kind##_suites(const char *text, struct kind##_suite *out) \
	{                                                                               \
		char copy[MAX_TEXT], *save = NULL;                                      \
		size_t n = 0;                                                           \
                                                                                        \
		snprintf(copy, sizeof(copy), "%s", text);                               \
		for (char *name = strtok_r(copy, " ", &save); name != NULL;             \
		     name = strtok_r(NULL, " ", &save)) {                               \
			assert_true(n < MAX_SUITES);                                    \
			assert_int_equal(kind##_suite_parse(name, &out[n++]), 0);       \
		}                                                                       \
		return n;                                                               \
	}
PARSE_SUITES(ike)
PARSE_SUITES(esp)

struct choose_case {
	const char *name;
	const char *offer;
	const char *accept;
	const char *suite; /* NULL: nothing fits */
	const char *answer;
	bool ignore_kex;
};

#define S256X "aes256gcm16-prfsha256-x25519"
#define S256E "aes256gcm16-prfsha256-ecp256"
#define S128M "aes128gcm16-prfsha256-modp2048"

static const struct choose_case ike_cases[] = {
	{ "the one offered", "IKE E20.256 P5 K31", S256X, S256X, "1:IKE E20.256 P5 K31", false },
	{ "responder's order within a proposal", "IKE E20.128 E20.256 P5 P6 K14 K19 K31",
	  S256E " " S256X " " S128M, S256E, "1:IKE E20.256 P5 K19", false },
	{ "initiator's order of proposals", "IKE E20.128 P5 K14 | IKE E20.256 P5 K31",
	  S256X " " S128M, S128M, "1:IKE E20.128 P5 K14", false },
	{ "second proposal, its number", "IKE E12.256 P5 I12 K31 | IKE E20.256 P5 K31", S256X,
	  S256X, "2:IKE E20.256 P5 K31", false },
	{ "rekeying", "IKE/8 E20.256 P5 K31", S256X, S256X, "1:IKE E20.256 P5 K31", false },
	{ "INTEG NONE is left out of the answer", "IKE E20.256 P5 I0 K31", S256X, S256X,
	  "1:IKE E20.256 P5 K31", false },
	{ "INTEG NONE twice", "IKE E20.256 I0 P5 I0 K31", S256X, S256X, "1:IKE E20.256 P5 K31",
	  false },
	{ "order of transforms does not matter", "IKE K31 P5 E20.256", S256X, S256X,
	  "1:IKE E20.256 P5 K31", false },
	{ "identical transforms are alternatives", "IKE E20.256 E20.256 P5 P5 K31 K31", S256X,
	  S256X, "1:IKE E20.256 P5 K31", false },
	{ "unknown ids are passed over", "IKE E9999 E20.256 P77 P5 K250 K31", S256X, S256X,
	  "1:IKE E20.256 P5 K31", false },
	{ "unknown attribute, but a clean alternative", "IKE E20.256! E20.256 P5 K31", S256X, S256X,
	  "1:IKE E20.256 P5 K31", false },
	{ "AH and ESP in between", "AH/4 I12 N0 | ESP/4 E20.256 N0 | IKE E20.256 P5 K31", S256X,
	  S256X, "3:IKE E20.256 P5 K31", false },
	{ "AEAD with INTEG", "IKE E20.256 P5 I12 K31", S256X, NULL, NULL, false },
	{ "AEAD with INTEG or NONE", "IKE E20.256 P5 I0 I12 K31", S256X, NULL, NULL, false },
	{ "AEAD and CBC in one proposal", "IKE E20.256 E12.256 P5 I12 K31", S256X, NULL, NULL,
	  false },
	{ "INTEG NONE with a key length", "IKE E20.256 P5 I0.128 K31", S256X, NULL, NULL, false },
	{ "INTEG NONE with an unknown attribute", "IKE E20.256 P5 I0! K31", S256X, NULL, NULL,
	  false },
	{ "no key length", "IKE E20 P5 K31", S256X, NULL, NULL, false },
	{ "another key length", "IKE E20.128 P5 K31", S256X, NULL, NULL, false },
	{ "key length of an unknown size", "IKE E20.255 P5 K31", S256X, NULL, NULL, false },
	{ "unknown attribute", "IKE E20.256! P5 K31", S256X, NULL, NULL, false },
	{ "PRF with a key length", "IKE E20.256 P5.256 K31", S256X, NULL, NULL, false },
	{ "PRF with an unknown attribute", "IKE E20.256 P5! K31", S256X, NULL, NULL, false },
	{ "KE with a key length", "IKE E20.256 P5 K31.256", S256X, NULL, NULL, false },
	{ "no ENCR", "IKE P5 K31", S256X, NULL, NULL, false },
	{ "no PRF", "IKE E20.256 K31", S256X, NULL, NULL, false },
	{ "no KE", "IKE E20.256 P5", S256X, NULL, NULL, false },
	{ "KE NONE", "IKE E20.256 P5 K0", S256X, NULL, NULL, false },
	{ "another PRF", "IKE E20.256 P2 K31", S256X, NULL, NULL, false },
	{ "parts of two proposals", "IKE E20.256 P5 K14 | IKE E20.128 P5 K31", S256X " " S128M,
	  NULL, NULL, false },
	{ "type that IKE has not", "IKE E20.256 P5 K31 N0", S256X, NULL, NULL, false },
	{ "unknown type", "IKE E20.256 P5 K31 A36", S256X, NULL, NULL, false },
	{ "unknown type, but a plain alternative", "IKE E20.256 P5 K31 A36 | IKE E20.256 P5 K31",
	  S256X, S256X, "2:IKE E20.256 P5 K31", false },
	{ "ESP only", "ESP/4 E20.256 N0", S256X, NULL, NULL, false },
	{ "SPI of 4 octets", "IKE/4 E20.256 P5 K31", S256X, NULL, NULL, false },
	{ "nothing accepted", "IKE E20.256 P5 K31", "", NULL, NULL, false },
};

#define E256  "aes256gcm16"
#define E128  "aes128gcm16"
#define E256X "aes256gcm16-x25519"
#define E256E "aes256gcm16-ecp256"

static const struct choose_case esp_cases[] = {
	{ "the one offered", "ESP/4 E20.256 N0", E256, E256, "1:ESP E20.256 N0", false },
	{ "responder's order within a proposal", "ESP/4 E20.256 E20.128 N0", E128 " " E256, E128,
	  "1:ESP E20.128 N0", false },
	{ "initiator's order of proposals", "ESP/4 E20.256 N0 | ESP/4 E20.128 N0", E128 " " E256,
	  E256, "1:ESP E20.256 N0", false },
	{ "no ESN beside ESN", "ESP/4 E20.256 N1 N0", E256, E256, "1:ESP E20.256 N0", false },
	{ "ESN only", "ESP/4 E20.256 N1", E256, NULL, NULL, false },
	{ "no ESN transform", "ESP/4 E20.256", E256, NULL, NULL, false },
	{ "ESN with a key length", "ESP/4 E20.256 N0.1", E256, NULL, NULL, false },
	{ "INTEG NONE is left out of the answer", "ESP/4 E20.256 I0 N0", E256, E256,
	  "1:ESP E20.256 N0", false },
	{ "AEAD with INTEG", "ESP/4 E20.256 I12 N0", E256, NULL, NULL, false },
	{ "AEAD with INTEG, then without", "ESP/4 E20.256 I12 N0 | ESP/4 E20.256 N0", E256, E256,
	  "2:ESP E20.256 N0", false },
	{ "group", "ESP/4 E20.256 K19 K31 N0", E256X, E256X, "1:ESP E20.256 K31 N0", false },
	{ "responder's group", "ESP/4 E20.256 K31 K19 N0", E256E " " E256X, E256E,
	  "1:ESP E20.256 K19 N0", false },
	{ "group is on offer, none is accepted", "ESP/4 E20.256 K31 N0", E256, NULL, NULL, false },
	{ "group or NONE, none is accepted", "ESP/4 E20.256 K31 K0 N0", E256, E256,
	  "1:ESP E20.256 K0 N0", false },
	{ "group or NONE, a group is accepted", "ESP/4 E20.256 K0 K31 N0", E256X, E256X,
	  "1:ESP E20.256 K31 N0", false },
	{ "no group but in front", "ESP/4 K31 E20.256 N0", E256, NULL, NULL, false },
	{ "NONE alone", "ESP/4 E20.256 K0 N0", E256, E256, "1:ESP E20.256 K0 N0", false },
	{ "NONE with a key length", "ESP/4 E20.256 K0.1 N0", E256, NULL, NULL, false },
	{ "no group is on offer, one is asked for", "ESP/4 E20.256 N0", E256X, NULL, NULL, false },
	{ "no group is on offer, either is fine", "ESP/4 E20.256 N0", E256X " " E256, E256,
	  "1:ESP E20.256 N0", false },
	{ "IKE_AUTH: groups are left out", "ESP/4 E20.256 K31 N0", E256, E256, "1:ESP E20.256 N0",
	  true },
	{ "IKE_AUTH: NONE is left out", "ESP/4 E20.256 K0 N0", E256, E256, "1:ESP E20.256 N0",
	  true },
	{ "IKE_AUTH: group asked for later", "ESP/4 E20.256 N0", E256X, E256, "1:ESP E20.256 N0",
	  true },
	{ "IKE_AUTH: ciphers matter", "ESP/4 E20.128 N0", E256X, NULL, NULL, true },
	{ "type that ESP has not", "ESP/4 E20.256 P5 N0", E256, NULL, NULL, false },
	{ "unknown type", "ESP/4 E20.256 N0 A36", E256, NULL, NULL, false },
	{ "unknown attribute", "ESP/4 E20.256! N0", E256, NULL, NULL, false },
	{ "AH", "AH/4 I12 N0", E256, NULL, NULL, false },
	{ "no SPI", "ESP E20.256 N0", E256, NULL, NULL, false },
	{ "SPI of 3 octets", "ESP/3 E20.256 N0", E256, NULL, NULL, false },
	{ "SPI of 8 octets", "ESP/8 E20.256 N0", E256, NULL, NULL, false },
};

static void check_answer(const struct choose_case *c, int err, const char *suite,
			 const struct proposal *chosen)
{
	char text[MAX_TEXT];

	test_expect(c->name, "choose", err, c->suite != NULL ? 0 : ERR_NOT_FOUND);
	if (c->suite == NULL) {
		test_expect(c->name, "output untouched", chosen->number, 99);
		return;
	}
	if (strcmp(suite, c->suite) != 0)
		fail_msg("%s: suite %s, want %s", c->name, suite, c->suite);
	format_proposal(chosen, text);
	if (strcmp(text, c->answer) != 0)
		fail_msg("%s: answer \"%s\", want \"%s\"", c->name, text, c->answer);
}

static void test_choose_ike(void **state)
{
	static struct sa_payload offer;

	(void)state;
	for (size_t i = 0; i < LEN(ike_cases); i++) {
		const struct choose_case *c = &ike_cases[i];
		struct ike_suite accept[MAX_SUITES], suite = { .encr = NULL };
		size_t n_accept = parse_ike_suites(c->accept, accept);
		struct proposal chosen = { .number = 99 };
		char text[SUITE_TEXT_MAX] = "";
		int err;

		parse_offer(c->offer, &offer);
		err = sa_choose_ike(&offer, accept, n_accept, &suite, &chosen);
		if (err == 0)
			ike_suite_format(&suite, text);
		check_answer(c, err, text, &chosen);
	}
}

static void test_choose_esp(void **state)
{
	static struct sa_payload offer;

	(void)state;
	for (size_t i = 0; i < LEN(esp_cases); i++) {
		const struct choose_case *c = &esp_cases[i];
		struct esp_suite accept[MAX_SUITES], suite = { .encr = NULL };
		size_t n_accept = parse_esp_suites(c->accept, accept);
		struct proposal chosen = { .number = 99 };
		char text[SUITE_TEXT_MAX] = "";
		uint32_t spi = 0;
		int err;

		parse_offer(c->offer, &offer);
		err = sa_choose_esp(&offer, accept, n_accept, c->ignore_kex, &suite, &chosen, &spi);
		if (err == 0)
			esp_suite_format(&suite, text);
		check_answer(c, err, text, &chosen);
		test_expect(c->name, "SPI", spi, err == 0 ? SPI_OF_PEER : 0);
	}
}

/* What lies in the array behind the transforms that were decoded. */
static void test_beyond_the_count(void **state)
{
	static struct sa_payload offer;
	struct ike_suite accept, suite;
	struct esp_suite esp;
	struct proposal chosen;
	uint32_t spi;

	(void)state;
	assert_int_equal(ike_suite_parse(S256X, &accept), 0);
	parse_offer("IKE E20.256 P5 K31", &offer);
	offer.proposals[0].n_transforms = 2;
	assert_int_equal(sa_choose_ike(&offer, &accept, 1, &suite, &chosen), ERR_NOT_FOUND);
	parse_offer("IKE E20.256 P5 K31 I12 A36", &offer);
	offer.proposals[0].n_transforms = 3;
	assert_int_equal(sa_choose_ike(&offer, &accept, 1, &suite, &chosen), 0);
	parse_offer("ESP/4 E20.256 N0 K31", &offer);
	offer.proposals[0].n_transforms = 2;
	assert_int_equal(esp_suite_parse(E256, &esp), 0);
	assert_int_equal(sa_choose_esp(&offer, &esp, 1, false, &esp, &chosen, &spi), 0);
	assert_int_equal(chosen.n_transforms, 2);
	parse_offer("IKE I12 E20.256 P5 K31 | IKE A36 E20.256 P5 K31", &offer);
	assert_int_equal(sa_choose_ike(&offer, &accept, 1, &suite, &chosen), ERR_NOT_FOUND);
}

static int choose_with_spi(uint32_t spi)
{
	static struct sa_payload offer;
	uint8_t octets[] = { (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8),
			     (uint8_t)spi };
	struct esp_suite accept, suite;
	struct proposal chosen;
	uint32_t peer_spi;

	assert_int_equal(esp_suite_parse(E256, &accept), 0);
	parse_offer("ESP/4 E20.256 N0", &offer);
	offer.proposals[0].spi.ptr = octets;
	return sa_choose_esp(&offer, &accept, 1, false, &suite, &chosen, &peer_spi);
}

static void test_reserved_spis(void **state)
{
	(void)state;
	assert_int_equal(choose_with_spi(0), ERR_NOT_FOUND);
	assert_int_equal(choose_with_spi(SPI_RESERVED), ERR_NOT_FOUND);
	assert_int_equal(choose_with_spi(SPI_RESERVED + 1), 0);
	assert_int_equal(choose_with_spi(UINT32_MAX), 0);
}

static void test_offers(void **state)
{
	static const uint8_t spi[8] = { 0 };
	static struct sa_payload offer;
	struct ike_suite ike[MAX_SUITES], many[SA_MAX_PROPOSALS + 1];
	struct esp_suite esp[MAX_SUITES];
	char text[MAX_TEXT];

	(void)state;
	sa_offer_ike(&offer, ike, parse_ike_suites(S256X " " S128M, ike), (struct bytes){ spi, 8 });
	assert_int_equal(offer.n, 2);
	assert_string_equal(format_proposal(&offer.proposals[0], text), "1:IKE/8 E20.256 P5 K31");
	assert_string_equal(format_proposal(&offer.proposals[1], text), "2:IKE/8 E20.128 P5 K14");
	sa_offer_esp(&offer, esp, parse_esp_suites(E256 " " E256X, esp), (struct bytes){ spi, 4 });
	assert_int_equal(offer.n, 2);
	assert_string_equal(format_proposal(&offer.proposals[0], text), "1:ESP/4 E20.256 N0");
	assert_string_equal(format_proposal(&offer.proposals[1], text), "2:ESP/4 E20.256 K31 N0");
	for (size_t i = 0; i < LEN(many); i++)
		many[i] = ike[0];
	sa_offer_ike(&offer, many, LEN(many), (struct bytes){ NULL, 0 });
	assert_int_equal(offer.n, SA_MAX_PROPOSALS);
}

/* Answers to an offer of two suites; the number is set apart. */
static const struct match_case {
	const char *name;
	uint8_t number;
	const char *answer;
	const char *suite; /* NULL: must not be taken */
} ike_answers[] = {
	{ "first", 1, "IKE E20.256 P5 K31", S256X },
	{ "second", 2, "IKE E20.128 P5 K14", S128M },
	{ "with INTEG NONE", 1, "IKE E20.256 P5 I0 K31", S256X },
	{ "rekeying", 1, "IKE/8 E20.256 P5 K31", S256X },
	{ "number of the other", 2, "IKE E20.256 P5 K31", NULL },
	{ "number 0", 0, "IKE E20.256 P5 K31", NULL },
	{ "number beyond the offer", 3, "IKE E20.256 P5 K31", NULL },
	{ "not offered", 1, "IKE E20.128 P5 K31", NULL },
	{ "two of a type", 1, "IKE E20.256 P5 K31 K14", NULL },
	{ "the same twice", 1, "IKE E20.256 P5 K31 K31", NULL },
	{ "the first type twice", 1, "IKE E20.256 E20.256 P5 K31", NULL },
	{ "one missing", 1, "IKE E20.256 P5", NULL },
	{ "one more type", 1, "IKE E20.256 P5 K31 N0", NULL },
	{ "unknown type", 1, "IKE E20.256 P5 K31 A36", NULL },
	{ "INTEG", 1, "IKE E20.256 P5 I12 K31", NULL },
	{ "another protocol", 1, "ESP/4 E20.256 N0", NULL },
	{ "two proposals", 1, "IKE E20.256 P5 K31 | IKE E20.128 P5 K14", NULL },
}, esp_answers[] = {
	{ "first", 1, "ESP/4 E20.256 N0", E256 },
	{ "second", 2, "ESP/4 E20.256 K31 N0", E256X },
	{ "NONE said", 1, "ESP/4 E20.256 K0 N0", E256 },
	{ "group not answered", 2, "ESP/4 E20.256 N0", NULL },
	{ "group not offered", 1, "ESP/4 E20.256 K31 N0", NULL },
	{ "ESN", 1, "ESP/4 E20.256 N1", NULL },
	{ "both ESN", 1, "ESP/4 E20.256 N0 N1", NULL },
	{ "no SPI", 1, "ESP E20.256 N0", NULL },
	{ "number 0", 0, "ESP/4 E20.256 N0", NULL },
	{ "number beyond the offer", 3, "ESP/4 E20.256 N0", NULL },
};

static void test_match_ike(void **state)
{
	static struct sa_payload answer;
	struct ike_suite offered[MAX_SUITES], suite;
	size_t n = parse_ike_suites(S256X " " S128M, offered);
	char text[SUITE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LEN(ike_answers); i++) {
		const struct match_case *c = &ike_answers[i];

		parse_offer(c->answer, &answer);
		answer.proposals[0].number = c->number;
		test_expect(c->name, "match", sa_match_ike(&answer, offered, n, &suite),
			    c->suite != NULL ? 0 : ERR_MISMATCH);
		if (c->suite != NULL)
			assert_string_equal(ike_suite_format(&suite, text), c->suite);
	}
	answer.n = 0;
	assert_int_equal(sa_match_ike(&answer, offered, n, &suite), ERR_MISMATCH);
}

static void test_match_esp(void **state)
{
	static struct sa_payload answer;
	struct esp_suite offered[MAX_SUITES], suite;
	size_t n = parse_esp_suites(E256 " " E256X, offered);
	char text[SUITE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LEN(esp_answers); i++) {
		const struct match_case *c = &esp_answers[i];
		uint32_t spi = 0;

		parse_offer(c->answer, &answer);
		answer.proposals[0].number = c->number;
		test_expect(c->name, "match", sa_match_esp(&answer, offered, n, &suite, &spi),
			    c->suite != NULL ? 0 : ERR_MISMATCH);
		test_expect(c->name, "SPI", spi, c->suite != NULL ? SPI_OF_PEER : 0);
		if (c->suite != NULL)
			assert_string_equal(esp_suite_format(&suite, text), c->suite);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose_ike),       cmocka_unit_test(test_choose_esp),
		cmocka_unit_test(test_beyond_the_count), cmocka_unit_test(test_reserved_spis),
		cmocka_unit_test(test_offers),           cmocka_unit_test(test_match_ike),
		cmocka_unit_test(test_match_esp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
