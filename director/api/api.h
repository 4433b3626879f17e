/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_API_H
#define DIRECTOR_API_H

#include "common/base/log.h"
#include "common/io/tls_server.h"

/*
 * The director's HTTP API: what it knows, as JSON, for clusteradm and for monitoring, and what an
 * administrator may have it do. README.md here is the contract.
 */
struct api;
struct director;

/* d and lg are borrowed. NULL when out of memory. */
struct api *api_new(struct director *d, const struct logger *lg);

/* For tls_server; valid as long as the api. */
struct tls_server_protocol api_protocol(struct api *api);

/* After all its streams have ended. NULL is fine. */
void api_free(struct api *api);

#endif
