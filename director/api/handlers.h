/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_API_HANDLERS_H
#define DIRECTOR_API_HANDLERS_H

#include "common/control/message.h"
#include "common/http/http_router.h"

struct director_view;

/* One handler per resource; ctx is the struct director. */
void api_get_status(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_members(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_peers(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_sas(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_placement(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_events(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_addresses(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_failover(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_keys(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_revocations(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_healthz(const struct http_request *req, struct http_response *res, void *ctx);
void api_get_readyz(const struct http_request *req, struct http_response *res, void *ctx);

/* What changes something: for administrators. */
void api_post_move(const struct http_request *req, struct http_response *res, void *ctx);
void api_post_pause(const struct http_request *req, struct http_response *res, void *ctx);
void api_post_resume(const struct http_request *req, struct http_response *res, void *ctx);
void api_post_rotate(const struct http_request *req, struct http_response *res, void *ctx);
void api_post_revoke_key(const struct http_request *req, struct http_response *res, void *ctx);
void api_post_revoke_tickets(const struct http_request *req, struct http_response *res, void *ctx);

/*
 * The answer of a member to api_get_sas(). The ticket of the request that the sas message with this
 * id was for; 0: this member was not asked so.
 */
uint64_t api_sas_ticket(uint64_t id, size_t member);
void api_answer_sas(struct http_response *res, const char *member, const struct msg_sas_part *part);

/* Whether members that are connected have yet to say that this revocation is in force. */
bool api_revocation_waits(const struct director_view *d, uint64_t id);
void api_answer_revoked(const struct director_view *d, uint64_t id, struct http_response *res);

#endif
