/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/placement_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct ip table_ip(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

void table_init(struct placement_table *t, size_t n)
{
	char text[IP_TEXT_MAX];

	memset(t, 0, sizeof(*t));
	t->policy = PLACEMENT_STICKY;
	t->bounded_load = 1.25;
	t->full_at = 0.95;
	t->seed = 0x0123456789abcdef;
	t->n_members = n;
	for (size_t i = 0; i < n; i++) {
		struct placement_member *m = &t->members[i];

		snprintf(m->name, sizeof(m->name), "m%zu", i + 1);
		snprintf(text, sizeof(text), "192.0.2.%zu", i + 1);
		m->home[0] = table_ip(text);
		snprintf(text, sizeof(text), "2001:db8::%zx", i + 1);
		m->home[1] = table_ip(text);
		m->n_home = 2;
		m->weight = 100;
		m->is_open = true;
	}
}

void table_pin(struct placement_table *t, const char *prefix, size_t member)
{
	struct placement_pin *pin = &t->pins[t->n_pins++];

	assert_int_equal(ip_prefix_parse(prefix, &pin->prefix), 0);
	pin->member = member;
}
