/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_PAYLOADS_H
#define IKEV2_SESSION_PAYLOADS_H

#include "common/ikev2/body.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/sa.h"

/* Payloads that several exchanges write, and CREATE_CHILD_SA as it is read. Errors stay in w. */
void chain_put_notify(struct payload_writer *chain, uint16_t type, struct bytes data);

/* The first notify of that type, a view. */
bool notify_find(const struct payload_list *list, uint16_t type, struct notify *out);
void chain_put_esp_notify(struct payload_writer *chain, uint16_t type, uint32_t spi);
void chain_put_sa(struct payload_writer *chain, const struct sa_payload *sa);
void chain_put_proposal(struct payload_writer *chain, const struct proposal *chosen,
			struct bytes spi);
void chain_put_ke(struct payload_writer *chain, uint16_t group, struct bytes value);
void chain_put_ts(struct payload_writer *chain, uint8_t type, const struct ts_list *list);
void chain_put_delete_ike(struct payload_writer *chain);
void chain_put_delete_esp(struct payload_writer *chain, const uint32_t *spis, size_t n);

/* The chosen proposal alone, with our SPI. */
struct bytes spi32_bytes(uint32_t spi, uint8_t buf[4]);
struct bytes spi64_bytes(uint64_t spi, uint8_t buf[8]);

/* A CREATE_CHILD_SA message, request or response (RFC 7296, 1.3). */
struct create_child {
	struct sa_payload sa;
	struct bytes nonce;
	struct ke_body ke; /* group 0: none */
	bool has_ts;
	struct ts_list tsi, tsr;
	bool has_rekey; /* N(REKEY_SA) */
	uint32_t rekey_spi;
	uint16_t error; /* the first error notify, 0: none */
	struct bytes error_data;
};

/*
 * Views of the message. What has to be there: SA and nonce, both or none of TSi and TSr, unless a
 * response has an error. Errors of the decoders, ERR_MISSING.
 */
MUST_USE int create_child_decode(const struct payload_list *list, bool is_response,
				 struct create_child *out);

#endif
