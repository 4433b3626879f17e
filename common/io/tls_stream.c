/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_stream_impl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#define OUT_MAX     (1 << 20)
#define OPEN_MS     5000
#define KEEPALIVE_S 15
#define LINGER_MS   2000

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

void tls_stream_leave_if_finished(struct tls_stream *s)
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
	tls_stream_leave_if_finished(s);
}

static void on_timer(uv_timer_t *timer);

void tls_stream_linger(struct tls_stream *s)
{
	uv_timer_start(&s->timer, on_timer, LINGER_MS, 0);
}

void tls_stream_leave(struct tls_stream *s, int err, const char *why, enum tls_leaving how)
{
	enum tls_state old = s->state;

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
	if (tls_stream_flush(s) != 0)
		return;
	s->shutdown.data = s;
	if (uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_shutdown) != 0) {
		destroy(s);
		return;
	}
	tls_stream_linger(s);
	tls_stream_resume(s); /* to see the other side's FIN */
}

static void leave_timeout(struct tls_stream *s, const char *what, uint64_t ms)
{
	struct errtext why;

	errtext_set(&why, "%s in %llu ms", what, (unsigned long long)ms);
	tls_stream_leave(s, ERR_TIMEOUT, why.text,
			 s->state == STATE_OPEN ? LEAVE_FAREWELL : LEAVE_NOW);
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
	return tls_stream_start_reading(s);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct tls_stream *s = request->data;

	if (tls_stream_is_closing(s))
		return;
	if (status == 0)
		status = start_handshake(s);
	if (status != 0)
		tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	else
		tls_stream_pump(s); /* the client speaks first */
}

static int new_stream(uv_loop_t *loop, const struct tls_ctx *tls,
		      const struct pki_identity *expected, const struct tls_stream_options *options,
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
		       const struct pki_identity *server, const struct tls_stream_options *options,
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
		tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
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
	tls_stream_leave(s, 0, why, LEAVE_FAREWELL);
}

void tls_stream_abort(struct tls_stream *s, const char *why)
{
	tls_stream_leave(s, 0, why, LEAVE_NOW);
}

bool tls_stream_is_closing(const struct tls_stream *s)
{
	return s->state == STATE_LEAVING || s->state == STATE_GONE;
}

bool tls_stream_is_open(const struct tls_stream *s)
{
	return s->state == STATE_OPEN;
}

const struct pki_identity *tls_stream_peer(const struct tls_stream *s)
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
