/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/esp/set.h"
#include "tests/lib/esp_pair.h"
#include "tests/lib/inner.h"

/*
 * What userspace ESP costs on this machine, one thread: packets through both sets of a pair next to
 * the same octets through OpenSSL's AES-256-GCM alone, in turns; and the outbound lookup among
 * 10,000 SAs. Prints one line per figure, nothing is asserted.
 */
#define ROUNDS  5
#define PACKETS 100000
#define N_SAS   10000
#define CAP     2048

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Seals and opens PACKETS times through the sets; returns seconds. */
static double run_sets(struct esp_pair *p, struct bytes inner)
{
	uint8_t sealed[CAP], opened[CAP];
	struct endpoint local, remote;
	struct bytes packet, got;
	uint64_t id;
	bool moved;
	double start = now_s();

	for (int i = 0; i < PACKETS; i++) {
		require(esp_outbound(p->member, 1, inner, sealed, sizeof(sealed), &packet, &local,
				     &remote) == ESP_OK);
		require(esp_inbound(p->peer, 1, &local, packet, opened, &got, &id, &moved) ==
			ESP_OK);
	}
	return now_s() - start;
}

/* The same octets with nothing around them. */
static double run_evp(EVP_CIPHER_CTX *seal, EVP_CIPHER_CTX *open, struct bytes plain)
{
	uint8_t nonce[12] = { 0 }, aad[8] = { 0 }, sealed[CAP], opened[CAP], icv[16];
	double start = now_s();
	int n;

	for (uint32_t i = 0; i < PACKETS; i++) {
		memcpy(nonce + 8, &i, sizeof(i));
		require(EVP_EncryptInit_ex(seal, NULL, NULL, NULL, nonce) == 1);
		require(EVP_EncryptUpdate(seal, NULL, &n, aad, sizeof(aad)) == 1);
		require(EVP_EncryptUpdate(seal, sealed, &n, plain.ptr, (int)plain.len) == 1);
		require(EVP_EncryptFinal_ex(seal, sealed + plain.len, &n) == 1);
		require(EVP_CIPHER_CTX_ctrl(seal, EVP_CTRL_AEAD_GET_TAG, 16, icv) == 1);
		require(EVP_DecryptInit_ex(open, NULL, NULL, NULL, nonce) == 1);
		require(EVP_CIPHER_CTX_ctrl(open, EVP_CTRL_AEAD_SET_TAG, 16, icv) == 1);
		require(EVP_DecryptUpdate(open, NULL, &n, aad, sizeof(aad)) == 1);
		require(EVP_DecryptUpdate(open, opened, &n, sealed, (int)plain.len) == 1);
		require(EVP_DecryptFinal_ex(open, opened + plain.len, &n) == 1);
	}
	return now_s() - start;
}

static void bench_size(size_t size)
{
	struct esp_pair p;
	uint8_t buf[CAP], key[32] = { 1 };
	struct bytes inner = { buf, inner_build_udp(PAIR_WEB_V4, PAIR_PEER_V4, size, 0, buf, CAP) };
	EVP_CIPHER_CTX *seal = EVP_CIPHER_CTX_new(), *open = EVP_CIPHER_CTX_new();
	double sets_s = 0, evp_s = 0;

	esp_pair_open(&p);
	require(EVP_EncryptInit_ex(seal, EVP_aes_256_gcm(), NULL, key, NULL) == 1);
	require(EVP_DecryptInit_ex(open, EVP_aes_256_gcm(), NULL, key, NULL) == 1);
	for (int i = 0; i < ROUNDS; i++) {
		evp_s += run_evp(seal, open, inner);
		sets_s += run_sets(&p, inner);
	}
	printf("%4zu octets: out and in %.0f packets/s, AES-256-GCM alone %.0f: %.0f %%\n", size,
	       ROUNDS * PACKETS / sets_s, ROUNDS * PACKETS / evp_s, 100 * evp_s / sets_s);
	EVP_CIPHER_CTX_free(seal);
	EVP_CIPHER_CTX_free(open);
	esp_pair_close(&p);
}

static struct esp_child numbered(const struct esp_pair *p, uint32_t i)
{
	struct esp_child child = p->child;
	struct ip *first = &child.ts_remote.items[0].range.first;

	child.id = i;
	child.spi_in = 0x02000000 + i;
	child.ts_remote = ts_list_of("10.2.0.0/32");
	first->octets[2] = (uint8_t)(i >> 8);
	first->octets[3] = (uint8_t)i;
	child.ts_remote.items[0].range.last = *first;
	return child;
}

static double run_lookups(const struct esp_pair *p, uint32_t n_sas)
{
	uint8_t buf[CAP];
	size_t len = inner_build_udp(PAIR_WEB_V4, "10.2.0.0", 100, 0, buf, CAP);
	struct flow flow;
	double start;
	uint32_t i = 2;

	require(flow_decode((struct bytes){ buf, len }, &flow) == 0);
	start = now_s();
	for (int n = 0; n < ROUNDS * PACKETS; n++) {
		struct esp_sa *sa;

		i = 2 + (i * 1103515245u + 12345u) / 65536u % (n_sas - 2);
		flow.dst.ip.octets[2] = (uint8_t)(i >> 8);
		flow.dst.ip.octets[3] = (uint8_t)i;
		sa = index_find(&p->member->index, &flow);
		require(sa != NULL && sa->id == i);
	}
	return (now_s() - start) / (ROUNDS * PACKETS) * 1e9;
}

static void bench_lookup(void)
{
	struct esp_pair p;
	double few_ns, start;

	esp_pair_open(&p);
	for (uint32_t i = 2; i < 12; i++) {
		struct esp_child child = numbered(&p, i);

		require(esp_set_add(p.member, &child) == 0);
	}
	few_ns = run_lookups(&p, 12);
	start = now_s();
	for (uint32_t i = 12; i < N_SAS; i++) {
		struct esp_child child = numbered(&p, i);

		require(esp_set_add(p.member, &child) == 0);
	}
	printf("add: %.2f us each\n", (now_s() - start) / (N_SAS - 12) * 1e6);
	printf("lookup: %.0f ns with 10 SAs, %.0f ns with %d\n", few_ns, run_lookups(&p, N_SAS),
	       N_SAS);
	start = now_s();
	require(esp_set_trim(p.member, 1, 0) == 0);
	printf("trim with nothing to do: %.0f us with %d SAs\n", (now_s() - start) * 1e6, N_SAS);
	esp_pair_close(&p);
}

static void bench_context(void)
{
	enum {
		N = 1000,
	};
	static struct aead *aeads[N];
	struct esp_pair p;
	size_t before;
	double start;

	esp_pair_open(&p);
	before = mallinfo2().uordblks;
	start = now_s();
	for (int i = 0; i < N; i++)
		require(aead_new(p.crypto, p.child.encr, p.child.key_in, &aeads[i]) == 0);
	printf("cipher context: %.2f us to make, %zu octets\n", (now_s() - start) / N * 1e6,
	       (mallinfo2().uordblks - before) / N);
	printf("SA with one selector per side: %zu octets, without its two cipher contexts\n",
	       sizeof(struct esp_sa) + sizeof(struct esp_rule) + sizeof(struct ts));
	for (int i = 0; i < N; i++)
		aead_free(aeads[i]);
	esp_pair_close(&p);
}

int main(void)
{
	bench_size(100);
	bench_size(1400);
	bench_lookup();
	bench_context();
	return 0;
}
