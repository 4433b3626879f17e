/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_TYPES_H
#define CONF_TYPES_H

#include "common/conf/schema.h"

/*
 * The kinds of values that options have. Text values are char *, owned by the struct, NULL while
 * not set.
 */

/* A mapping; the row has rows. It is no text: parse and format are NULL. */
extern const struct conf_type conf_type_map;

/* Numbers without sign or exponent. The row's min and max hold for both. */
extern const struct conf_type conf_type_uint;    /* uint32_t */
extern const struct conf_type conf_type_decimal; /* double; at most six decimals */

/* One of the row's choices; int or an enum of its size. */
extern const struct conf_type conf_type_choice;

extern const struct conf_type conf_type_name; /* 1 to 63 of a-z, 0-9 and '-' */
extern const struct conf_type conf_type_path; /* made absolute */
extern const struct conf_type conf_type_link; /* a network interface */
extern const struct conf_type conf_type_user; /* a user of the system */

/*
 * An IKE identity as text: a name, user@name, an address (brought to its usual form) or "#hex" for
 * a key id; 1 to 255 visible ASCII characters. Not '*', so that nobody takes it for a pattern, and
 * not '?', which stands for any odd octet where identities are shown.
 */
extern const struct conf_type conf_type_identity;

extern const struct conf_type conf_type_glob; /* a pattern of identities (glob.h) */

/* Text, or "0x" and hex digits; 8 to SECRET_MAX octets. struct secret. */
extern const struct conf_type conf_type_psk;
#define CONF_PSK_MIN 8

/* One host's address: not the wildcard (without CONF_WILDCARD), multicast or broadcast. */
extern const struct conf_type conf_type_ip;       /* struct ip */
extern const struct conf_type conf_type_endpoint; /* struct endpoint; port not 0 */
extern const struct conf_type conf_type_prefix;   /* struct ip_prefix */

extern const struct conf_type conf_type_ike_suite; /* struct ike_suite */
extern const struct conf_type conf_type_esp_suite; /* struct esp_suite */

/* What secrets look like in a dump. */
#define CONF_MASK "***"

#endif
