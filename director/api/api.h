/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_API_H
#define DIRECTOR_API_H

#include "common/base/log.h"
#include "common/control/message.h"
#include "common/io/tls_server.h"

/*
 * The director's HTTP API: what it knows, as JSON, for clusteradm and for monitoring, and what an
 * administrator may have it do. README.md here is the contract.
 */
struct api;
struct director;

/* Everything is borrowed. NULL when out of memory. */
struct api *api_new(uv_loop_t *loop, struct director *d, const struct logger *lg);

/* For control_on_sas(); ctx is the api. */
void api_take_sas(void *ctx, size_t member, uint64_t id, const struct msg_sas_part *part);

/*
 * Answers that wait for members to say that a revocation is in force: the ticket of the request, or
 * false if it has none, or too many wait. api_take_revoked() is for whenever members have said
 * something, and every 100 ms or so: they do not wait for ever.
 */
bool api_wait_for(struct api *api, uint64_t ticket, uint64_t revocation);
void api_take_revoked(struct api *api);

/* For tls_server; valid as long as the api. */
struct tls_server_protocol api_protocol(struct api *api);

/* After all its streams have ended. NULL is fine. */
void api_free(struct api *api);

#endif
