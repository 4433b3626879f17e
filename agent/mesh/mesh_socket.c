/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mesh/mesh_socket.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/mesh/groups.h"
#include "common/base/secret.h"
#include "common/io/udp.h"

#define DATAGRAM_MAX (2 * MESH_SIZE) /* so that what is too long is seen to be */
#define LINKS_MS     1000            /* between looks at which links there are */

struct mesh_socket {
	uv_loop_t *loop;
	const struct logger *lg;
	struct mesh_events events;
	struct endpoint listen;
	bool is_one_address; /* listen is no wildcard */
	struct udp *v4, *v6; /* NULL: none */
	uv_timer_t timer;
	bool is_closing;
	uint8_t number; /* 0: not known yet */
	uint64_t boot_id;
	size_t n_keys;
	uint8_t keys[MESH_KEYS_MAX][KEY_MAX];
	size_t key_len[MESH_KEYS_MAX];
	size_t n_links;
	struct group_link links[KEEPER_ADDRESSES_MAX];
	uint64_t counters[MESH_COUNTER_COUNT];
};

const char *mesh_counter_name(enum mesh_counter counter)
{
#define COUNTER_NAME(name, text) text,
	static const char *const names[] = { MESH_COUNTERS(COUNTER_NAME) };
#undef COUNTER_NAME

	return counter < MESH_COUNTER_COUNT ? names[counter] : "?";
}

uint64_t mesh_socket_counter(const struct mesh_socket *m, enum mesh_counter counter)
{
	return m->counters[counter];
}

uint16_t mesh_socket_port(const struct mesh_socket *m)
{
	return udp_local(m->v4).port;
}

/* ---- sending ---- */

static int seal(const struct mesh_socket *m, const struct mesh_msg *msg, uint8_t out[MESH_SIZE])
{
	struct mesh_msg full = *msg;

	if (m->number == 0 || m->n_keys == 0)
		return ERR_BAD_STATE;
	full.number = m->number;
	full.boot_id = m->boot_id;
	return mesh_encode(&full, (struct bytes){ m->keys[0], m->key_len[0] }, out);
}

static int send_from(struct mesh_socket *m, const struct mesh_msg *msg, const struct ip *from,
		     const struct endpoint *to)
{
	struct udp *u = to->ip.family == IP_V6 ? m->v6 : m->v4;
	uint8_t datagram[MESH_SIZE];
	uint64_t lost;
	int err = seal(m, msg, datagram);

	if (err != 0)
		return err;
	if (u == NULL)
		return ERR_IO;
	lost = udp_counters(u)->dropped_error;
	udp_send(u, from, to, (struct bytes){ datagram, sizeof(datagram) });
	return udp_counters(u)->dropped_error == lost ? 0 : ERR_IO;
}

int mesh_socket_send(struct mesh_socket *m, const struct mesh_msg *msg, const struct endpoint *to)
{
	return send_from(m, msg, NULL, to);
}

int mesh_socket_send_group(struct mesh_socket *m, const struct mesh_msg *msg, const char *link)
{
	const struct udp *u = msg->address.family == IP_V6 ? m->v6 : m->v4;
	uint8_t datagram[MESH_SIZE];
	int err = seal(m, msg, datagram);

	for (size_t i = 0; err == 0 && i < m->n_links; i++) {
		if (strcmp(m->links[i].name, link) != 0)
			continue;
		if (u == NULL || m->links[i].ifindex == 0)
			return ERR_IO;
		return groups_send(udp_descriptor(u), (enum ip_family)msg->address.family,
				   m->links[i].ifindex,
				   (struct bytes){ datagram, sizeof(datagram) });
	}
	return err != 0 ? err : ERR_IO;
}

/* ---- receiving ---- */

/* Whether others may use this address of ours; not of service addresses. */
static bool is_own_endpoint(const struct mesh_socket *m, const struct ip *local)
{
	return !groups_is_multicast(local) &&
	       (!m->is_one_address || ip_is_equal(local, &m->listen.ip));
}

static void take_probe(struct mesh_socket *m, const struct mesh_msg *probe,
		       const struct endpoint *from, const struct ip *local)
{
	struct mesh_msg answer = *probe;
	uint64_t ignored;
	bool is_held = m->events.look(m->events.ctx, &probe->address, &answer.epoch) == MESH_HELD;
	bool is_ours = m->events.look(m->events.ctx, local, &ignored) == MESH_NO_SERVICE
			   ? is_own_endpoint(m, local)
			   : is_held && ip_is_equal(local, &probe->address);

	if (!is_ours) {
		m->counters[MESH_DROP_ADDRESS]++;
		return;
	}
	answer.type = MESH_ANSWER;
	if (!is_held)
		answer.epoch = 0;
	if (send_from(m, &answer, local, from) == 0)
		m->counters[MESH_ANSWERED]++;
}

static void take(struct mesh_socket *m, const struct mesh_msg *msg, const struct endpoint *from,
		 const struct ip *local)
{
	/* What was sent to a group comes back. */
	if (msg->number == m->number) {
		m->counters[MESH_DROP_OWN]++;
		return;
	}
	switch (msg->type) {
	case MESH_PROBE:
		take_probe(m, msg, from, local);
		break;
	case MESH_ANSWER:
		m->events.on_answer(m->events.ctx, msg, from);
		break;
	case MESH_NOTICE:
		m->events.on_notice(m->events.ctx, msg, from);
		break;
	}
}

static void on_datagram(void *ctx, const struct endpoint *remote, const struct endpoint *local,
			struct bytes data)
{
	struct mesh_socket *m = ctx;
	struct bytes keys[MESH_KEYS_MAX];
	struct mesh_msg msg;
	int err;

	m->counters[MESH_RECEIVED]++;
	if (m->number == 0 || m->n_keys == 0) {
		m->counters[MESH_DROP_NO_KEY]++;
		return;
	}
	for (size_t i = 0; i < m->n_keys; i++)
		keys[i] = (struct bytes){ m->keys[i], m->key_len[i] };
	err = mesh_decode(data, keys, m->n_keys, &msg);
	if (err != 0)
		m->counters[err == ERR_AUTH ? MESH_DROP_AUTH : MESH_DROP_FORM]++;
	else
		take(m, &msg, remote, &local->ip);
}

/* ---- life ---- */

static void join(struct mesh_socket *m)
{
	groups_join(m->links, m->n_links, m->v4 != NULL ? udp_descriptor(m->v4) : -1,
		    m->v6 != NULL ? udp_descriptor(m->v6) : -1);
}

static void on_timer(uv_timer_t *timer)
{
	join(timer->data);
}

static int open_sockets(struct mesh_socket *m, struct errtext *why)
{
	const struct udp_options options = { .pktinfo = true, .datagram_max = DATAGRAM_MAX };
	struct endpoint v4 = { { .family = IP_V4 }, m->listen.port };
	struct endpoint v6 = { { .family = IP_V6 }, m->listen.port };
	struct errtext why_v6;
	int err = udp_open(m->loop, &v4, &options, on_datagram, m, &m->v4, why);

	if (err != 0)
		return err;
	err = udp_open(m->loop, &v6, &options, on_datagram, m, &m->v6, &why_v6);
	if (err == ERR_IO && errno == EAFNOSUPPORT) {
		log_info(m->lg, LG_CONTROL, "mesh: without IPv6: %s", why_v6.text);
		return 0;
	}
	if (err != 0)
		*why = why_v6;
	return err;
}

int mesh_socket_open(uv_loop_t *loop, const struct mesh_conf *conf, const struct logger *lg,
		     const struct mesh_events *events, struct mesh_socket **out,
		     struct errtext *why)
{
	struct mesh_socket *m = calloc(1, sizeof(*m));
	int err;

	errtext_set(why, "out of memory");
	if (m == NULL)
		return ERR_NO_MEMORY;
	m->loop = loop;
	m->lg = lg;
	m->events = *events;
	m->listen = conf->listen;
	for (size_t i = 0; i < ip_size(&m->listen.ip); i++)
		m->is_one_address = m->is_one_address || m->listen.ip.octets[i] != 0;
	for (; m->n_links < conf->n_links; m->n_links++)
		memcpy(m->links[m->n_links].name, conf->links[m->n_links], IFNAMSIZ);
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	err = open_sockets(m, why);
	if (err != 0) {
		mesh_socket_close(m);
		return err;
	}
	join(m);
	if (m->n_links > 0)
		uv_timer_start(&m->timer, on_timer, LINKS_MS, LINKS_MS);
	*out = m;
	return 0;
}

void mesh_socket_identify(struct mesh_socket *m, uint8_t number, uint64_t boot_id)
{
	m->number = number;
	m->boot_id = boot_id;
}

void mesh_socket_set_keys(struct mesh_socket *m, const struct bytes *keys, size_t n)
{
	wipe(m->keys, sizeof(m->keys));
	m->n_keys = 0;
	for (size_t i = 0; i < n && m->n_keys < MESH_KEYS_MAX; i++) {
		if (keys[i].len < MESH_KEY_MIN || keys[i].len > KEY_MAX)
			continue;
		memcpy(m->keys[m->n_keys], keys[i].ptr, keys[i].len);
		m->key_len[m->n_keys++] = keys[i].len;
	}
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void mesh_socket_close(struct mesh_socket *m)
{
	if (m == NULL || m->is_closing)
		return;
	m->is_closing = true;
	wipe(m->keys, sizeof(m->keys));
	m->n_keys = 0;
	udp_close(m->v4);
	udp_close(m->v6);
	uv_close((uv_handle_t *)&m->timer, on_closed);
}
