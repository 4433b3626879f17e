/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "director/redirect/redirect.h"
#include "tests/lib/redirect_check.h"

/*
 * Input: one octet of choices (bit 0: port 4500, bit 1: an IPv6 peer, bit 2: answer peers without
 * redirect support, bit 3: no member takes peers), then a datagram. Whatever is answered must be no
 * longer than the request, decode, and repeat the nonce.
 */
enum choice {
	CHOICE_NATT = 1,
	CHOICE_IPV6 = 2,
	CHOICE_REJECT = 4,
	CHOICE_NO_MEMBER = 8,
	CHOICE_ALWAYS = 16,
};

static void make_table(struct placement_table *t, bool is_open)
{
	memset(t, 0, sizeof(*t));
	t->bounded_load = 1.25;
	t->full_at = 0.95;
	t->n_members = 2;
	for (size_t i = 0; i < t->n_members; i++) {
		struct placement_member *m = &t->members[i];

		m->name[0] = (char)('a' + i);
		m->home[0] = (struct ip){ IP_V4, { 192, 0, 2, (uint8_t)(10 + i) } };
		m->home[1] = (struct ip){ IP_V6, { 0x20, 0x01, 0x0d, 0xb8, (uint8_t)(10 + i) } };
		m->n_home = 2;
		m->weight = 100;
		m->is_open = is_open;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct placement_table table;
	static struct placement_index index;
	struct redirect_case c = { .table = &table };
	static struct ticket_ring ring;
	static struct crypto *crypto;
	struct redirect_conf conf = { .resume = REDIRECT_RESUME_AUTO };
	struct redirect_view view = { .conf = &conf, .index = &index };
	enum front_resume resume;
	uint8_t out[REDIRECT_ANSWER_MAX], choices;

	if (size == 0)
		return 0;
	choices = input[0];
	make_table(&table, (choices & CHOICE_NO_MEMBER) == 0);
	placement_index_build(&index, &table);
	conf.reject_unsupported = (choices & CHOICE_REJECT) != 0;
	c.is_natt = (choices & CHOICE_NATT) != 0;
	c.peer.family = IP_V4;
	if ((choices & CHOICE_IPV6) != 0)
		c.peer.family = IP_V6;
	c.peer.octets[0] = 198;
	c.request = (struct bytes){ input + 1, size - 1 };
	c.answer.ptr = out;
	if (crypto == NULL)
		crypto = crypto_new();
	ring.n = 1; /* its id is 0, so that corpora can name it */
	ring.keys[0].not_after_s = UINT64_MAX;
	view.keys = (struct resume_keys){ &ring, crypto, 1 };
	if ((choices & CHOICE_ALWAYS) != 0)
		conf.resume = REDIRECT_RESUME_ALWAYS;
	c.verdict = redirect_answer(&view, &c.peer, c.is_natt, c.request, out, &c.answer.len,
				    &c.member, &resume);
	if (redirect_check(&c) != NULL)
		abort();
	return 0;
}
