/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "director/api/api_json.h"
#include "director/director.h"

/*
 * SAs: only their member knows them, so it is asked, and the answer comes later. The id of the
 * message says for which request and which member it is, so that there is nothing to remember.
 */
#define MEMBER_BITS 8

uint64_t api_sas_ticket(uint64_t id, size_t member)
{
	return (id & ((1u << MEMBER_BITS) - 1)) == member ? id >> MEMBER_BITS : 0;
}

/* ---- the question ---- */

/* 16 hexadecimal digits, not all 0. */
static bool parse_spi(const char *text, uint64_t *out)
{
	size_t len = strlen(text);

	if (len != 16 || strspn(text, "0123456789abcdef") != len)
		return false;
	*out = strtoull(text, NULL, 16);
	return *out != 0;
}

/* Into m, which borrows from the request; false: res says what is wrong. */
static bool read_query(const struct http_request *req, struct http_response *res,
		       const struct director_view *d, size_t *member, struct msg_sas *m)
{
	const char *name = http_target_param(req->target, "member");
	const char *cursor = http_target_param(req->target, "cursor");

	*m = (struct msg_sas){ .limit = MSG_SAS_MAX };
	m->peer = http_target_param(req->target, "peer");
	if (name == NULL) {
		http_response_problem(res, 400, "'member' is missing: whose SAs?");
	} else if (registry_find(d->registry, name, member) != 0) {
		http_response_problem(res, 404, "there is no member '%s'", name);
	} else if (cursor != NULL && !parse_spi(cursor, &m->cursor)) {
		http_response_problem(res, 400, "'cursor' must be 'next' of the page before");
	} else if (m->peer != NULL && (m->peer[0] == '\0' || strlen(m->peer) > MSG_TEXT_MAX)) {
		http_response_problem(res, 400, "'peer' must be an identity of 1 to %d octets",
				      MSG_TEXT_MAX);
	} else {
		return true;
	}
	return false;
}

void api_get_sas(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	struct message m = { .type = MESSAGE_SAS };
	size_t member;
	int err;

	if (!read_query(req, res, &d, &member, &m.sas))
		return;
	if (req->ticket == 0) {
		http_response_problem(res, 503, "too many others ask members for their SAs");
		return;
	}
	m.id = req->ticket << MEMBER_BITS | member;
	err = control_send(d.control, member, &m);
	if (err == 0)
		res->is_deferred = true;
	else if (err == ERR_CLOSED)
		http_response_problem(res, 503, "%s is not connected",
				      registry_get(d.registry, member)->name);
	else
		http_response_problem(res, 400, "'peer' is no text that can be asked for");
}

/* ---- the answer ---- */

static void set_text(json_t *object, const char *name, const char *text)
{
	api_set(object, name, text != NULL ? json_string(text) : json_null());
}

/* Where 0 stands for nothing. */
static void set_term(json_t *object, const char *name, uint64_t ms)
{
	api_set(object, name, ms != 0 ? api_integer(ms) : json_null());
}

static void set_spi(json_t *object, const char *name, uint64_t spi)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, spi);
	set_text(object, name, spi != 0 ? text : NULL);
}

static json_t *texts(const char *const *list, size_t n)
{
	json_t *json = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(json, json_string(list[i]));
	return json;
}

static void set_rekeying(json_t *object, uint64_t rekey_ms, uint64_t ends_ms, const char *why)
{
	set_term(object, "rekey_in_ms", rekey_ms);
	set_term(object, "ends_in_ms", ends_ms);
	set_text(object, "rekey_why", why);
}

static json_t *traffic(uint64_t octets, uint64_t packets, uint64_t used_ms)
{
	json_t *json = json_object();

	api_set(json, "octets", api_integer(octets));
	api_set(json, "packets", api_integer(packets));
	set_term(json, "used_ms", used_ms);
	return json;
}

/* What all of ours are is said nevertheless: a reader need not know us. */
static json_t *child_json(const struct msg_child_sa *child, const char *connection)
{
	json_t *json = json_object();

	set_text(json, "connection", connection);
	set_text(json, "id", child->id);
	set_text(json, "state", child->state);
	set_text(json, "mode", "tunnel");
	set_text(json, "protocol", "esp");
	api_set(json, "udp_encapsulation", json_true());
	api_set(json, "initiator", json_boolean(child->initiator));
	set_text(json, "spi_in", child->spi_in);
	set_text(json, "spi_out", child->spi_out);
	set_text(json, "algorithms", child->esp);
	set_term(json, "installed_ms", child->installed_ms);
	api_set(json, "in", traffic(child->octets_in, child->packets_in, child->used_in_ms));
	api_set(json, "out", traffic(child->octets_out, child->packets_out, child->used_out_ms));
	set_rekeying(json, child->rekey_ms, child->ends_ms, child->why);
	api_set(json, "local_ts", texts(child->local, child->n_local));
	api_set(json, "remote_ts", texts(child->remote, child->n_remote));
	return json;
}

static json_t *end_json(const char *id, const struct endpoint *at, bool is_behind_nat)
{
	json_t *json = json_object();
	char text[ENDPOINT_TEXT_MAX];

	set_text(json, "identity", id);
	set_text(json, "address", endpoint_format(at, text));
	api_set(json, "nat", json_boolean(is_behind_nat));
	return json;
}

static json_t *sa_json(const char *member, const struct msg_sa *sa)
{
	json_t *json = json_object(), *children = json_array();
	char text[IP_TEXT_MAX];

	set_text(json, "member", member);
	set_text(json, "connection", sa->connection);
	set_spi(json, "spi", sa->spi);
	set_spi(json, "peer_spi", sa->peer_spi);
	set_text(json, "state", sa->state);
	api_set(json, "version", api_integer(sa->version));
	api_set(json, "initiator", json_boolean(sa->initiator));
	api_set(json, "local", end_json(sa->local_id, &sa->local, sa->nat_local));
	api_set(json, "remote", end_json(sa->remote_id, &sa->remote, sa->nat_remote));
	api_set(json, "nat_forced", json_boolean(sa->nat_forced));
	set_text(json, "algorithms", sa->ike);
	set_term(json, "established_ms", sa->established_ms);
	api_set(json, "heard_ms", api_integer(sa->heard_ms));
	set_rekeying(json, sa->rekey_ms, sa->ends_ms, sa->why);
	set_term(json, "rekeyed_ms", sa->rekeyed_ms);
	api_set(json, "rekeys", api_integer(sa->rekeys));
	api_set(json, "reauth_in_ms", json_null());
	set_text(json, "redirected_from",
		 sa->from.family != IP_NONE ? ip_format(&sa->from, text) : NULL);
	set_text(json, "task", sa->active);
	api_set(json, "tasks_waiting", api_integer(sa->queued));
	api_set(json, "child_count", api_integer(sa->child_count));
	for (size_t i = 0; i < sa->n_children; i++)
		json_array_append_new(children, child_json(&sa->children[i], sa->connection));
	api_set(json, "children", children);
	return json;
}

void api_answer_sas(struct http_response *res, const char *member, const struct msg_sas_part *part)
{
	json_t *json = json_object(), *list = json_array();

	for (size_t i = 0; i < part->n_entries; i++)
		json_array_append_new(list, sa_json(member, &part->entries[i]));
	api_set(json, "sas", list);
	set_spi(json, "next", part->next);
	http_response_json(res, 200, json);
}
