/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * Base64 (RFC 4648, 4) for short values, among them keys: with padding, without line breaks, and
 * in one form only, so that octets have one text. No table is looked up by a secret.
 */
#define BASE64_SIZE(octets) (((octets) + 2) / 3 * 4) /* characters, without the terminator */

/* The text of in, terminated. ERR_NO_SPACE if cap is less than BASE64_SIZE(in.len) + 1. */
MUST_USE int base64_encode(struct bytes in, char *out, size_t cap);

/*
 * The octets of a text. Returns 0, ERR_VALUE (another character, no multiple of four, wrong or
 * superfluous padding, bits set that are no part of any octet) or ERR_NO_SPACE. After an error out
 * is wiped.
 */
MUST_USE int base64_decode(const char *text, uint8_t *out, size_t cap, size_t *len);

#endif
