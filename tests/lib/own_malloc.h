/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_OWN_MALLOC_H
#define TESTS_OWN_MALLOC_H

#include <stdbool.h>
#include <stdlib.h>

/*
 * The program's own malloc in place of the C library's, which counts and fails on demand. For one
 * source file of a program, whose malloc it is then everywhere. The sanitizers do the same: with
 * them HAS_OWN_MALLOC is 0 and nothing fails, so skip the test.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 0
#endif
#endif
#ifndef HAS_OWN_MALLOC
#define HAS_OWN_MALLOC 1
#endif

static long until_failure = -1; /* allocations that still succeed; negative: all */
static long n_live;             /* allocated and not yet freed */

#if HAS_OWN_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void __libc_free(void *ptr);

static bool is_failing(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

void *malloc(size_t size)
{
	void *ptr = is_failing() ? NULL : __libc_malloc(size);

	n_live += ptr != NULL;
	return ptr;
}

void *calloc(size_t n, size_t size)
{
	void *ptr = is_failing() ? NULL : __libc_calloc(n, size);

	n_live += ptr != NULL;
	return ptr;
}

void *realloc(void *ptr, size_t size)
{
	void *moved = is_failing() ? NULL : __libc_realloc(ptr, size);

	n_live += ptr == NULL && moved != NULL;
	return moved;
}

void free(void *ptr)
{
	n_live -= ptr != NULL;
	__libc_free(ptr);
}
#endif

#endif
