/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/api.h"

#include <stdlib.h>

#include "common/http/http_server.h"
#include "director/api/api_json.h"
#include "director/api/handlers.h"
#include "director/director.h"

#define READERS      (HTTP_ROLE(PKI_ADMIN) | HTTP_ROLE(PKI_MONITOR))
#define ADMINS       HTTP_ROLE(PKI_ADMIN)
#define STREAMS_MAX  256
#define IDLE_MS      60000
#define BODY_MAX     65536
#define DEFERRED_MAX 64
#define WAITS_MAX    16
#define WAIT_MS      1700 /* less than a deferred answer may take */

static const struct http_route routes[] = {
	{ .method = "GET", .path = "/v1/status", .roles = READERS, .handler = api_get_status },
	{ .method = "GET", .path = "/v1/members", .roles = READERS, .handler = api_get_members },
	{ .method = "GET",
	  .path = "/v1/peers",
	  .roles = READERS,
	  .params = { "member" },
	  .handler = api_get_peers },
	{ .method = "GET",
	  .path = "/v1/sas",
	  .roles = READERS,
	  .params = { "member", "peer", "cursor" },
	  .handler = api_get_sas },
	{ .method = "GET",
	  .path = "/v1/placement",
	  .roles = READERS,
	  .params = { "address" },
	  .handler = api_get_placement },
	{ .method = "GET",
	  .path = "/v1/events",
	  .roles = READERS,
	  .params = { "after", "limit", "subject" },
	  .handler = api_get_events },
	{ .method = "GET",
	  .path = "/v1/addresses",
	  .roles = READERS,
	  .handler = api_get_addresses },
	{ .method = "POST",
	  .path = "/v1/addresses/move",
	  .roles = ADMINS,
	  .handler = api_post_move },
	{ .method = "GET", .path = "/v1/failover", .roles = READERS, .handler = api_get_failover },
	{ .method = "POST",
	  .path = "/v1/failover/pause",
	  .roles = ADMINS,
	  .handler = api_post_pause },
	{ .method = "POST",
	  .path = "/v1/failover/resume",
	  .roles = ADMINS,
	  .handler = api_post_resume },
	{ .method = "GET", .path = "/v1/keys", .roles = READERS, .handler = api_get_keys },
	{ .method = "POST",
	  .path = "/v1/keys/rotate",
	  .roles = ADMINS,
	  .handler = api_post_rotate },
	{ .method = "POST",
	  .path = "/v1/keys/revoke",
	  .roles = ADMINS,
	  .handler = api_post_revoke_key },
	{ .method = "GET",
	  .path = "/v1/tickets/revocations",
	  .roles = READERS,
	  .handler = api_get_revocations },
	{ .method = "POST",
	  .path = "/v1/tickets/revoke",
	  .roles = ADMINS,
	  .handler = api_post_revoke_tickets },
	{ .method = "GET", .path = "/healthz", .roles = HTTP_ANYBODY, .handler = api_get_healthz },
	{ .method = "GET", .path = "/readyz", .roles = HTTP_ANYBODY, .handler = api_get_readyz },
};

/* A request whose answer waits for members. */
struct wait {
	uint64_t ticket;
	uint64_t revocation;
	uint64_t due_ms;
};

struct api {
	struct http_router router;
	struct http_server server;
	size_t n_waits;
	struct wait waits[WAITS_MAX];
};

struct api *api_new(uv_loop_t *loop, struct director *d, const struct logger *lg)
{
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL)
		return NULL;
	api->router = (struct http_router){ routes, sizeof(routes) / sizeof(routes[0]), d };
	api->server = (struct http_server){
		.router = &api->router,
		.body_max = BODY_MAX,
		.log = lg,
		.loop = loop,
		.deferred_max = DEFERRED_MAX,
	};
	return api;
}

struct tls_server_protocol api_protocol(struct api *api)
{
	return (struct tls_server_protocol){
		.name = "http/1.1",
		.streams_max = STREAMS_MAX,
		.out_max = HTTP_SERVER_OUT_MAX,
		.idle_ms = IDLE_MS,
		.on_accept = http_server_accept,
		.ctx = &api->server,
	};
}

void api_take_sas(void *ctx, size_t member, uint64_t id, const struct msg_sas_part *part)
{
	struct api *api = ctx;
	struct http_response res = { .status = 0 };
	uint64_t ticket = api_sas_ticket(id, member);

	if (ticket == 0)
		return;
	api_answer_sas(&res, registry_get(director_view(api->router.ctx).registry, member)->name,
		       part);
	http_server_complete(&api->server, ticket, &res);
}

bool api_wait_for(struct api *api, uint64_t ticket, uint64_t revocation)
{
	if (ticket == 0 || api->n_waits == WAITS_MAX)
		return false;
	api->waits[api->n_waits++] = (struct wait){ ticket, revocation, api_now_ms() + WAIT_MS };
	return true;
}

void api_take_revoked(struct api *api)
{
	struct director_view d = director_view(api->router.ctx);

	for (size_t i = 0; i < api->n_waits;) {
		struct http_response res = { .status = 0 };
		struct wait w = api->waits[i];

		if (api_now_ms() < w.due_ms && api_revocation_waits(&d, w.revocation)) {
			i++;
			continue;
		}
		api->waits[i] = api->waits[--api->n_waits];
		api_answer_revoked(&d, w.revocation, &res);
		http_server_complete(&api->server, w.ticket, &res);
	}
}

void api_free(struct api *api)
{
	free(api);
}
