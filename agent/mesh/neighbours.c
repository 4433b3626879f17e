/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mesh/neighbours.h"

#include <stdlib.h>

struct neighbours {
	struct neighbours_events events;
	struct mesh_socket *socket;
	struct probes *probes;
	size_t n;
	struct endpoint members[MSG_MEMBERS_MAX];
};

/* ---- from the parts ---- */

static void on_notice(void *ctx, const struct mesh_msg *notice, const struct endpoint *from)
{
	struct neighbours *n = ctx;

	n->events.on_notice(n->events.ctx, notice, from);
}

static void on_answer(void *ctx, const struct mesh_msg *answer, const struct endpoint *from)
{
	struct neighbours *n = ctx;

	probes_take_answer(n->probes, answer, from);
}

static enum mesh_place on_look(void *ctx, const struct ip *ip, uint64_t *epoch)
{
	struct neighbours *n = ctx;

	return n->events.look(n->events.ctx, ip, epoch);
}

static int on_send(void *ctx, const struct mesh_msg *msg, const struct endpoint *to)
{
	struct neighbours *n = ctx;

	return mesh_socket_send(n->socket, msg, to);
}

static int on_ask(void *ctx, size_t index, const struct ip *target, uint32_t *id)
{
	struct neighbours *n = ctx;

	return n->events.ask(n->events.ctx, index, target, id);
}

static void on_done(void *ctx, uint64_t order, const struct msg_probe_result *result)
{
	struct neighbours *n = ctx;

	n->events.probed(n->events.ctx, order, result);
}

/* ---- life ---- */

int neighbours_new(uv_loop_t *loop, const struct mesh_conf *conf, const struct logger *lg,
		   const struct neighbours_events *events, struct neighbours **out,
		   struct errtext *why)
{
	struct neighbours *n = calloc(1, sizeof(*n));
	const struct mesh_events socket_events = { on_notice, on_answer, on_look, n };
	const struct probes_events probes_events = { on_send, on_ask, on_done, n };
	int err;

	errtext_set(why, "out of memory");
	if (n == NULL)
		return ERR_NO_MEMORY;
	n->events = *events;
	n->probes = probes_new(loop, &probes_events);
	err = n->probes == NULL ? ERR_NO_MEMORY
				: mesh_socket_open(loop, conf, lg, &socket_events, &n->socket, why);
	if (err != 0) {
		neighbours_close(n);
		return err;
	}
	*out = n;
	return 0;
}

void neighbours_close(struct neighbours *n)
{
	if (n == NULL)
		return;
	/* Nothing is called back from now on. */
	probes_close(n->probes);
	mesh_socket_close(n->socket);
	free(n);
}

void neighbours_identify(struct neighbours *n, uint8_t number, uint64_t boot_id)
{
	mesh_socket_identify(n->socket, number, boot_id);
	probes_identify(n->probes, number, boot_id);
}

void neighbours_set_keys(struct neighbours *n, const struct bytes *keys, size_t n_keys)
{
	mesh_socket_set_keys(n->socket, keys, n_keys);
}

void neighbours_set_members(struct neighbours *n, const char *own, const struct msg_member *members,
			    size_t n_members)
{
	n->n = 0;
	for (size_t i = 0; i < n_members && n->n < MSG_MEMBERS_MAX; i++) {
		if (members[i].mesh.ip.family != IP_NONE && strcmp(members[i].name, own) != 0)
			n->members[n->n++] = members[i].mesh;
	}
}

/* ---- notices ---- */

/* What is lost on the way is said again soon: see ownership.h. */
static void ignore(int err)
{
	(void)err;
}

void neighbours_notice(struct neighbours *n, const struct ip *ip, uint64_t epoch, const char *link,
		       const struct endpoint *to)
{
	const struct mesh_msg notice = { .type = MESH_NOTICE, .address = *ip, .epoch = epoch };

	if (to->ip.family != IP_NONE) {
		ignore(mesh_socket_send(n->socket, &notice, to));
		return;
	}
	if (link != NULL)
		ignore(mesh_socket_send_group(n->socket, &notice, link));
	for (size_t i = 0; i < n->n; i++)
		ignore(mesh_socket_send(n->socket, &notice, &n->members[i]));
}

/* ---- probes ---- */

void neighbours_probe(struct neighbours *n, uint64_t order, size_t index,
		      const struct msg_probe *probe)
{
	probes_start(n->probes, order, index, probe);
}

void neighbours_take_link(struct neighbours *n, uint32_t ask_id, enum msg_seen seen)
{
	probes_take_link(n->probes, ask_id, seen);
}

uint16_t neighbours_port(const struct neighbours *n)
{
	return mesh_socket_port(n->socket);
}

size_t neighbours_counters(const struct neighbours *n, struct msg_counter out[MESH_COUNTER_COUNT])
{
	size_t count = 0;

	for (size_t i = 0; i < MESH_COUNTER_COUNT; i++) {
		enum mesh_counter c = (enum mesh_counter)i;
		uint64_t total = mesh_socket_counter(n->socket, c);

		if (total > 0 && c != MESH_RECEIVED && c != MESH_ANSWERED && c != MESH_DROP_OWN)
			out[count++] = (struct msg_counter){ mesh_counter_name(c), total };
	}
	return count;
}
