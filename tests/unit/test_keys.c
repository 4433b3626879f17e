/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "common/ikev2/keys.h"
#include "tests/lib/octets.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_PARTS  4

static struct crypto *crypto;

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* ---- formulas of RFC 7296, 2.14 to 2.18, with prf and prf+ alone ---- */

/* NIST's IKEv2 vectors, HMAC-SHA1. */
#define CAVS_NI       "32b50d5f4a3763f3"
#define CAVS_NR       "9206a04b26564cb1"
#define CAVS_SPIS     "34c9e7c188868785 3ff77d760d2b2199"
#define CAVS_G_IR     "4b2c1f971981a8ad8d0abeafabf38cf75fc8349c148142465ed9c8b516b8be52"
#define CAVS_G_IR_NEW "863f3c9d06efd39d2b907b97f8699e5dd5251ef64a2a176f36ee40c87d4f9330"
#define CAVS_SKEYSEED "a9a7b222b59f8f48645f28a1db5b5f5d7479cba7"
#define CAVS_SK_D     "a14293677cc80ff8f9cc0eee30d895da9d8f4056"

/* Android's IKE library, HMAC-SHA1 with AES-CBC-128 and HMAC-SHA1-96, MODP-1024. */
#define ANDROID_NI   "c39b7f368f4681b89fa9b7be6465abd7c5f68b6ed5d3b4c72cb4240eb5c46412"
#define ANDROID_NR   "9756112ca539f5c25abacc7ee92b73091942a9c06950f98848f1af1694c4ddff"
#define ANDROID_SPIS "5f54bf6d8b48e6e1 909232b3d1edcb5c"
#define ANDROID_G_IR                                                                             \
	"c14155dea40056bd9c76fb4819687b7a397582f4cd5aff4b8f441c56e0c08c84234147a0ba249a555835a0" \
	"48e3ca29807d057a61dd26eefad9af9c01497005e52858e29fb42eb8496731df96a11cce1f51137a9a1b90" \
	"0fa81aee7898e373d4e48b899bbeca091314ecd4b6e412ef4b0fef798f54735f31807424a318287f20e8"
#define ANDROID_SKEYSEED "8c42f3b1f5f81c7baac5f33e9a4f01987b2f9657"
#define ANDROID_SK_D     "c86b56efcf684dcc2877578aef3137167fe0ebf6"

/* Ranges of octets; keys computed with two independent HMAC libraries. */
#define NI_RANGE   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NR_RANGE   "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
#define G_IR_RANGE "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"

static const struct formula_case {
	const char *name;
	enum prf_id prf;
	bool is_plus;
	const char *key;
	const char *parts[MAX_PARTS];
	const char *out;
} formula_cases[] = {
	{ "NIST, SKEYSEED", PRF_HMAC_SHA1, false, CAVS_NI CAVS_NR, { CAVS_G_IR }, CAVS_SKEYSEED },
	{ "NIST, seven keys",
	  PRF_HMAC_SHA1,
	  true,
	  CAVS_SKEYSEED,
	  { CAVS_NI, CAVS_NR, CAVS_SPIS },
	  CAVS_SK_D "66e30ef0dfcb63c634a46002a2a63080e514a062768b76606f9fa5e992204fc5a670bde3f10d"
		    "6b027113936a5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd1119"
		    "8af1670b143d384bd275c5f594cf266b05ebadca855e4249520a441a81157435a7a56cc4" },
	{ "NIST, child",
	  PRF_HMAC_SHA1,
	  true,
	  CAVS_SK_D,
	  { CAVS_NI, CAVS_NR },
	  "8059e3ee8810e6c3a91bc8bcd2a7a41151b8d0e6" },
	{ "NIST, child with KE",
	  PRF_HMAC_SHA1,
	  true,
	  CAVS_SK_D,
	  { CAVS_G_IR_NEW, CAVS_NI, CAVS_NR },
	  "bb43244c1860ad65ee1e211ffe8bb3661750c8f8" },
	{ "NIST, SKEYSEED of a rekeyed IKE SA",
	  PRF_HMAC_SHA1,
	  false,
	  CAVS_SK_D,
	  { CAVS_G_IR_NEW, CAVS_NI, CAVS_NR },
	  "63e81194946ebd05df7df5ebf5d8750056bf1f1d" },
	{ "Android, SKEYSEED",
	  PRF_HMAC_SHA1,
	  false,
	  ANDROID_NI ANDROID_NR,
	  { ANDROID_G_IR },
	  ANDROID_SKEYSEED },
	{ "Android, seven keys",
	  PRF_HMAC_SHA1,
	  true,
	  ANDROID_SKEYSEED,
	  { ANDROID_NI, ANDROID_NR, ANDROID_SPIS },
	  ANDROID_SK_D /* then SK_ai, SK_ar, SK_ei, SK_er, SK_pi, SK_pr */
	  "554fbf5a05b7f511e05a30ce23d874db9ef55e51 36d83420788337ca32ecaa46892c48808dcd58b1"
	  "5cbfd33f75796c0188c4a3a546aec4a1 c33b35fcf29514cd9d8b4a695e1a816e"
	  "094787780ee466e2cb049fa327b43908bc57e485 a30e6b08be56c0e6bff4744143c75219299e1beb" },
	{ "Android, child",
	  PRF_HMAC_SHA1,
	  true,
	  ANDROID_SK_D,
	  { ANDROID_NI, ANDROID_NR },
	  "1b865cea6e2c23973e8c5452adc5cd7d a7a5a44f7ef4409657206c7dc52b7e692593b51e"
	  "5e82fedacc6dcb0756ddd7553907ebd1 cde612189fd46de870faec04f92b40b0bfdbd9e1" },
	{ "SHA2-256, SKEYSEED",
	  PRF_HMAC_SHA2_256,
	  false,
	  NI_RANGE NR_RANGE,
	  { G_IR_RANGE },
	  "14e772685db14793cb681fa3f686976bc595a7a0a97b4557f589fff7661dda3a" },
};

static void test_formulas(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(formula_cases); i++) {
		const struct formula_case *f = &formula_cases[i];
		struct octets key = octets_from_hex(f->key), want = octets_from_hex(f->out),
			      part[MAX_PARTS];
		struct bytes parts[MAX_PARTS];
		uint8_t out[OCTETS_MAX];
		size_t n = 0;
		int err;

		for (; n < MAX_PARTS && f->parts[n] != NULL; n++) {
			part[n] = octets_from_hex(f->parts[n]);
			parts[n] = octets_bytes(&part[n]);
		}
		err = f->is_plus
			  ? prf_plus(crypto, f->prf, octets_bytes(&key), parts, n, out, want.len)
			  : prf_compute(crypto, f->prf, octets_bytes(&key), parts, n, out);
		value_expect(f->name, "result", err, 0);
		octets_expect(f->name, "output", (struct bytes){ out, want.len }, f->out);
	}
}

/* ---- HMAC-SHA2-256 and AES-GCM-16 with 256 bits ---- */

#define SPI_I 0x1122334455667788u
#define SPI_R 0x99aabbccddeeff00u

/*
 * The first row agrees with two independent implementations, the others come from one more, in
 * Python on plain hash functions.
 */
static const struct keys_case {
	const char *suite; /* its first part is the ESP suite too */
	const char *d, *ei, *er, *pi, *pr;
	const char *child[2];          /* i2r, r2i */
	const char *child_with_kex[2]; /* the same g^ir again */
} keys_cases[] = {
	{ "aes256gcm16-prfsha256-x25519",
	  "8936ee3417da1ed66aac37337a571458cfcde388c8d397111e820b97fa9658ad",
	  "03cdb8d31d07df19849f0f033142935c171059f307c63400400ec327d23d2629ce62ef16",
	  "5f9e7fbf46b384e905f235765be8f8b304b1bf7426574b6592afe8f56c7f06163606a62c",
	  "4cde03021e7d666132b69c6b496ed404e6cba4c48c1fbb3b176c10382678ea94",
	  "dad01190a52416b9ec7fbecc40e0c265fddfb5d4fc6123954001e1a03b93f9f6",
	  { "ac4836eea819b171f23917948af8c9baf6f6d86b821407889dc4991a6a552faab0c1706e",
	    "797896d21407c2f3e5ecae6c4a55bf677ac55dc4f59eed2f8b2cb6856cfeada44db3bd1d" },
	  { "bc064ad21a78da7e2dc659d971a1036682a4af164ed07f49c510747794dcce54e7c9dcc1",
	    "d8bec4b4363b7195cd2a602f9e1c7f5203c456ace2317d3ca362f7dd57239235fe01dc7b" } },
	{ "aes128gcm16-prfsha384-ecp256",
	  "fd66100e8352bdf49a496c38183549a5ed6dc5bd368594b2"
	  "d4798e3555b5b67d5e73e5672f10689a1a16041fd0aa54e9",
	  "987453da5956d3c6006645f9bd33a520e92c6baf",
	  "4ab8eabc40b0996e4ee8b618960af09803cb4fee",
	  "14e5c425abfd500ee3dfe0089ccb53c9756a2c48a1f23790"
	  "4372449252ddb4a2e1d73e7a5296bc76c8a3edd616395359",
	  "2c181a3d8046a386fdc1f12660383b22d43ebbe78c97513c"
	  "9dd6339ead3c73fce8a8fabf0d4d2eda663f0dd90abe3889",
	  { "380078dfc573df289c51c8172d008d5f9678d60c",
	    "54392bdef27d677b42cb17b17e7b006648c63aa6" },
	  { "81f08f80f6af1c548490abc6c7a7cb29aaba3527",
	    "e8db03a7090d1effe757b5155a390871f22c6721" } },
	{ "aes192gcm16-prfsha512-modp2048",
	  "2effd496a7de6a5edad1604c61938358562902449226731613f585fa2b56294e"
	  "65b10edb472de16da67e97d38b78090e4a94091749306c6ee30d633f35d19146",
	  "8ec131bf3dc81c39b5ca1f76f4f5cb200214bf825fa6035a9554cc3f",
	  "f4edc494ccf7b5f1d8a59b20f9cbf886c9405f64747f8efed4423f32",
	  "d01e14b9e42076120b9f2586d0418c30d7cd69cdce887d499022f71d7cee7875"
	  "e6d6b1388e4c8838173d2a6bf685df92d5d6e3dd3443bc5db41cec81ab35a02d",
	  "19fe8f1857ac3f9707a1a506e0a39952294a737c16aba7e99482f475752907c2"
	  "f7c8f1990c03133fcc00f8bb77b1ba02aa18ad470342b99108574622b85ec2a4",
	  { "bec33e29b02b966e45afb4118291ffb5f4aee9071800bba1e4069e96",
	    "969f9018d32967173ddc330a2aaf8cddf4a7749ff16f8977d85dd3e0" },
	  { "b730affc14360fec42b40d8976f4d2dba67df3b075e845262b0ff382",
	    "faa22cbc131ff32e106a745f23214ab09fba60fdd15f205516b2e99f" } },
};

/* What both sides put into the schedule. */
struct inputs {
	struct ike_suite suite;
	struct octets ni, nr, g_ir;
};

static struct inputs inputs_of(const char *suite)
{
	struct inputs in = {
		.ni = octets_from_hex(NI_RANGE),
		.nr = octets_from_hex(NR_RANGE),
		.g_ir = octets_from_hex(G_IR_RANGE),
	};

	assert_int_equal(ike_suite_parse(suite, &in.suite), 0);
	return in;
}

static int derive(const struct inputs *in, struct ike_keys *out)
{
	return ike_keys_derive(crypto, &in->suite, octets_bytes(&in->ni), octets_bytes(&in->nr),
			       octets_bytes(&in->g_ir), SPI_I, SPI_R, out);
}

static void check_child(const char *name, const struct inputs *in, struct bytes sk_d,
			struct bytes g_ir, const char *const want[2])
{
	const struct esp_suite esp = { .encr = in->suite.encr };
	struct child_keys child;

	value_expect(name, "child",
		     child_keys_derive(crypto, in->suite.prf->id, sk_d, &esp, g_ir,
				       octets_bytes(&in->ni), octets_bytes(&in->nr), &child),
		     0);
	octets_expect(name, "i2r", key_bytes(&child.i2r), want[0]);
	octets_expect(name, "r2i", key_bytes(&child.r2i), want[1]);
	child_keys_wipe(&child);
	value_expect(name, "wiped", memory_is_all(0, &child, sizeof(child)), true);
}

static void test_key_schedule(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(keys_cases); i++) {
		const struct keys_case *c = &keys_cases[i];
		struct inputs in = inputs_of(c->suite);
		struct ike_keys k;

		value_expect(c->suite, "keys", derive(&in, &k), 0);
		octets_expect(c->suite, "SK_d", key_bytes(&k.d), c->d);
		octets_expect(c->suite, "SK_ei", key_bytes(&k.ei), c->ei);
		octets_expect(c->suite, "SK_er", key_bytes(&k.er), c->er);
		octets_expect(c->suite, "SK_pi", key_bytes(&k.pi), c->pi);
		octets_expect(c->suite, "SK_pr", key_bytes(&k.pr), c->pr);
		check_child(c->suite, &in, key_bytes(&k.d), (struct bytes){ NULL, 0 }, c->child);
		check_child(c->suite, &in, key_bytes(&k.d), octets_bytes(&in.g_ir),
			    c->child_with_kex);
		ike_keys_wipe(&k);
		value_expect(c->suite, "wiped", memory_is_all(0, &k, sizeof(k)), true);
	}
}

/* RFC 7296, 2.18: SKEYSEED from the old SK_d with the old prf, all else with the new suite. */
static void test_rekeyed_schedule(void **state)
{
	static const struct prf_alg sha1 = { "prfsha1", PRF_HMAC_SHA1 };
	struct octets d = octets_from_hex(CAVS_SK_D), ni = octets_from_hex(CAVS_NI),
		      nr = octets_from_hex(CAVS_NR), g_ir = octets_from_hex(CAVS_G_IR_NEW),
		      spis = octets_from_hex(CAVS_SPIS),
		      skeyseed = octets_from_hex("63e81194946ebd05df7df5ebf5d8750056bf1f1d");
	const struct bytes seed[] = { octets_bytes(&ni), octets_bytes(&nr), octets_bytes(&spis) };
	struct ike_suite suite = { encr_find(ENCR_AES_GCM_16, 256), &sha1, NULL };
	struct ike_keys keys;
	uint8_t want[132];

	(void)state;
	assert_int_equal(ike_keys_rekey(crypto, PRF_HMAC_SHA1, octets_bytes(&d), &suite, seed[0],
					seed[1], octets_bytes(&g_ir), 0x34c9e7c188868785,
					0x3ff77d760d2b2199, &keys),
			 0);
	assert_int_equal(
	    prf_plus(crypto, PRF_HMAC_SHA1, octets_bytes(&skeyseed), seed, 3, want, sizeof(want)),
	    0);
	assert_memory_equal(keys.d.data, want, 20);
	assert_memory_equal(keys.ei.data, want + 20, 36);
	assert_memory_equal(keys.er.data, want + 56, 36);
	assert_memory_equal(keys.pi.data, want + 92, 20);
	assert_memory_equal(keys.pr.data, want + 112, 20);
	ike_keys_wipe(&keys);
}

/* RFC 5723, 5.1, resuming the SA of the first row of keys_cases; two independent HMAC libraries. */
#define RESUME_NI     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define RESUME_NR     "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define RESUME_TICKET "TICKET-0123456789abcdef"
#define RESUME_MESSAGE_1                                                                  \
	"0102030405060708 0000000000000000 28202608 00000000 0000005f 29000024" RESUME_NI \
	"0000001f 0000401d 5449434b45542d30313233343536373839616263646566"
#define RESUME_MESSAGE_2 \
	"0102030405060708 1112131415161718 28202620 00000000 00000040 00000024" RESUME_NR

static const struct resumed_auth_case {
	const char *name;
	enum auth_form form;
	bool is_initiator;
	const char *id; /* FQDN */
	const char *auth;
} resumed_auth_cases[] = {
	{ "RFC form, initiator", AUTH_FORM_RFC, true, "client.example",
	  "dd4ee50a1209abd063b69729e9f7477219b142e1aee80d5b05c9ca7314b09344" },
	{ "RFC form, responder", AUTH_FORM_RFC, false, "gw.example",
	  "fb252c8edff4790c8141b53f28cb26e8a7f40180c3b37710ce93dedc3d68918f" },
	{ "short form, initiator", AUTH_FORM_SHORT, true, "client.example",
	  "a312a5745aed117223ce00db676677e85a8a1f58f13e4362dfc4eda1eabfc5ef" },
	{ "short form, responder", AUTH_FORM_SHORT, false, "gw.example",
	  "e5410e1bd76ea6d2b9ea9c4b1d5239620a2e57b4b48a700d3c227c8516c9e28c" },
};

static void resume(struct ike_keys *out)
{
	struct inputs in = inputs_of("aes256gcm16-prfsha256-x25519");
	struct octets ni = octets_from_hex(RESUME_NI), nr = octets_from_hex(RESUME_NR);
	struct ike_keys old;

	assert_int_equal(derive(&in, &old), 0);
	assert_int_equal(ike_keys_resume(crypto, key_bytes(&old.d), &in.suite, octets_bytes(&ni),
					 octets_bytes(&nr), 0x0102030405060708, 0x1112131415161718,
					 out),
			 0);
	ike_keys_wipe(&old);
}

static void test_resumed_schedule(void **state)
{
	struct ike_keys k;

	(void)state;
	resume(&k);
	octets_expect("resumed", "SK_d", key_bytes(&k.d),
		      "385ce7885c71de74a09eb87b0c46da121e35a8630813fee899da5bbbb508041c");
	octets_expect("resumed", "SK_ei", key_bytes(&k.ei),
		      "0c86d70706aa93671b829e3e197c69456cbb7197d447f9869e0cda0911d3256e25ee165d");
	octets_expect("resumed", "SK_er", key_bytes(&k.er),
		      "5e05313affb0d0d6bff3b09530988d559703c44426c2ad2dc8f28d9b96e7477756accb7e");
	octets_expect("resumed", "SK_pi", key_bytes(&k.pi),
		      "6bf552fc191b887a9074010144114a7c8c863d6f779727212733f2a88f929e11");
	octets_expect("resumed", "SK_pr", key_bytes(&k.pr),
		      "733cfba654fb87057dd0e56dbd5677916b54efe9c1029c92a6d2e1d73816a94b");
	ike_keys_wipe(&k);
}

static void test_resumed_auth(void **state)
{
	struct octets m1 = octets_from_hex(RESUME_MESSAGE_1),
		      m2 = octets_from_hex(RESUME_MESSAGE_2), ni = octets_from_hex(RESUME_NI),
		      nr = octets_from_hex(RESUME_NR);
	struct ike_keys k;

	(void)state;
	assert_int_equal(m1.len, 95);
	assert_int_equal(m2.len, 64);
	assert_memory_equal(m1.data + m1.len - strlen(RESUME_TICKET), RESUME_TICKET,
			    strlen(RESUME_TICKET));
	resume(&k);
	for (size_t i = 0; i < LEN(resumed_auth_cases); i++) {
		const struct resumed_auth_case *c = &resumed_auth_cases[i];
		uint8_t id[64] = { 2 /* FQDN */ }, out[PRF_MAX_SIZE];

		memcpy(id + 4, c->id, strlen(c->id));
		value_expect(c->name, "result",
			     auth_resume_compute(crypto, PRF_HMAC_SHA2_256, c->form,
						 octets_bytes(c->is_initiator ? &m1 : &m2),
						 octets_bytes(c->is_initiator ? &nr : &ni),
						 key_bytes(c->is_initiator ? &k.pi : &k.pr),
						 (struct bytes){ id, 4 + strlen(c->id) }, out),
			     0);
		octets_expect(c->name, "AUTH", (struct bytes){ out, 32 }, c->auth);
	}
	ike_keys_wipe(&k);
}

/* Nonces have 256 octets at most (RFC 7296, 3.9); beyond that nothing is derived. */
static void test_nonce_limit(void **state)
{
	struct inputs in = inputs_of("aes256gcm16-prfsha256-x25519");
	struct ike_keys k = { .d.len = 1 };

	(void)state;
	in.ni.len = 256;
	in.nr.len = 256;
	assert_int_equal(derive(&in, &k), 0);
	ike_keys_wipe(&k);
	in.nr.len++;
	assert_int_equal(derive(&in, &k), ERR_VALUE);
	assert_true(memory_is_all(0, &k, sizeof(k)));
}

/* ---- messages under these keys ---- */

/* INFORMATIONAL requests of the initiator: additional data up to the IV, then plain text. */
static const struct message_case {
	const char *name;
	const char *aad;
	const char *iv;
	const char *plain;
	const char *sealed;
} message_cases[] = {
	{ "SK, empty", "1122334455667788 99aabbccddeeff00 2e202508 00000002 00000039 0000001d",
	  "0000000000000001", "00", "3d1bfa3cdc76613bae31c8a8ef61e672ba" },
	{ "SKF 1/1, INITIAL_CONTACT",
	  "1122334455667788 99aabbccddeeff00 35202508 00000003 00000045 29000029 00010001",
	  "0000000000000002", "0000000800004000 00",
	  "3138eaca81dd11c81afd8b7817353b90dc67a56c5580bd747d" },
};

static void test_messages(void **state)
{
	struct inputs in = inputs_of("aes256gcm16-prfsha256-x25519");
	struct ike_keys k;

	(void)state;
	assert_int_equal(derive(&in, &k), 0);
	for (size_t i = 0; i < LEN(message_cases); i++) {
		const struct message_case *m = &message_cases[i];
		struct octets aad = octets_from_hex(m->aad), iv = octets_from_hex(m->iv),
			      plain = octets_from_hex(m->plain);
		uint8_t sealed[OCTETS_MAX];

		value_expect(m->name, "seal",
			     aead_seal(crypto, in.suite.encr, key_bytes(&k.ei), iv.data,
				       octets_bytes(&aad), octets_bytes(&plain), sealed),
			     0);
		octets_expect(m->name, "sealed",
			      (struct bytes){ sealed, plain.len + in.suite.encr->icv_size },
			      m->sealed);
	}
	ike_keys_wipe(&k);
}

/* ---- AUTH by shared key ---- */

#define ID_I       \
	"02000000" \
	"636c69656e742e6578616d706c65" /* FQDN client.example */
#define ID_R       \
	"02000000" \
	"67772e6578616d706c65" /* FQDN gw.example */

static void test_psk_inner_key(void **state)
{
	const struct bytes pad = text_bytes("Key Pad for IKEv2");
	uint8_t out[PRF_MAX_SIZE];

	(void)state;
	assert_int_equal(
	    prf_compute(crypto, PRF_HMAC_SHA2_256, text_bytes("secret-psk"), &pad, 1, out), 0);
	octets_expect("PSK", "inner key", (struct bytes){ out, 32 },
		      "a56a927aaebc25ac445fd6bdc526f12d54fdba2c2ac382c02c69cf622524adcb");
}

/* Keys of the first row above; the values again from Python on plain SHA-256. */
static void test_auth_psk(void **state)
{
	struct octets ni = octets_from_hex(NI_RANGE), nr = octets_from_hex(NR_RANGE);
	struct octets id_i = octets_from_hex(ID_I), id_r = octets_from_hex(ID_R);
	struct octets pi = octets_from_hex(keys_cases[0].pi),
		      pr = octets_from_hex(keys_cases[0].pr);
	const struct bytes psk = text_bytes("secret-psk");
	uint8_t out[32];

	(void)state;
	assert_int_equal(auth_psk_compute(crypto, PRF_HMAC_SHA2_256, psk, text_bytes("message 1"),
					  octets_bytes(&nr), octets_bytes(&pi), octets_bytes(&id_i),
					  out),
			 0);
	octets_expect("AUTH", "initiator", (struct bytes){ out, sizeof(out) },
		      "5f1437c8379e6eeb4d15eff7c16a4ecbb386b1f49dacdbfcd136937e32c3f007");
	assert_int_equal(auth_psk_compute(crypto, PRF_HMAC_SHA2_256, psk, text_bytes("message 2"),
					  octets_bytes(&ni), octets_bytes(&pr), octets_bytes(&id_r),
					  out),
			 0);
	octets_expect("AUTH", "responder", (struct bytes){ out, sizeof(out) },
		      "d626c5fa9bf95662bbc287ab424a072922026cb9cfb81a514150eb9920779f08");
	assert_int_equal(auth_psk_compute(crypto, (enum prf_id)4, psk, text_bytes("message 2"),
					  octets_bytes(&ni), octets_bytes(&pr), octets_bytes(&id_r),
					  out),
			 ERR_CRYPTO);
}

static int teardown(void **state)
{
	(void)state;
	return ERR_peek_error() == 0 ? 0 : -1; /* nothing left in OpenSSL's queue */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_formulas, teardown),
		cmocka_unit_test_teardown(test_key_schedule, teardown),
		cmocka_unit_test_teardown(test_rekeyed_schedule, teardown),
		cmocka_unit_test_teardown(test_resumed_schedule, teardown),
		cmocka_unit_test_teardown(test_resumed_auth, teardown),
		cmocka_unit_test_teardown(test_nonce_limit, teardown),
		cmocka_unit_test_teardown(test_messages, teardown),
		cmocka_unit_test_teardown(test_psk_inner_key, teardown),
		cmocka_unit_test_teardown(test_auth_psk, teardown),
	};
	int failed;

	crypto = crypto_new();
	failed = crypto == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	crypto_free(crypto);
	return failed;
}
