/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/tun/tun.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* An IP packet is not longer, whatever the MTU was set to meanwhile. */
#define PACKET_MAX 65535

struct tun {
	uv_poll_t poll;
	int fd;
	bool is_closing;
	struct tun_events events;
	struct tun_counters counters;
	void (*closed)(void *ctx);
	uint8_t buf[PACKET_MAX];
};

/* False: nothing more to read now, or ever. */
static bool read_one(struct tun *t)
{
	ssize_t n;

	do
		n = read(t->fd, t->buf, sizeof(t->buf));
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		t->counters.packets_read++;
		t->counters.octets_read += (uint64_t)n;
		t->events.packet(t->events.ctx, (struct bytes){ t->buf, (size_t)n });
		return !t->is_closing;
	}
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
		uv_poll_stop(&t->poll);
		t->events.lost(t->events.ctx);
	}
	return false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct tun *t = poll->data;
	uint64_t before = t->counters.packets_read;

	(void)events;
	if (t->is_closing)
		return;
	if (status < 0) { /* libuv has stopped polling */
		t->events.lost(t->events.ctx);
		return;
	}
	for (size_t i = 0; i < TUN_BATCH && read_one(t); i++)
		;
	if (!t->is_closing && t->events.drained != NULL && t->counters.packets_read > before)
		t->events.drained(t->events.ctx);
}

static void on_closed(uv_handle_t *handle)
{
	struct tun *t = handle->data;

	if (t->fd >= 0)
		close(t->fd);
	if (t->closed != NULL)
		t->closed(t->events.ctx);
	free(t);
}

int tun_start(uv_loop_t *loop, int fd, const struct tun_events *events, struct tun **out)
{
	struct tun *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return ERR_NO_MEMORY;
	t->fd = fd;
	t->events = *events;
	t->poll.data = t;
	if (uv_poll_init(loop, &t->poll, fd) != 0) {
		free(t);
		return ERR_IO;
	}
	if (uv_poll_start(&t->poll, UV_READABLE, on_readable) != 0) {
		/* The handle is in the loop: it has to be closed there, but not the caller's fd. */
		t->fd = -1;
		tun_close(t, NULL);
		return ERR_IO;
	}
	*out = t;
	return 0;
}

int tun_write(struct tun *t, struct bytes packet)
{
	ssize_t n;

	do
		n = write(t->fd, packet.ptr, packet.len);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n == packet.len) {
		t->counters.packets_written++;
		t->counters.octets_written += packet.len;
		return 0;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
		t->counters.write_full++;
	else
		t->counters.write_errors++;
	return ERR_IO;
}

const struct tun_counters *tun_counters(const struct tun *t)
{
	return &t->counters;
}

void tun_close(struct tun *t, void (*closed)(void *ctx))
{
	if (t->is_closing)
		return;
	t->is_closing = true;
	t->closed = closed;
	uv_close((uv_handle_t *)&t->poll, on_closed);
}
