/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_REDIRECT_CHECK_H
#define TESTS_REDIRECT_CHECK_H

#include "director/redirect/redirect.h"

/* A datagram, and what redirect_answer() made of it. */
struct redirect_case {
	const struct placement_table *table;
	struct ip peer;
	bool is_natt;
	struct bytes request;
	enum front_verdict verdict;
	struct bytes answer;
	size_t member;
};

/*
 * What is true of every answer to whatever request: it is no longer, decodes, repeats what it has
 * to repeat, names an open member's home address of the peer's family. NULL, or what is wrong.
 * Includes nothing of cmocka: the fuzzer uses it too.
 */
const char *redirect_check(const struct redirect_case *c);

#endif
