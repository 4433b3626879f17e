/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/ikev2/const.h"
#include "common/io/udp.h"

#define MARKER_SIZE 4
#define PORTS       2
#define PACKET_MAX  65536

struct transport {
	struct transport_events events;
	struct ip source;
	struct udp *sockets[PORTS]; /* to 500, to 4500 */
	bool is_corked;
	uint8_t outer[PACKET_MAX]; /* a marked message on its way */
};

struct ip transport_source(const struct transport *t)
{
	return t->source;
}

struct path transport_path(const struct transport *t, const struct ip *gateway)
{
	return (struct path){ { t->source, IKE_PORT }, { *gateway, IKE_PORT } };
}

/* ---- in ---- */

static void on_500(void *ctx, const struct endpoint *remote, const struct endpoint *local,
		   struct bytes data)
{
	struct transport *t = ctx;
	struct path path = { { t->source, IKE_PORT }, *remote };

	(void)local;
	t->events.ike(t->events.ctx, &path, data);
}

/* Four zero octets are IKE, one octet 0xff is a keepalive, all else is ESP (RFC 3948). */
static void on_4500(void *ctx, const struct endpoint *remote, const struct endpoint *local,
		    struct bytes data)
{
	static const uint8_t marker[MARKER_SIZE];
	struct transport *t = ctx;
	struct path path = { { t->source, IKE_NATT_PORT }, *remote };

	(void)local;
	if (data.len < MARKER_SIZE)
		return;
	if (memcmp(data.ptr, marker, MARKER_SIZE) == 0)
		t->events.ike(t->events.ctx, &path,
			      (struct bytes){ data.ptr + MARKER_SIZE, data.len - MARKER_SIZE });
	else
		t->events.esp(t->events.ctx, remote, data);
}

/* ---- out ---- */

static struct udp *socket_of(struct transport *t, const struct path *path)
{
	return path->remote.ip.family == t->source.family
		   ? t->sockets[path->local.port == IKE_NATT_PORT]
		   : NULL;
}

void transport_send_ike(struct transport *t, const struct path *path, struct bytes message)
{
	struct udp *u = socket_of(t, path);

	if (u == NULL || message.len + MARKER_SIZE > sizeof(t->outer))
		return;
	if (path->local.port == IKE_NATT_PORT) {
		memset(t->outer, 0, MARKER_SIZE);
		memcpy(t->outer + MARKER_SIZE, message.ptr, message.len);
		message = (struct bytes){ t->outer, MARKER_SIZE + message.len };
	}
	udp_send(u, NULL, &path->remote, message);
}

/* RFC 3948, 2.3. */
void transport_send_keepalive(struct transport *t, const struct path *path)
{
	static const uint8_t octet = 0xff;
	struct udp *u = socket_of(t, path);

	if (u != NULL)
		udp_send(u, NULL, &path->remote, (struct bytes){ &octet, 1 });
}

void transport_send_esp(struct transport *t, const struct endpoint *remote, struct bytes packet)
{
	udp_send(t->sockets[1], NULL, remote, packet);
}

void transport_cork(struct transport *t, bool is_on)
{
	if (t->is_corked == is_on)
		return;
	t->is_corked = is_on;
	if (is_on)
		udp_cork(t->sockets[1]);
	else
		udp_uncork(t->sockets[1]);
}

/* ---- opening ---- */

/* The address that the kernel sends from: that of a connected socket. Nothing is sent. */
static int find_source(const struct ip *gateway, struct ip *out, struct errtext *why)
{
	struct endpoint to = { *gateway, IKE_PORT }, from;
	struct sockaddr_storage addr;
	socklen_t len = endpoint_to_sockaddr(&to, &addr);
	int fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[IP_TEXT_MAX];
	bool is_found = fd >= 0 && connect(fd, (struct sockaddr *)&addr, len) == 0;

	len = sizeof(addr);
	is_found = is_found && getsockname(fd, (struct sockaddr *)&addr, &len) == 0 &&
		   endpoint_from_sockaddr(&addr, &from) == 0;
	if (!is_found)
		errtext_set(why, "no way to %s: %s", ip_format(gateway, text), strerror(errno));
	if (fd >= 0)
		close(fd);
	if (is_found)
		*out = from.ip;
	return is_found ? 0 : ERR_IO;
}

int transport_open(uv_loop_t *loop, const struct ip *gateway, const struct ip *source,
		   const struct transport_events *events, struct transport **out,
		   struct errtext *why)
{
	static const udp_receive_fn receivers[PORTS] = { on_500, on_4500 };
	const struct udp_options options = { .rcvbuf = 1 << 20 };
	struct transport *t = calloc(1, sizeof(*t));
	struct endpoint local = { .ip.family = gateway->family };
	int err = 0;

	errtext_set(why, "out of memory");
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->events = *events;
	t->source = *source;
	if (source->family == IP_NONE)
		err = find_source(gateway, &t->source, why);
	else
		local.ip = *source;
	for (size_t i = 0; err == 0 && i < PORTS; i++)
		err = udp_open(loop, &local, &options, receivers[i], t, &t->sockets[i], why);
	if (err != 0) {
		transport_close(t);
		return err;
	}
	*out = t;
	return 0;
}

void transport_close(struct transport *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < PORTS; i++)
		udp_close(t->sockets[i]);
	free(t);
}
