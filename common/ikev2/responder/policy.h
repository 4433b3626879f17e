/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_POLICY_H
#define IKEV2_RESPONDER_POLICY_H

#include "common/ikev2/session/connection.h"

/*
 * Who may connect, with what, to what (RFC 4301's PAD and SPD, as far as a responder needs them).
 * Built once from the configuration, then immutable; a reload builds another one. The caller owns
 * what the borrowed fields point to and keeps it as long as the policy lives.
 */
struct policy;

/* peers are copied, with their identities; keys and connections stay borrowed. NULL: no memory. */
struct policy *policy_new(const struct policy_peer *peers, size_t n);
void policy_free(struct policy *p); /* NULL is fine */

/* NULL if nobody has that identity; type and octets must be equal, in
 * names letters of either case. Borrowed from the policy. */
const struct policy_peer *policy_find(const struct policy *p, const struct id_body *id);

/*
 * The identity that a text of the configuration stands for: an IP address, "#hex" for KEY_ID, with
 * an '@' inside RFC822_ADDR, else FQDN. data is a view of buf (at least ID_TEXT_MAX). ERR_VALUE for
 * what is none of these.
 */
MUST_USE int policy_id_parse(const char *text, uint8_t buf[ID_TEXT_MAX], struct id_body *out);

#endif
