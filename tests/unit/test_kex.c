/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "common/crypto/crypto.h"
#include "tests/lib/octets.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct crypto *crypto;

static const struct group {
	const char *name;
	enum kex_id id;
	size_t public_size;
	size_t secret_size;
} groups[] = {
	{ "MODP-2048", KEX_MODP_2048, 256, 256 },
	{ "ECP-256", KEX_ECP_256, 64, 32 },
	{ "Curve25519", KEX_CURVE25519, 32, 32 },
};

/* Hands out the octets of a table, then fails. */
struct script {
	struct octets octets;
	size_t used;
};

static int fill_from_script(void *ctx, uint8_t *out, size_t len)
{
	struct script *s = ctx;

	if (len > s->octets.len - s->used)
		return ERR_CRYPTO;
	memcpy(out, s->octets.data + s->used, len);
	s->used += len;
	return 0;
}

static struct kex *generate_from(enum kex_id id, const char *random_hex)
{
	struct script script = { .octets = octets_from_hex(random_hex) };
	const struct rng rng = { fill_from_script, &script };
	struct kex *k = NULL;

	assert_int_equal(kex_generate(crypto, id, &rng, &k), 0);
	assert_int_equal(script.used, script.octets.len);
	return k;
}

static struct kex *generate_seeded(enum kex_id id, uint64_t seed)
{
	struct rng_seeded seeded = { seed };
	const struct rng rng = rng_seeded(&seeded);
	struct kex *k = NULL;

	assert_int_equal(kex_generate(crypto, id, &rng, &k), 0);
	return k;
}

/* ---- known answers ---- */

/* Computed in Python; the exponents are octets 01, 02, ... and 21, 22, ... with the top bit set. */
#define MODP_PUBLIC_A                                                      \
	"212cdf8c27dc1e3cce923fe05a8cc9d88698bd9d4084ac879eba98845406f5b7" \
	"32ac3f465b7563ac43616d90bede4cfb4678a97c6c353526c4b326b380373410" \
	"af0bfb8c613595c452e55a7600ac8268280b732e6dda777dbdc0932cf0cb7410" \
	"8e71143f02a00aa1e648ae90dfd0313d7f74bd2d6c925505f31add70afa0f3ba" \
	"f3833657794eb3ba70d4699c9a8aabe6dfe03b35cf124b98713867e622b6228f" \
	"522708bf1ffc71572dba8d3de9e7e2d28b7c2937dde7126b4a531dd6b03b228f" \
	"93d14ac3af3a6f3c9407d05db715e39111f1e815126cce6b8f47db5575cf6140" \
	"ed8dd52bfa49a3282bd3fdd460d62797c5a7aa4e78d77bb8866fd4d19251fdfd"
#define MODP_PUBLIC_B                                                      \
	"d5970c7300d6d7b4fce5970919bc72dd4bfa7a41677355685471705aa8e3a5c3" \
	"10f547fea4623d0e0e8edf7a71df7183b0bbceaa30d0de86ef79b797d407a0b9" \
	"23fa2b4c06e88836c5ae44e492742c38e4ce2c959180b9f4ab9523195a6ee56f" \
	"f32b496c54288899301f04eea8dee30488e88ed9d5f49123d8ce9bb53fbf9988" \
	"73475c74018798fdff72636aa9512ccc202fe5b6b78b9d72e5596d91a7c1b368" \
	"a9d0fb700ff65f18016fbbd81b57f4583ca6e61583c83c0414cf55ef76a4b883" \
	"79b1fbde339076eb2fce9d9359eb5006fa19a9d402d9018fda2e67804969b868" \
	"f41144cd589d5e3b9aaf34f968b010915f29037f18cbb9a46ce6a75a17828c37"
#define MODP_SECRET                                                        \
	"7f325d237c4ffa26894e17cd407a6ccd30b206a4ea268138f73e1ddbe15e156a" \
	"3141d4b4fbe003ff4a409f4949169bd1db4784ed8fa2b4e000bc402070a840d3" \
	"414468d8e4b2f188600871843ba37f59fde3255df4843673f3c0a2f943323bce" \
	"910bf9213387b23bf4bd8553cfaef5b7ce8ad7e78efbfec1090c8128ac4fee21" \
	"1ae86ccbabebd5c26b461327b4e8368455eb601d1ea68b0bdb60bcb5b63629a2" \
	"5c61dcaf954cf2b6605304d7382528b0df077ad36feeef2dda2bf5abd6ed50d2" \
	"afe1c2a15fcf553c4e0de04fdd9b6ea9cf126ea316cf7caf52c01092c419c6a7" \
	"2c720c4a20d3fc9c736a92f651683b441082e85ff3bca4a14bf813f6cdf2c2c2"

/* RFC 5903, 8.1 */
#define ECP_PUBLIC_I                                                       \
	"dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180" \
	"5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
#define ECP_PUBLIC_R                                                       \
	"d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63" \
	"56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"

static const struct known_case {
	const char *name;
	enum kex_id id;
	const char *random_a, *public_a;
	const char *random_b, *public_b;
	const char *secret;
} known_cases[] = {
	{ "RFC 7748, 6.1", KEX_CURVE25519,
	  "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	  "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	  "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	{ "RFC 5903, 8.1", KEX_ECP_256,
	  "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433", ECP_PUBLIC_I,
	  "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53", ECP_PUBLIC_R,
	  "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de" },
	{ "MODP-2048", KEX_MODP_2048,
	  "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", MODP_PUBLIC_A,
	  "2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40", MODP_PUBLIC_B,
	  MODP_SECRET },
};

static void check_side(const struct known_case *c, const char *random, const char *own_public,
		       const char *peer_public)
{
	struct kex *k = generate_from(c->id, random);
	struct octets peer = octets_from_hex(peer_public);
	struct secret s;

	octets_expect(c->name, "public", kex_public(k), own_public);
	value_expect(c->name, "derive", kex_derive(k, octets_bytes(&peer), &s), 0);
	octets_expect(c->name, "secret", secret_bytes(&s), c->secret);
	kex_free(k);
}

static void test_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(known_cases); i++) {
		const struct known_case *c = &known_cases[i];

		check_side(c, c->random_a, c->public_a, c->public_b);
		check_side(c, c->random_b, c->public_b, c->public_a);
	}
}

/* ---- all groups alike ---- */

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(groups); i++) {
		assert_int_equal(kex_public_size(groups[i].id), groups[i].public_size);
		assert_true(groups[i].public_size <= KEX_PUBLIC_MAX);
	}
	assert_int_equal(kex_public_size(KEX_NONE), 0);
	assert_int_equal(kex_public_size((enum kex_id)22), 0);
}

static void test_both_sides_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(groups); i++) {
		const struct group *g = &groups[i];

		for (uint64_t seed = 1; seed <= 5; seed++) {
			struct kex *a = generate_seeded(g->id, seed);
			struct kex *b = generate_seeded(g->id, seed + 100);
			struct secret s, t;

			value_expect(g->name, "a", kex_derive(a, kex_public(b), &s), 0);
			value_expect(g->name, "b", kex_derive(b, kex_public(a), &t), 0);
			value_expect(g->name, "size", (long)s.len, (long)g->secret_size);
			value_expect(g->name, "same",
				     secret_is_equal(secret_bytes(&s), secret_bytes(&t)), true);
			kex_free(a);
			kex_free(b);
		}
	}
}

/* The same seed gives the same values, another seed others. */
static void test_seeded_runs_repeat(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(groups); i++) {
		struct kex *k = generate_seeded(groups[i].id, 7);
		struct kex *same = generate_seeded(groups[i].id, 7);
		struct kex *other = generate_seeded(groups[i].id, 8);

		value_expect(groups[i].name, "same seed",
			     bytes_is_equal(kex_public(k), kex_public(same)), true);
		value_expect(groups[i].name, "other seed",
			     bytes_is_equal(kex_public(k), kex_public(other)), false);
		kex_free(k);
		kex_free(same);
		kex_free(other);
	}
}

static void test_random_source(void **state)
{
	struct script script = { .used = 0 };
	const struct rng rng = { fill_from_script, &script };
	struct kex *k = NULL;

	(void)state;
	for (size_t i = 0; i < LEN(groups); i++)
		value_expect(groups[i].name, "no randomness",
			     kex_generate(crypto, groups[i].id, &rng, &k), ERR_CRYPTO);
	assert_int_equal(kex_generate(crypto, KEX_NONE, &rng, &k), ERR_UNSUPPORTED);
	assert_int_equal(kex_generate(crypto, (enum kex_id)22, &rng, &k), ERR_UNSUPPORTED);
	assert_null(k);
}

/* ---- ECP: the scalar is in [1, n-1] ---- */

#define ECP_N         "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ECP_N_MINUS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ECP_GX        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define ECP_GY        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define ECP_MINUS_GY  "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"
#define ZERO_32       "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE_32        "0000000000000000000000000000000000000000000000000000000000000001"
#define FF_32         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static int fill_with_ones(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	memset(out, 0xff, len);
	return 0;
}

static void test_ecp_scalar_range(void **state)
{
	const struct rng broken = { fill_with_ones, NULL };
	struct kex *k;

	(void)state;
	k = generate_from(KEX_ECP_256, FF_32 ZERO_32 ECP_N ONE_32);
	octets_expect("scalar 1", "public", kex_public(k), ECP_GX ECP_GY);
	kex_free(k);
	k = generate_from(KEX_ECP_256, ECP_N_MINUS_1);
	octets_expect("scalar n-1", "public", kex_public(k), ECP_GX ECP_MINUS_GY);
	kex_free(k);
	assert_int_equal(kex_generate(crypto, KEX_ECP_256, &broken, &k), ERR_CRYPTO);
}

/* ---- peer values ---- */

#define ECP_P "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"

/* (0, sqrt b) is on the curve; (p, sqrt b) is the same point with x not reduced. */
#define ECP_SQRT_B "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"

/* p of RFC 3526, 3 without its last octet, which is ff. */
#define MODP_P                                                             \
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74" \
	"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437" \
	"4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" \
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05" \
	"98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb" \
	"9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" \
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718" \
	"3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffff"

static const struct peer_case {
	const char *name;
	enum kex_id id;
	int err;
	const char *value; /* filled up on the left with zeros */
} peer_cases[] = {
	{ "MODP 0", KEX_MODP_2048, ERR_VALUE, "" },
	{ "MODP 1", KEX_MODP_2048, ERR_VALUE, "01" },
	{ "MODP 2", KEX_MODP_2048, 0, "02" },
	{ "MODP p-2", KEX_MODP_2048, 0, MODP_P "fd" },
	{ "MODP p-1", KEX_MODP_2048, ERR_VALUE, MODP_P "fe" },
	{ "MODP p", KEX_MODP_2048, ERR_VALUE, MODP_P "ff" },
	{ "MODP 2^2048-1", KEX_MODP_2048, ERR_VALUE,
	  FF_32 FF_32 FF_32 FF_32 FF_32 FF_32 FF_32 FF_32 },
	{ "MODP, too long", KEX_MODP_2048, ERR_VALUE, "00" MODP_PUBLIC_B },

	{ "ECP G", KEX_ECP_256, 0, ECP_GX ECP_GY },
	{ "ECP -G", KEX_ECP_256, 0, ECP_GX ECP_MINUS_GY },
	{ "ECP (0, 0)", KEX_ECP_256, ERR_VALUE, "" },
	{ "ECP (0, sqrt b)", KEX_ECP_256, 0, ECP_SQRT_B },
	{ "ECP (p, sqrt b)", KEX_ECP_256, ERR_VALUE, ECP_P ECP_SQRT_B },
	{ "ECP (x, 0)", KEX_ECP_256, ERR_VALUE, ECP_GX ZERO_32 },
	{ "ECP (x, p)", KEX_ECP_256, ERR_VALUE, ECP_GX ECP_P },
	{ "ECP (x, y of another)", KEX_ECP_256, ERR_VALUE, ECP_GX ECP_SQRT_B },
	{ "ECP (y, x)", KEX_ECP_256, ERR_VALUE, ECP_GY ECP_GX },
	{ "ECP all ones", KEX_ECP_256, ERR_VALUE, FF_32 FF_32 },
	{ "ECP uncompressed form", KEX_ECP_256, ERR_VALUE, "04" ECP_GX ECP_GY },

	{ "Curve25519 0", KEX_CURVE25519, ERR_VALUE, ZERO_32 },
	{ "Curve25519 0, top bit", KEX_CURVE25519, ERR_VALUE,
	  "0000000000000000000000000000000000000000000000000000000000000080" },
	{ "Curve25519 1", KEX_CURVE25519, ERR_VALUE,
	  "0100000000000000000000000000000000000000000000000000000000000000" },
	{ "Curve25519 of order 8", KEX_CURVE25519, ERR_VALUE,
	  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800" },
	{ "Curve25519 other of order 8", KEX_CURVE25519, ERR_VALUE,
	  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157" },
	{ "Curve25519 p-1", KEX_CURVE25519, ERR_VALUE,
	  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "Curve25519 p", KEX_CURVE25519, ERR_VALUE,
	  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "Curve25519 p+1", KEX_CURVE25519, ERR_VALUE,
	  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "Curve25519 p+1, top bit", KEX_CURVE25519, ERR_VALUE,
	  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
	{ "Curve25519 p+2", KEX_CURVE25519, 0,
	  "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "Curve25519 all ones", KEX_CURVE25519, 0, FF_32 },
};

/* To the size of the group's values, unless it is longer. */
static struct octets fill_up(enum kex_id id, const char *hex)
{
	struct octets value = octets_from_hex(hex), o = { .len = kex_public_size(id) };

	if (value.len >= o.len)
		return value;
	memcpy(o.data + o.len - value.len, value.data, value.len);
	return o;
}

static void test_peer_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(peer_cases); i++) {
		const struct peer_case *c = &peer_cases[i];
		struct octets peer = fill_up(c->id, c->value);
		struct kex *k = generate_seeded(c->id, 11);
		struct secret s;

		memset(&s, 0xee, sizeof(s));
		value_expect(c->name, "derive", kex_derive(k, octets_bytes(&peer), &s), c->err);
		value_expect(c->name, "untouched", memory_is_all(0xee, &s, sizeof(s)), c->err != 0);
		value_expect(c->name, "OpenSSL's queue", (long)ERR_peek_error(), 0);
		kex_free(k);
	}
}

/* Total on any input: every length but one is refused, any octets are refused or accepted. */
static void test_any_peer_value(void **state)
{
	struct rng_seeded seed = { 12 };
	struct rng rng = rng_seeded(&seed);
	uint8_t octets[KEX_PUBLIC_MAX];
	struct secret s;

	(void)state;
	for (size_t i = 0; i < LEN(groups); i++) {
		const struct group *g = &groups[i];
		struct kex *k = generate_seeded(g->id, 13);

		for (size_t len = 0; len <= sizeof(octets); len++) {
			assert_int_equal(rng_fill(&rng, octets, sizeof(octets)), 0);
			if (len != g->public_size)
				value_expect(g->name, "wrong length",
					     kex_derive(k, (struct bytes){ octets, len }, &s),
					     ERR_VALUE);
		}
		for (int turn = 0; turn < 20; turn++) {
			int err;

			assert_int_equal(rng_fill(&rng, octets, sizeof(octets)), 0);
			err = kex_derive(k, (struct bytes){ octets, g->public_size }, &s);
			value_expect(g->name, "known error", err == 0 || err == ERR_VALUE, true);
		}
		kex_free(k);
	}
}

/* RFC 7748, 5: the top bit of a u-coordinate is masked. */
static void test_curve25519_top_bit(void **state)
{
	struct kex *a = generate_seeded(KEX_CURVE25519, 14),
		   *b = generate_seeded(KEX_CURVE25519, 15);
	struct octets peer = { .len = 32 };
	struct secret s, t;

	(void)state;
	memcpy(peer.data, kex_public(b).ptr, peer.len);
	assert_int_equal(kex_derive(a, octets_bytes(&peer), &s), 0);
	peer.data[31] ^= 0x80;
	assert_int_equal(kex_derive(a, octets_bytes(&peer), &t), 0);
	assert_true(secret_is_equal(secret_bytes(&s), secret_bytes(&t)));
	kex_free(a);
	kex_free(b);
}

/* ---- secrets with zeros in front keep their width (RFC 7296, 2.14; RFC 5903, 7) ---- */

/* With the generator as the peer's value, the secret is our own public value, or its x. */
static void check_padding(const struct group *g, const char *generator)
{
	struct octets peer = fill_up(g->id, generator);
	bool is_found = false;

	for (uint64_t seed = 0; !is_found && seed < 5000; seed++) {
		struct kex *k = generate_seeded(g->id, seed);
		struct bytes own = kex_public(k);
		struct secret s;

		is_found = own.ptr[0] == 0;
		if (is_found) {
			value_expect(g->name, "derive", kex_derive(k, octets_bytes(&peer), &s), 0);
			value_expect(g->name, "size", (long)s.len, (long)g->secret_size);
			assert_memory_equal(s.data, own.ptr, g->secret_size);
		}
		kex_free(k);
	}
	value_expect(g->name, "found", is_found, true);
}

static void test_padding(void **state)
{
	(void)state;
	check_padding(&groups[0], "02");
	check_padding(&groups[1], ECP_GX ECP_GY);
}

/* RFC 3526, 3: p = 2q + 1 with p and q prime, so that only 1 and p-1 have a small order. */
static void test_modp_prime_is_safe(void **state)
{
	BIGNUM *p = BN_get_rfc3526_prime_2048(NULL), *q = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	uint8_t octets[256];

	(void)state;
	assert_true(p != NULL && q != NULL && ctx != NULL);
	assert_int_equal(BN_bn2binpad(p, octets, sizeof(octets)), sizeof(octets));
	octets_expect("RFC 3526, 3", "p", (struct bytes){ octets, sizeof(octets) }, MODP_P "ff");
	assert_int_equal(BN_rshift1(q, p), 1);
	assert_int_equal(BN_check_prime(p, ctx, NULL), 1);
	assert_int_equal(BN_check_prime(q, ctx, NULL), 1);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
}

static int teardown(void **state)
{
	(void)state;
	return ERR_peek_error() == 0 ? 0 : -1; /* nothing left in OpenSSL's queue */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_known_answers, teardown),
		cmocka_unit_test_teardown(test_sizes, teardown),
		cmocka_unit_test_teardown(test_both_sides_agree, teardown),
		cmocka_unit_test_teardown(test_seeded_runs_repeat, teardown),
		cmocka_unit_test_teardown(test_random_source, teardown),
		cmocka_unit_test_teardown(test_ecp_scalar_range, teardown),
		cmocka_unit_test_teardown(test_peer_values, teardown),
		cmocka_unit_test_teardown(test_any_peer_value, teardown),
		cmocka_unit_test_teardown(test_curve25519_top_bit, teardown),
		cmocka_unit_test_teardown(test_padding, teardown),
		cmocka_unit_test_teardown(test_modp_prime_is_safe, teardown),
	};
	int failed;

	kex_free(NULL);
	crypto = crypto_new();
	failed = crypto == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	crypto_free(crypto);
	return failed;
}
