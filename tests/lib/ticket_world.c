/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ticket_world.h"

#define KEY_ID 77

const struct id_body member_gateway = { ID_FQDN, { (const uint8_t *)"gw.example", 10 } };

static void give_keys(struct ticket_office *office)
{
	const struct ticket_key key = { .id = KEY_ID,
					.secret = { 1, 2, 3 },
					.not_before_s = MEMBER_UNIX_S - 1000,
					.not_after_s = MEMBER_UNIX_S + 100000,
					.may_issue = true };
	struct ticket_ring ring = { .n = 0 };

	assert_int_equal(ticket_ring_add(&ring, &key), 0);
	ticket_office_set_ring(office, &ring);
}

static struct ticket_office *make_office(void)
{
	const struct ticket_office_conf conf = { .lifetime_s = MEMBER_LIFETIME_S, .used_max = 100 };
	struct ticket_office *office = ticket_office_new(&conf);

	assert_non_null(office);
	give_keys(office);
	return office;
}

void member_start(struct member *m)
{
	world_start(&m->w);
	m->office = make_office();
	m->w.conf.tickets = m->office;
	m->w.conf.allow_short_auth = true;
	m->w.conf.fragment_size = 1280;
	world_restart(&m->w);
	responder_set_time(m->w.r, m->w.now, MEMBER_UNIX_S);
	m->w.c.with_ticket_request = true;
}

void member_stop(struct member *m)
{
	world_stop(&m->w);
	ticket_office_free(m->office);
}

/* The same cluster, another member: nothing of the first is known to it but the keys. */
void member_move_on(struct member *m)
{
	ticket_office_free(m->office);
	m->office = make_office();
	m->w.conf.tickets = m->office;
	m->w.conf.member = 8;
	world_restart(&m->w);
	responder_set_time(m->w.r, m->w.now, MEMBER_UNIX_S);
}

size_t member_count_sas(const struct world *w)
{
	return HASH_CNT(hh_spi, w->r->core.by_spi);
}

struct bytes member_show_ticket(struct world *w)
{
	return world_give(w, ikeclient_resume_request(&w->c));
}

void member_resume(struct world *w)
{
	assert_int_equal(ikeclient_take_resume(&w->c, member_show_ticket(w)), 0);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 0);
	assert_int_equal(w->n_up, 1);
}
