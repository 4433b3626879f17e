/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CAPTURES_H
#define TESTS_CAPTURES_H

#include <stdint.h>

/*
 * What real initiators sent to UDP port 500. Includes nothing of cmocka.
 *
 * init: strongSwan 5.9.8, IKE_SA_INIT, AES-GCM and MODP 2048, N(REDIRECT_SUPPORTED) is its last
 * payload. redirected: the same daemon after a REDIRECT from 192.0.2.10: N(REDIRECTED_FROM) is its
 * last payload, and there is no N(REDIRECT_SUPPORTED). resume: libreswan 5.x, IKE_SESSION_RESUME
 * with nonce and N(TICKET_OPAQUE) and nothing else.
 */
#define CAPTURE_NONCE_LEN 32

#define CAPTURE_INIT_NONCE 336
extern const uint8_t capture_init[456];

extern const uint8_t capture_redirected[462];

#define CAPTURE_RESUME_NONCE 32
extern const uint8_t capture_resume[928];

#endif
