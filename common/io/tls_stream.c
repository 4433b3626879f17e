/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "common/base/secret.h"
#include "common/io/tls_engine.h"

/*
 * DOC: CONNECTING -> HANDSHAKE -> OPEN -> LEAVING -> GONE
 *
 * leave() is the way out of every state, taken once: it keeps the reason. In LEAVING what waits is
 * sent, then FIN, and what still comes is thrown away until the other side has closed too: a socket
 * closed with unread input sends a reset, which would destroy an alert or the last answer on its
 * way. GONE has closed the handles; the last close callback frees. One timer serves all states.
 */

#define OUT_MAX     (1 << 20)
#define OPEN_MS     5000
#define KEEPALIVE_S 15
#define LINGER_MS   1000
#define CHUNK_SIZE  16384 /* a TLS record (RFC 8446, 5.1) */

enum state {
	STATE_CONNECTING,
	STATE_HANDSHAKE,
	STATE_OPEN,
	STATE_LEAVING,
	STATE_GONE,
};

struct tls_stream {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_connect_t connect;
	uv_shutdown_t shutdown;
	struct tls_engine tls;
	const struct tls_stream_events *events;
	void *ctx;
	void (*on_gone)(void *ctx);
	void *gone_ctx;
	struct tls_stream_options options;
	struct endpoint remote, local;
	enum state state;
	size_t pending; /* octets in uv_write requests */
	unsigned handles;
	bool is_paused;
	bool is_pumping; /* pump() is on the stack */
	bool has_sent_fin, has_seen_fin;
	int err; /* for on_close, with why */
	struct errtext why;
	uint8_t input[CHUNK_SIZE];
};

/* A piece of output that the kernel did not take at once. */
struct output {
	uv_write_t request;
	size_t len;
	uint8_t data[];
};

static void pump(struct tls_stream *s);
static int flush(struct tls_stream *s);

/* ---- the way out ---- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct tls_stream *s = handle->data;

	s->handles--;
	if (s->handles > 0)
		return;
	if (s->events->on_close != NULL)
		s->events->on_close(s, s->err, s->why.text, s->ctx);
	if (s->on_gone != NULL)
		s->on_gone(s->gone_ctx);
	tls_engine_free(&s->tls);
	free(s);
}

static void destroy(struct tls_stream *s)
{
	if (s->state == STATE_GONE)
		return;
	s->state = STATE_GONE;
	uv_close((uv_handle_t *)&s->timer, on_handle_closed);
	uv_close((uv_handle_t *)&s->tcp, on_handle_closed);
}

static void destroy_if_finished(struct tls_stream *s)
{
	if (s->has_sent_fin && s->has_seen_fin)
		destroy(s);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
	struct tls_stream *s = request->data;

	if (status != 0) {
		destroy(s);
		return;
	}
	s->has_sent_fin = true;
	destroy_if_finished(s);
}

static void on_timer(uv_timer_t *timer);

/* How a stream leaves. */
enum leaving {
	LEAVE_NOW,      /* the socket is of no more use */
	LEAVE_FLUSHED,  /* send what TLS has to say: an alert, or nothing */
	LEAVE_FAREWELL, /* send what waits, and close_notify */
};

static void leave(struct tls_stream *s, int err, const char *why, enum leaving how)
{
	enum state old = s->state;

	if (tls_stream_is_closing(s)) {
		if (how == LEAVE_NOW)
			destroy(s);
		return;
	}
	s->err = err;
	errtext_set(&s->why, "%s", why);
	s->state = STATE_LEAVING;
	if (how == LEAVE_NOW || old == STATE_CONNECTING) {
		destroy(s);
		return;
	}
	if (how == LEAVE_FAREWELL && old == STATE_OPEN)
		tls_engine_shutdown(&s->tls);
	if (flush(s) != 0)
		return;
	s->shutdown.data = s;
	if (uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_shutdown) != 0 ||
	    uv_timer_start(&s->timer, on_timer, LINGER_MS, 0) != 0) {
		destroy(s);
		return;
	}
	tls_stream_resume(s); /* to see the other side's FIN */
}

static void leave_timeout(struct tls_stream *s, const char *what, uint64_t ms)
{
	struct errtext why;

	errtext_set(&why, "%s in %llu ms", what, (unsigned long long)ms);
	leave(s, ERR_TIMEOUT, why.text, s->state == STATE_OPEN ? LEAVE_FAREWELL : LEAVE_NOW);
}

static void on_timer(uv_timer_t *timer)
{
	struct tls_stream *s = timer->data;

	switch (s->state) {
	case STATE_CONNECTING:
		leave_timeout(s, "no connection", s->options.open_ms);
		break;
	case STATE_HANDSHAKE:
		leave_timeout(s, "no complete TLS handshake", s->options.open_ms);
		break;
	case STATE_OPEN:
		leave_timeout(s, "nothing heard or sent", s->options.idle_ms);
		break;
	case STATE_LEAVING:
	case STATE_GONE:
		destroy(s);
		break;
	}
}

/* ---- output ---- */

static void on_written(uv_write_t *request, int status)
{
	struct output *output = (struct output *)request;
	struct tls_stream *s = request->data;

	s->pending -= output->len;
	free(output);
	if (status == UV_ECANCELED)
		return;
	if (status < 0) {
		leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
		return;
	}
	if (s->state != STATE_OPEN)
		return;
	if (s->options.idle_ms > 0)
		uv_timer_again(&s->timer);
	if (s->pending == 0 && s->events->on_drain != NULL)
		s->events->on_drain(s, s->ctx);
}

static int queue_output(struct tls_stream *s, struct bytes rest)
{
	struct output *output;
	uv_buf_t buf;
	int status = UV_ENOMEM;

	if (rest.len > s->options.out_max || s->pending > s->options.out_max - rest.len) {
		leave(s, ERR_LIMIT, "the other side reads too slowly", LEAVE_NOW);
		return ERR_LIMIT;
	}
	output = malloc(sizeof(*output) + rest.len);
	if (output != NULL) {
		output->len = rest.len;
		output->request.data = s;
		memcpy(output->data, rest.ptr, rest.len);
		buf = uv_buf_init((char *)output->data, (unsigned int)rest.len);
		status = uv_write(&output->request, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
	}
	if (status != 0) {
		free(output);
		leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
		return ERR_CLOSED;
	}
	s->pending += rest.len;
	return 0;
}

/* To the kernel, or behind what waits for it. */
static int send_octets(struct tls_stream *s, struct bytes data)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data.ptr, (unsigned int)data.len);
	int sent = s->pending > 0 ? UV_EAGAIN : uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);

	if (sent == UV_EAGAIN)
		sent = 0;
	if (sent < 0) {
		leave(s, ERR_IO, uv_strerror(sent), LEAVE_NOW);
		return ERR_CLOSED;
	}
	data.ptr += sent;
	data.len -= (size_t)sent;
	return data.len > 0 ? queue_output(s, data) : 0;
}

/* Sends what TLS has for the network. If that fails, the stream is gone when it returns. */
static int flush(struct tls_stream *s)
{
	uint8_t chunk[CHUNK_SIZE];
	size_t len;
	int err = 0;

	while (err == 0 && (len = tls_engine_take(&s->tls, chunk, sizeof(chunk))) > 0)
		err = send_octets(s, (struct bytes){ chunk, len });
	return err;
}

int tls_stream_write(struct tls_stream *s, struct bytes data)
{
	if (tls_stream_is_closing(s))
		return ERR_CLOSED;
	if (s->state != STATE_OPEN)
		return ERR_BAD_STATE;
	if (tls_engine_write(&s->tls, data) != 0) {
		leave(s, ERR_CRYPTO, "TLS cannot encrypt", LEAVE_NOW);
		return ERR_CLOSED;
	}
	if (s->options.idle_ms > 0)
		uv_timer_again(&s->timer);
	return flush(s);
}

/* ---- input ---- */

static void handshake(struct tls_stream *s)
{
	enum tls_progress progress = tls_engine_handshake(&s->tls);

	if (progress == TLS_FAILED) {
		leave(s, s->tls.err, s->tls.why.text, LEAVE_FLUSHED);
		return;
	}
	if (flush(s) != 0 || progress != TLS_DONE)
		return;
	s->state = STATE_OPEN;
	tls_stream_set_idle(s, s->options.idle_ms);
	if (s->events->on_open != NULL)
		s->events->on_open(s, s->ctx);
}

static void read_records(struct tls_stream *s)
{
	uint8_t data[CHUNK_SIZE];
	enum tls_progress progress = TLS_DONE;
	size_t len, used = 0;

	while (s->state == STATE_OPEN && !s->is_paused && progress == TLS_DONE) {
		progress = tls_engine_read(&s->tls, data, sizeof(data), &len);
		if (progress != TLS_DONE)
			break;
		used = len > used ? len : used;
		if (s->events->on_data != NULL)
			s->events->on_data(s, (struct bytes){ data, len }, s->ctx);
	}
	wipe(data, used); /* keys come this way too */
	if (s->state != STATE_OPEN)
		return;
	if (progress == TLS_ENDED)
		leave(s, ERR_CLOSED, "closed by the other side", LEAVE_FAREWELL);
	else if (progress == TLS_FAILED)
		leave(s, s->tls.err, s->tls.why.text, LEAVE_FLUSHED);
	else
		(void)flush(s); /* what TLS answers by itself, such as a key update */
}

/* Takes the engine as far as its input goes. Not entered again from its own callbacks. */
static void pump(struct tls_stream *s)
{
	if (s->is_pumping)
		return;
	s->is_pumping = true;
	if (s->state == STATE_HANDSHAKE)
		handshake(s);
	if (s->state == STATE_OPEN)
		read_records(s);
	s->is_pumping = false;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct tls_stream *s = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)s->input, sizeof(s->input));
}

static void on_read_end(struct tls_stream *s, int status)
{
	if (tls_stream_is_closing(s)) {
		uv_read_stop((uv_stream_t *)&s->tcp);
		s->has_seen_fin = true;
		if (status == UV_EOF)
			destroy_if_finished(s);
		else
			destroy(s);
	} else if (status != UV_EOF) {
		leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	} else if (s->state == STATE_HANDSHAKE) {
		leave(s, ERR_IO, "ended by the other side during the TLS handshake", LEAVE_NOW);
	} else {
		leave(s, ERR_IO, "cut off without close_notify", LEAVE_NOW);
	}
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct tls_stream *s = stream->data;

	if (len < 0)
		on_read_end(s, (int)len);
	if (len <= 0 || tls_stream_is_closing(s))
		return;
	if (tls_engine_put(&s->tls, (struct bytes){ (uint8_t *)buf->base, (size_t)len }) != 0) {
		leave(s, ERR_NO_MEMORY, "out of memory", LEAVE_NOW);
		return;
	}
	if (s->state == STATE_OPEN && s->options.idle_ms > 0)
		uv_timer_again(&s->timer);
	pump(s);
}

void tls_stream_pause(struct tls_stream *s)
{
	if (tls_stream_is_closing(s) || s->is_paused)
		return;
	s->is_paused = true;
	uv_read_stop((uv_stream_t *)&s->tcp);
}

void tls_stream_resume(struct tls_stream *s)
{
	int status;

	if (!s->is_paused || s->state == STATE_GONE)
		return;
	s->is_paused = false;
	status = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
	if (status != 0)
		leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	else
		pump(s);
}

/* ---- making ---- */

static void learn_endpoints(struct tls_stream *s)
{
	struct sockaddr_storage sa;
	int len = sizeof(sa);

	if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&sa, &len) != 0 ||
	    endpoint_from_sockaddr(&sa, &s->remote) != 0)
		s->remote = (struct endpoint){ .port = 0 };
	len = sizeof(sa);
	if (uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&sa, &len) != 0 ||
	    endpoint_from_sockaddr(&sa, &s->local) != 0)
		s->local = (struct endpoint){ .port = 0 };
}

/*
 * A dead other side is noticed after twice the silence, with or without output on its way (the
 * user timeout, RFC 5482). Failure to set an option is no reason to give up a connection.
 */
static void tune_socket(struct tls_stream *s)
{
	unsigned int user_timeout_ms = s->options.keepalive_s * 2000;
	int interval = (int)s->options.keepalive_s / 3 + 1, probes = 3, fd;

	uv_tcp_nodelay(&s->tcp, 1);
	uv_tcp_keepalive(&s->tcp, 1, s->options.keepalive_s);
	if (uv_fileno((const uv_handle_t *)&s->tcp, &fd) != 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
			 sizeof(user_timeout_ms));
}

/* The TCP connection stands: begin the handshake. */
static int start_handshake(struct tls_stream *s)
{
	s->state = STATE_HANDSHAKE;
	learn_endpoints(s);
	tune_socket(s);
	return uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct tls_stream *s = request->data;

	if (tls_stream_is_closing(s))
		return;
	if (status == 0)
		status = start_handshake(s);
	if (status != 0)
		leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	else
		pump(s); /* the client speaks first */
}

static int new_stream(uv_loop_t *loop, const struct tls_ctx *tls,
		      const struct peer_identity *expected,
		      const struct tls_stream_options *options,
		      const struct tls_stream_events *events, void *ctx, struct tls_stream **out)
{
	struct tls_stream *s = calloc(1, sizeof(*s));

	if (s == NULL || tls_engine_init(&s->tls, tls, expected) != 0) {
		free(s);
		return ERR_NO_MEMORY;
	}
	s->events = events;
	s->ctx = ctx;
	if (options != NULL)
		s->options = *options;
	if (s->options.out_max == 0)
		s->options.out_max = OUT_MAX;
	if (s->options.open_ms == 0)
		s->options.open_ms = OPEN_MS;
	if (s->options.keepalive_s == 0)
		s->options.keepalive_s = KEEPALIVE_S;
	/* Neither can fail on Linux without address family. */
	(void)uv_tcp_init(loop, &s->tcp);
	(void)uv_timer_init(loop, &s->timer);
	s->tcp.data = s->timer.data = s;
	s->handles = 2;
	uv_update_time(loop);
	(void)uv_timer_start(&s->timer, on_timer, s->options.open_ms, 0);
	*out = s;
	return 0;
}

int tls_stream_connect(uv_loop_t *loop, const struct tls_ctx *tls, const struct endpoint *remote,
		       const struct peer_identity *server, const struct tls_stream_options *options,
		       const struct tls_stream_events *events, void *ctx, struct tls_stream **out)
{
	struct sockaddr_storage sa;
	struct tls_stream *s;
	int status, err = new_stream(loop, tls, server, options, events, ctx, &s);

	if (err != 0)
		return err;
	s->remote = *remote;
	s->connect.data = s;
	endpoint_to_sockaddr(remote, &sa);
	status = uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&sa, on_connected);
	if (status != 0)
		leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	*out = s;
	return 0;
}

static void on_rejected(uv_handle_t *handle)
{
	struct tls_stream *s = handle->data;

	s->handles--;
	if (s->handles > 0)
		return;
	tls_engine_free(&s->tls);
	free(s);
}

int tls_stream_accept(uv_stream_t *listener, const struct tls_ctx *tls,
		      const struct tls_stream_options *options,
		      const struct tls_stream_events *events, void (*on_gone)(void *ctx), void *ctx,
		      struct tls_stream **out)
{
	struct tls_stream *s;
	int err = new_stream(listener->loop, tls, NULL, options, events, ctx, &s);

	if (err != 0)
		return err;
	if (uv_accept(listener, (uv_stream_t *)&s->tcp) != 0 || start_handshake(s) != 0) {
		uv_close((uv_handle_t *)&s->timer, on_rejected);
		uv_close((uv_handle_t *)&s->tcp, on_rejected);
		return ERR_IO;
	}
	s->on_gone = on_gone;
	s->gone_ctx = ctx;
	*out = s;
	return 0;
}

/* ---- the rest ---- */

void tls_stream_set_events(struct tls_stream *s, const struct tls_stream_events *events, void *ctx)
{
	s->events = events;
	s->ctx = ctx;
}

void tls_stream_set_out_max(struct tls_stream *s, size_t out_max)
{
	s->options.out_max = out_max;
}

void tls_stream_set_idle(struct tls_stream *s, uint64_t idle_ms)
{
	s->options.idle_ms = idle_ms;
	if (s->state != STATE_OPEN)
		return;
	if (idle_ms > 0)
		(void)uv_timer_start(&s->timer, on_timer, idle_ms, idle_ms);
	else
		(void)uv_timer_stop(&s->timer);
}

size_t tls_stream_pending(const struct tls_stream *s)
{
	return s->pending;
}

void tls_stream_close(struct tls_stream *s, const char *why)
{
	leave(s, 0, why, LEAVE_FAREWELL);
}

void tls_stream_abort(struct tls_stream *s, const char *why)
{
	leave(s, 0, why, LEAVE_NOW);
}

bool tls_stream_is_closing(const struct tls_stream *s)
{
	return s->state == STATE_LEAVING || s->state == STATE_GONE;
}

bool tls_stream_is_open(const struct tls_stream *s)
{
	return s->state == STATE_OPEN;
}

const struct peer_identity *tls_stream_peer(const struct tls_stream *s)
{
	return &s->tls.verdict.peer;
}

bool tls_stream_is_protocol(const struct tls_stream *s, const char *name)
{
	struct bytes want = { (const uint8_t *)name, strlen(name) };

	return bytes_is_equal(tls_engine_protocol(&s->tls), want);
}

struct endpoint tls_stream_remote(const struct tls_stream *s)
{
	return s->remote;
}

struct endpoint tls_stream_local(const struct tls_stream *s)
{
	return s->local;
}

int tls_stream_export(struct tls_stream *s, const char *label, struct bytes context, uint8_t *out,
		      size_t len)
{
	if (s->state != STATE_OPEN)
		return ERR_BAD_STATE;
	return tls_engine_export(&s->tls, label, context, out, len);
}
