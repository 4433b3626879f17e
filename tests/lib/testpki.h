/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_TESTPKI_H
#define TESTS_LIB_TESTPKI_H

#include "common/io/tls_ctx.h"

/*
 * A certificate authority for tests, in a temporary folder of its own: ca.crt, and for each
 * certificate NAME.crt and NAME.key (P-256). Whatever fails ends the test program.
 */
struct testpki;

struct testpki *testpki_new(void);

/* Removes the folder too. */
void testpki_free(struct testpki *pki);

const char *testpki_dir(const struct testpki *pki);

/*
 * A certificate valid for an hour with one identity, such as ("m1", "waypost:member:m1"). The paths
 * belong to pki.
 */
struct tls_files testpki_issue(struct testpki *pki, const char *name, const char *uri);

/* A certificate as nobody should have it: URIs up to the first NULL, times relative to now. */
#define TESTPKI_URIS 3
struct tls_files testpki_issue_odd(struct testpki *pki, const char *name,
				   const char *const uris[TESTPKI_URIS], long from_s, long to_s);

/* Writes a file into the folder, returns its path, which belongs to pki. */
const char *testpki_write(struct testpki *pki, const char *name, const char *text);

#endif
