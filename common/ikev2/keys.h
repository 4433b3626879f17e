/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_KEYS_H
#define IKEV2_KEYS_H

#include "common/crypto/suite.h"

/*
 * The key schedule (RFC 7296, 2.13 to 2.18) and the AUTH values that hang on it. "Initiator" is the
 * original initiator of the IKE SA for struct ike_keys, the initiator of the exchange for
 * struct child_keys.
 */
struct ike_keys {
	struct key d;
	struct key ei, er; /* key | salt */
	struct key pi, pr;
};

struct child_keys {
	struct key i2r; /* protects what the initiator of the exchange sends: key | salt */
	struct key r2i;
};

/*
 * SKEYSEED = prf(Ni | Nr, g^ir), then the seven keys; with AEAD there is no SK_ai and SK_ar.
 * ERR_VALUE for a nonce of more than 256 octets, ERR_CRYPTO.
 */
MUST_USE int ike_keys_derive(struct crypto *c, const struct ike_suite *suite, struct bytes ni,
			     struct bytes nr, struct bytes g_ir, uint64_t spi_i, uint64_t spi_r,
			     struct ike_keys *out);

/*
 * The same for an IKE SA that replaces another one (RFC 7296, 2.18): SKEYSEED = prf(SK_d (old),
 * g^ir (new) | Ni | Nr) with the old SA's prf; all else with the new one's.
 */
MUST_USE int ike_keys_rekey(struct crypto *c, enum prf_id old_prf, struct bytes old_sk_d,
			    const struct ike_suite *suite, struct bytes ni, struct bytes nr,
			    struct bytes g_ir, uint64_t spi_i, uint64_t spi_r,
			    struct ike_keys *out);

/*
 * The same for an IKE SA that is resumed with a ticket (RFC 5723, 5.1): SKEYSEED = prf(SK_d (of the
 * ticket), "Resumption" | Ni | Nr), suite that of the ticket.
 */
MUST_USE int ike_keys_resume(struct crypto *c, struct bytes ticket_sk_d,
			     const struct ike_suite *suite, struct bytes ni, struct bytes nr,
			     uint64_t spi_i, uint64_t spi_r, struct ike_keys *out);

/*
 * KEYMAT = prf+(SK_d, [g^ir(new)] | Ni | Nr), prf that of the IKE SA. g_ir empty if the exchange
 * had no KE.
 */
MUST_USE int child_keys_derive(struct crypto *c, enum prf_id prf, struct bytes sk_d,
			       const struct esp_suite *suite, struct bytes g_ir, struct bytes ni,
			       struct bytes nr, struct child_keys *out);

void ike_keys_wipe(struct ike_keys *k);
void child_keys_wipe(struct child_keys *k);

/*
 * AUTH data of method 2 (RFC 7296, 2.15):
 * prf(prf(PSK, "Key Pad for IKEv2"), message | nonce | prf(SK_p, IDx')). message is the sender's
 * IKE_SA_INIT message, nonce the other side's, sk_p SK_pi or SK_pr, id_body the sender's ID payload
 * without generic header, as it is or was on the wire. out has room for prf_size(prf).
 */
MUST_USE int auth_psk_compute(struct crypto *c, enum prf_id prf, struct bytes psk,
			      struct bytes message, struct bytes nonce, struct bytes sk_p,
			      struct bytes id_body, uint8_t *out);

/*
 * AUTH data of a resumed IKE SA (RFC 5723, 5.1), both forms that are seen: prf(SK_p, message |
 * nonce | prf(SK_p, IDx')) as the RFC has it, and prf(SK_p, message) as libreswan does. message is
 * the sender's IKE_SESSION_RESUME message; all else as above.
 */
enum auth_form {
	AUTH_FORM_RFC,
	AUTH_FORM_SHORT,
};
MUST_USE int auth_resume_compute(struct crypto *c, enum prf_id prf, enum auth_form form,
				 struct bytes message, struct bytes nonce, struct bytes sk_p,
				 struct bytes id_body, uint8_t *out);

#endif
