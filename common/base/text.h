/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "common/base/bytes.h"

/*
 * What may be a name or a text in messages, certificates and logs. Pure; ASCII is judged by its
 * numbers, never by the locale.
 */

/* Names of clusters, members, connections, directors and operators. */
#define NAME_TEXT_MAX 63

/* 1 to NAME_TEXT_MAX of a-z, 0-9 and '-'. */
bool text_is_name(const char *text);

/*
 * Valid UTF-8 (RFC 3629: shortest form, no surrogates) without control characters (U+0000 to
 * U+001F, U+007F to U+009F): it can be shown on a terminal and stays on its line.
 */
bool text_is_plain(struct bytes text);

/*
 * Makes a plain text of any octets: each octet that is not part of one becomes '?'. What does not
 * fit in cap (at least 1, the terminator is counted) is cut between characters. Returns the length.
 */
size_t text_clean(struct bytes octets, char *out, size_t cap);

#endif
