/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include "common/base/bytes.h"

/* The captured messages of tests/vectors/ (see the README there). */
#define VECTOR_NAME_MAX 128
#define VECTOR_MAX      2048

struct vector {
	char name[VECTOR_NAME_MAX]; /* what stands between the brackets */
	size_t len;
	uint8_t octets[VECTOR_MAX];
};

/*
 * Reads at most max records; returns how many there are. Fails the test if the file cannot be read
 * or holds anything else. Tests run in the top folder: path is from there.
 */
size_t vectors_load(const char *path, struct vector *out, size_t max);

static inline struct bytes vector_bytes(const struct vector *v)
{
	return (struct bytes){ v->octets, v->len };
}

#endif
