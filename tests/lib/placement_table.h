/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PLACEMENT_TABLE_H
#define TESTS_PLACEMENT_TABLE_H

#include "director/placement/placement.h"

/*
 * A table of n open members m1, m2, ... without load, of weight 100, with home addresses
 * 192.0.2.1, 192.0.2.2, ... and 2001:db8::1, 2001:db8::2, ...; sticky, bound 1.25, full at 0.95.
 */
void table_init(struct placement_table *t, size_t n);

/* Fail the test if text is not an address or prefix. */
struct ip table_ip(const char *text);
void table_pin(struct placement_table *t, const char *prefix, size_t member);

#endif
