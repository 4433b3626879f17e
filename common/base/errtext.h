/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERRTEXT_H
#define BASE_ERRTEXT_H

/*
 * The readable reason beside an error code, filled in at the point of failure, where it is still
 * known which field, file or rule it was. One line without full stop, made for logs and terminals:
 * what an input contributes to it is shown without control characters and cut to size.
 */
#define ERRTEXT_MAX 256

struct errtext {
	char text[ERRTEXT_MAX]; /* always terminated */
};

/* e may be NULL: then nothing happens. */
__attribute__((format(printf, 2, 3))) void errtext_set(struct errtext *e, const char *fmt, ...);

#endif
