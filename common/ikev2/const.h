/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_CONST_H
#define IKEV2_CONST_H

#include <stdint.h>

/*
 * Numbers of IKEv2 and their names, each from one table (RFC 7296 section 3 and IANA's registry).
 * Notify types live in notify.h, algorithms in common/crypto.
 */
#define IKE_VERSION     0x20
#define IKE_HEADER_SIZE 28
#define IKE_NATT_PORT   4500
#define IKE_PORT        500

#define EXCHANGE_TYPES(X)         \
	X(IKE_SA_INIT, 34)        \
	X(IKE_AUTH, 35)           \
	X(CREATE_CHILD_SA, 36)    \
	X(INFORMATIONAL, 37)      \
	X(IKE_SESSION_RESUME, 38) \
	X(IKE_INTERMEDIATE, 43)   \
	X(IKE_FOLLOWUP_KE, 44)

#define EXCHANGE_ENUMERATOR(name, number) EXCHANGE_##name = (number),
enum exchange_type {
	EXCHANGE_TYPES(EXCHANGE_ENUMERATOR)
};
#undef EXCHANGE_ENUMERATOR

#define PAYLOAD_TYPES(X) \
	X(NONE, 0)       \
	X(SA, 33)        \
	X(KE, 34)        \
	X(IDI, 35)       \
	X(IDR, 36)       \
	X(CERT, 37)      \
	X(CERTREQ, 38)   \
	X(AUTH, 39)      \
	X(NONCE, 40)     \
	X(NOTIFY, 41)    \
	X(DELETE, 42)    \
	X(VENDOR, 43)    \
	X(TSI, 44)       \
	X(TSR, 45)       \
	X(SK, 46)        \
	X(CP, 47)        \
	X(EAP, 48)       \
	X(SKF, 53)

#define PAYLOAD_ENUMERATOR(name, number) PAYLOAD_##name = (number),
enum payload_type {
	PAYLOAD_TYPES(PAYLOAD_ENUMERATOR)
};
#undef PAYLOAD_ENUMERATOR

enum ike_flag {
	IKE_FLAG_INITIATOR = 0x08,
	IKE_FLAG_RESPONSE = 0x20,
};

enum protocol_id {
	PROTOCOL_NONE = 0,
	PROTOCOL_IKE = 1,
	PROTOCOL_AH = 2,
	PROTOCOL_ESP = 3,
};

enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4,
	TRANSFORM_ESN = 5,
};

enum id_type {
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3,
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_DER_ASN1_GN = 10,
	ID_KEY_ID = 11,
	ID_NULL = 13,
};

enum auth_method {
	AUTH_RSA = 1,
	AUTH_SHARED_KEY = 2,
	AUTH_NULL = 13,
	AUTH_DIGITAL_SIGNATURE = 14,
};

/* Names for logs; "UNKNOWN" outside the tables. Never NULL. */
const char *exchange_name(uint8_t type);
const char *payload_name(uint8_t type);

#endif
