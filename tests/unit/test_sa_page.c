/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/sa_page.h"
#include "common/control/frame.h"
#include "tests/lib/esp_pair.h"
#include "tests/lib/ike_pair.h"

/* What the agent tells of its SAs: from the responder and the data plane to a message. */

static uint8_t frame[FRAME_MAX];

static void expect_sendable(const struct sa_page *page)
{
	struct message m = { .type = MESSAGE_SAS_PART, .id = 1 };
	struct errtext why = { "" };
	struct bytes out;

	m.sas_part = *sa_page_part(page);
	if (message_encode(&m, frame, sizeof(frame), &out, &why) != 0)
		fail_msg("%s", why.text);
}

/* A data plane that has the responder's only Child SA, after a packet each way. */
static struct esp_set *data_plane(struct ike_pair *p)
{
	struct esp_set *set = esp_set_new(p->crypto);
	const struct pair_child *k = &p->end[RESPONDER].children[0];
	struct esp_child child = {
		.id = k->id,
		.spi_in = k->spi_in,
		.spi_out = k->spi_out,
		.encr = encr_by_name("aes256gcm16"),
		.key_in = { k->key_in, 36 },
		.key_out = { k->key_out, 36 },
		.local = k->local,
		.remote = k->remote,
		.ts_local = k->ts_local,
		.ts_remote = k->ts_remote,
	};

	assert_non_null(set);
	assert_int_equal(esp_set_add(set, &child), 0);
	return set;
}

static void send_one(struct esp_set *set, uint64_t now_ms)
{
	static const uint8_t packet[20] = { 0x45, 0, 0,  20, 0, 0,   0,  0, 64, 17,
					    0,    0, 10, 1,  0, 100, 10, 1, 0,  201 };
	struct endpoint local, remote;
	uint8_t out[200];
	struct bytes esp;

	assert_int_equal(esp_outbound(set, now_ms, (struct bytes){ packet, sizeof(packet) }, out,
				      sizeof(out), &esp, &local, &remote),
			 ESP_OK);
}

static void check_ike(const struct ike_pair *p, const struct msg_sa *sa)
{
	assert_int_equal(sa->spi, p->end[RESPONDER].peer.spi);
	assert_int_equal(sa->peer_spi, p->end[INITIATOR].peer.spi);
	assert_string_equal(sa->state, "established");
	assert_int_equal(sa->version, 2);
	assert_string_equal(sa->local_id, "gw.example");
	assert_string_equal(sa->remote_id, "alice.example");
	assert_string_equal(sa->connection, "sites");
	assert_string_equal(sa->ike, "aes256gcm16-prfsha256-x25519");
	assert_in_range(sa->established_ms, 5000, p->now + 5000);
	assert_in_range(sa->heard_ms, 5000, p->now + 5000);
	assert_in_range(sa->rekey_ms, 890000, 1000000);
	assert_in_range(sa->ends_ms, 1050000, 1100000);
	assert_null(sa->why);
	assert_int_equal(sa->rekeyed_ms, 0);
	assert_true(sa->nat_forced);
	assert_int_equal(sa->child_count, 1);
	assert_int_equal(sa->n_children, 1);
}

static void check_child(const struct ike_pair *p, const struct msg_child_sa *child)
{
	assert_string_equal(child->state, "installed");
	assert_int_equal(strtoul(child->spi_in, NULL, 16), p->end[RESPONDER].children[0].spi_in);
	assert_int_equal(strtoul(child->spi_out, NULL, 16), p->end[RESPONDER].children[0].spi_out);
	assert_string_equal(child->esp, "aes256gcm16");
	assert_in_range(child->installed_ms, 5000, p->now + 5000);
	assert_int_equal(child->packets_out, 1);
	assert_int_equal(child->octets_out, 20);
	assert_int_equal(child->used_out_ms, 5000);
	assert_int_equal(child->packets_in, 0);
	assert_int_equal(child->used_in_ms, 0);
	assert_in_range(child->rekey_ms, 440000, 500000);
	assert_int_equal(child->n_local, 1);
	assert_string_equal(child->local[0], "10.1.0.0/25");
	assert_string_equal(child->remote[0], "10.1.0.201/32");
}

static void test_an_sa(void **state)
{
	const struct msg_sas query = { .limit = 32 };
	const struct msg_sa *sa;
	struct ike_pair p;
	struct esp_set *set;
	struct sa_page *page;

	(void)state;
	pair_start(&p, 1);
	p.rconf.rekey_ike_ms = 1000000;
	p.connection[RESPONDER].rekey_child_ms = 500000;
	p.rconf.force_encap = true;
	pair_establish(&p);
	set = data_plane(&p);
	send_one(set, p.now);
	page = sa_page_new(p.r, set, p.now + 5000, &query);
	assert_non_null(page);
	assert_int_equal(sa_page_part(page)->n_entries, 1);
	assert_int_equal(sa_page_part(page)->next, 0);
	sa = sa_page_part(page)->entries;
	check_ike(&p, sa);
	check_child(&p, sa->children);
	expect_sendable(page);
	sa_page_free(page);

	assert_true(pair_do(&p, INITIATOR, OP_REKEY_CHILD));
	assert_true(pair_do(&p, INITIATOR, OP_REKEY_IKE));
	pair_run(&p, 30000); /* until the old ones are gone */
	page = sa_page_new(p.r, set, p.now, &query);
	assert_int_equal(sa_page_part(page)->n_entries, 1);
	sa = sa_page_part(page)->entries;
	assert_non_null(sa->why);
	assert_string_equal(sa->why, "peer");
	assert_in_range(sa->rekeyed_ms, 10000, 30000);
	assert_int_equal(sa->rekeys, 1);
	assert_non_null(sa->children[sa->n_children - 1].why);
	assert_string_equal(sa->children[sa->n_children - 1].why, "peer");
	expect_sendable(page);
	sa_page_free(page);
	esp_set_free(set);
	pair_stop(&p);
}

static void test_nothing_yet(void **state)
{
	const struct msg_sas query = { .limit = 32 };
	struct sa_page *page = sa_page_new(NULL, NULL, 1, &query);

	(void)state;
	assert_int_equal(sa_page_part(page)->n_entries, 0);
	assert_int_equal(sa_page_part(page)->next, 0);
	expect_sendable(page);
	sa_page_free(page);
	sa_page_free(NULL);
}

/* Each Child SA is as long as it can be; none is lost but of an IKE SA that has too many. */
static void fill_children(struct ike_core *c, struct ike_sa *sa, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct child *child;

		assert_int_equal(child_new(c, sa, &child), 0);
		child->state = CHILD_RESERVED;
		child->local = child->remote =
		    ts_list_of("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128");
		for (; child->local.n < TS_MAX; child->local.n++)
			child->local.items[child->local.n] =
			    ts_of("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128", 17, 1000, 2000);
		child->remote = child->local;
	}
}

/* SAs in pages that fit, each once. */
static void test_pages(void **state)
{
	struct msg_sas query = { .limit = 32 };
	struct ike_pair p;
	struct esp_set *set;
	size_t seen = 0, n_pages = 0;

	(void)state;
	pair_start(&p, 2);
	pair_establish(&p);
	set = data_plane(&p);
	for (size_t i = 0; i < 59; i++) {
		struct ike_sa *sa = ike_sa_new(pair_core(&p, RESPONDER), false);

		assert_non_null(sa);
		sa->path = p.path;
		fill_children(pair_core(&p, RESPONDER), sa, i < 10 ? i : i == 10 ? 48 : 0);
	}
	do {
		struct sa_page *page = sa_page_new(p.r, set, p.now, &query);
		const struct msg_sas_part *part = sa_page_part(page);

		assert_in_range(part->n_entries, 1, 32);
		expect_sendable(page);
		for (size_t i = 0; i < part->n_entries; i++) {
			assert_true(part->entries[i].spi > query.cursor);
			query.cursor = part->entries[i].spi;
			if (part->entries[i].child_count == 48)
				assert_in_range(part->entries[i].n_children, 1, 47);
			else
				assert_int_equal(part->entries[i].n_children,
						 part->entries[i].child_count);
		}
		seen += part->n_entries;
		n_pages++;
		query.cursor = part->next;
		sa_page_free(page);
	} while (query.cursor != 0);
	assert_int_equal(seen, 60);
	assert_in_range(n_pages, 3, 20);
	esp_set_free(set);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_sa),
		cmocka_unit_test(test_nothing_yet),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
