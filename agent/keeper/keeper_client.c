/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX       16384 /* requests beside those that the socket holds */
#define REPORTS_PER_RUN 256
#define UNANSWERED_MAX  20 /* pings, that is one second */
#define FLUSH_EACH      64 /* requests that wait */

struct keeper_client {
	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	int open_handles;
	bool is_closing; /* nothing is sent and nobody is called any more */
	bool is_waiting; /* for the socket to take more */
	struct keeper_client_events events;
	uint32_t next_id;
	unsigned int unanswered; /* pings since the keeper last said something */
	struct keeper_last_words words;
	bool are_words_waiting;
	size_t head, count, cap;
	struct keeper_request *queue; /* a ring that grows */
};

static void shut(struct keeper_client *c);

static void die(struct keeper_client *c, const char *why)
{
	if (c->is_closing)
		return;
	shut(c);
	c->events.on_death(c->events.ctx, why);
}

/* ---- sending --------------------------------------------------------------- */

/* Doubles the ring. */
static int grow(struct keeper_client *c)
{
	size_t cap = c->cap == 0 ? 64 : c->cap * 2;
	struct keeper_request *queue;

	if (cap > QUEUE_MAX)
		return ERR_LIMIT;
	queue = calloc(cap, sizeof(*queue));
	if (queue == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < c->count; i++)
		queue[i] = c->queue[(c->head + i) % c->cap];
	free(c->queue);
	c->queue = queue;
	c->head = 0;
	c->cap = cap;
	return 0;
}

/* True if the socket took it. What is wrong with the socket is seen when reading. */
static bool send_now(struct keeper_client *c, const void *message, size_t size)
{
	return send(c->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct keeper_client *c, bool is_waiting)
{
	int events = UV_READABLE | UV_DISCONNECT | (is_waiting ? UV_WRITABLE : 0);

	if (c->is_waiting == is_waiting)
		return;
	c->is_waiting = is_waiting;
	uv_poll_start(&c->poll, events, on_ready);
}

static void flush(struct keeper_client *c)
{
	if (c->are_words_waiting && send_now(c, &c->words, sizeof(c->words)))
		c->are_words_waiting = false;
	while (!c->are_words_waiting && c->count > 0 &&
	       send_now(c, &c->queue[c->head], sizeof(c->queue[0]))) {
		c->head = (c->head + 1) % c->cap;
		c->count--;
	}
	watch(c, c->are_words_waiting || c->count > 0);
}

static int request(struct keeper_client *c, struct keeper_request r)
{
	int err;

	if (c->is_closing)
		return ERR_CLOSED;
	r.version = KEEPER_MSG_VERSION;
	r.id = ++c->next_id;
	if (!c->is_waiting && send_now(c, &r, sizeof(r)))
		return 0;
	err = c->count == c->cap ? grow(c) : 0;
	if (err != 0)
		return err;
	c->queue[(c->head + c->count) % c->cap] = r;
	c->count++;
	watch(c, true);
	/*
	 * In a burst the loop does not run: the keeper has to hear us all the same, and what it has
	 * taken up makes room.
	 */
	if (c->count % FLUSH_EACH == 0)
		flush(c);
	return 0;
}

static void ping(struct keeper_client *c)
{
	struct keeper_request r = { .version = KEEPER_MSG_VERSION, .type = KEEPER_PING };

	if (++c->unanswered > UNANSWERED_MAX) {
		die(c, "the keeper has not answered for a second");
		return;
	}
	/* Requests that wait say the same, and a ping must not overtake them. */
	if (!c->is_waiting)
		send_now(c, &r, sizeof(r));
}

static void on_timer(uv_timer_t *timer)
{
	struct keeper_client *c = timer->data;

	if (!c->is_closing)
		ping(c);
}

/* ---- receiving ------------------------------------------------------------- */

static void take_report(struct keeper_client *c, const struct keeper_report *report)
{
	c->unanswered = 0;
	switch ((enum keeper_report_type)report->type) {
	case KEEPER_PONG:
		break;
	case KEEPER_ANSWER:
		c->events.on_answer(c->events.ctx, report);
		break;
	case KEEPER_ADDRESS_LOST:
		c->events.on_address_lost(c->events.ctx, report->index, report->text);
		break;
	case KEEPER_DROPPED:
		c->events.on_dropped(c->events.ctx, report->text);
		break;
	case KEEPER_CONFLICT:
		if (c->events.on_conflict != NULL)
			c->events.on_conflict(c->events.ctx, report->index, report->text,
					      report->count);
		break;
	}
}

static void read_reports(struct keeper_client *c)
{
	uint8_t datagram[sizeof(struct keeper_report) + 1];
	struct keeper_report report;

	for (size_t i = 0; i < REPORTS_PER_RUN && !c->is_closing; i++) {
		ssize_t n = recv(c->fd, datagram, sizeof(datagram), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			die(c, "the keeper has ended");
		else if (keeper_report_decode((struct bytes){ datagram, (size_t)n }, &report) != 0)
			die(c, "the keeper sends what is no report");
		else
			take_report(c, &report);
	}
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct keeper_client *c = poll->data;

	if (c->is_closing)
		return;
	if (status == 0 && (events & UV_WRITABLE) != 0)
		flush(c);
	read_reports(c);
	/* A reset, since the keeper left requests unread. */
	if (status < 0)
		die(c, "the keeper has ended");
}

/* ---- life ------------------------------------------------------------------ */

int keeper_client_new(uv_loop_t *loop, int fd, const struct keeper_client_events *events,
		      struct keeper_client **out)
{
	struct keeper_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return ERR_NO_MEMORY;
	c->fd = fd;
	c->events = *events;
	c->is_waiting = true; /* so that watch() starts */
	if (uv_poll_init(loop, &c->poll, fd) != 0) {
		free(c);
		return ERR_IO;
	}
	c->poll.data = c;
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->open_handles = 2;
	watch(c, false);
	uv_timer_start(&c->timer, on_timer, 0, KEEPER_PING_MS);
	*out = c;
	return 0;
}

static void shut(struct keeper_client *c)
{
	c->is_closing = true;
	uv_poll_stop(&c->poll);
	uv_timer_stop(&c->timer);
}

static void on_closed(uv_handle_t *handle)
{
	struct keeper_client *c = handle->data;

	if (--c->open_handles > 0)
		return;
	free(c->queue);
	free(c);
}

void keeper_client_free(struct keeper_client *client)
{
	if (client == NULL)
		return;
	shut(client);
	uv_close((uv_handle_t *)&client->poll, on_closed);
	uv_close((uv_handle_t *)&client->timer, on_closed);
	close(client->fd);
}

/* ---- requests -------------------------------------------------------------- */

/* What no configuration holds is refused by the keeper, not cut off here. */
static uint16_t to_index(size_t index)
{
	return index < UINT16_MAX ? (uint16_t)index : UINT16_MAX;
}

int keeper_client_add_address(struct keeper_client *client, size_t index, uint64_t epoch,
			      bool force)
{
	return request(client, (struct keeper_request){ .type = KEEPER_ADDRESS_ADD,
							.index = to_index(index),
							.force = force ? 1 : 0,
							.epoch = epoch });
}

int keeper_client_remove_address(struct keeper_client *client, size_t index)
{
	return request(client, (struct keeper_request){ .type = KEEPER_ADDRESS_REMOVE,
							.index = to_index(index) });
}

int keeper_client_add_route(struct keeper_client *client, size_t connection,
			    const struct ip_prefix *prefix, uint64_t arrival)
{
	return request(client, (struct keeper_request){ .type = KEEPER_ROUTE_ADD,
							.index = to_index(connection),
							.prefix = *prefix,
							.arrival = arrival });
}

int keeper_client_remove_route(struct keeper_client *client, size_t connection,
			       const struct ip_prefix *prefix, uint64_t arrival)
{
	return request(client, (struct keeper_request){ .type = KEEPER_ROUTE_REMOVE,
							.index = to_index(connection),
							.prefix = *prefix,
							.arrival = arrival });
}

int keeper_client_ask(struct keeper_client *client, size_t index, const struct ip *target,
		      uint32_t *id)
{
	int err =
	    request(client, (struct keeper_request){
				.type = KEEPER_ASK, .index = to_index(index), .target = *target });

	if (err == 0 && id != NULL)
		*id = client->next_id;
	return err;
}

int keeper_client_set_last_words(struct keeper_client *client, const struct endpoint *to,
				 struct bytes words)
{
	struct keeper_last_words w = { .version = KEEPER_MSG_VERSION,
				       .type = KEEPER_LAST_WORDS,
				       .len = (uint16_t)words.len,
				       .to = *to };

	if (words.len > sizeof(w.octets))
		return ERR_TOO_LONG;
	if (client->is_closing)
		return ERR_CLOSED;
	if (words.len > 0)
		memcpy(w.octets, words.ptr, words.len);
	client->words = w;
	client->are_words_waiting = true;
	flush(client);
	return 0;
}
