/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testtls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct testpki *testtls_pki, *testtls_rogue_pki;
struct tls_files testtls_director, testtls_member;
const struct pki_identity testtls_d1 = { PKI_DIRECTOR, "d1" };

static const char *const protocols[] = { ALPN_CONTROL, ALPN_HTTP, NULL };

/* ---- a side ---- */

void testtls_end(struct testtls_side *side)
{
	if (side->aborts)
		tls_stream_abort(side->stream, "test aborts");
	else
		tls_stream_close(side->stream, "test closes");
}

static bool act(struct testtls_side *side, enum testtls_moment moment)
{
	if (side->moment == moment)
		testtls_end(side);
	return side->moment == moment;
}

uint8_t testtls_pattern(size_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8));
}

/* Writes as long as the kernel takes it: the rest follows on on_drain. */
static void send_more(struct testtls_side *side)
{
	uint8_t piece[5000];

	while (side->send_left > 0 && tls_stream_pending(side->stream) == 0) {
		size_t len = side->send_left < sizeof(piece) ? side->send_left : sizeof(piece);

		for (size_t i = 0; i < len; i++)
			piece[i] = testtls_pattern(side->send_at + i);
		if (tls_stream_write(side->stream, (struct bytes){ piece, len }) != 0)
			return;
		side->send_at += len;
		side->send_left -= len;
	}
}

static void on_open(struct tls_stream *s, void *ctx)
{
	struct testtls_side *side = ctx;

	side->stream = s;
	side->opened++;
	assert_int_equal(side->closed, 0);
	if (!act(side, TESTTLS_AT_OPEN))
		send_more(side);
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct testtls_side *side = ctx;

	assert_int_equal(side->opened, 1);
	assert_int_equal(side->closed, 0);
	assert_true(data.len > 0);
	for (size_t i = 0; i < data.len; i++) {
		if (side->received + i < sizeof(side->data))
			side->data[side->received + i] = data.ptr[i];
		if (side->expects_pattern && data.ptr[i] != testtls_pattern(side->received + i))
			side->is_garbled = true;
	}
	side->received += data.len;
	if (side->pauses)
		tls_stream_pause(s);
	act(side, TESTTLS_AT_DATA);
}

static void on_drain(struct tls_stream *s, void *ctx)
{
	struct testtls_side *side = ctx;

	(void)s;
	side->drained++;
	if (!act(side, TESTTLS_AT_DRAIN))
		send_more(side);
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct testtls_side *side = ctx;

	(void)s;
	side->closed++;
	side->stream = NULL;
	side->err = err;
	snprintf(side->why, sizeof(side->why), "%s", why);
}

const struct tls_stream_events testtls_events = { on_open, on_data, on_drain, on_close };

/* ---- the world ---- */

static void on_accept(struct tls_stream *s, void *ctx)
{
	struct testtls *w = ctx;

	tls_stream_set_events(s, &testtls_events, &w->accepted);
	on_open(s, &w->accepted);
}

static void on_refused(void *ctx, const struct endpoint *remote, const char *why)
{
	struct testtls *w = ctx;

	assert_int_equal(remote->ip.family, w->at.ip.family);
	w->refused++;
	snprintf(w->refused_why, sizeof(w->refused_why), "%s", why);
}

struct tls_ctx *testtls_ctx(const struct tls_files *files, const char *protocol)
{
	struct tls_ctx *ctx = NULL;
	struct errtext why = { "" };
	int err = protocol != NULL ? tls_ctx_new_client(files, protocol, &ctx, &why)
				   : tls_ctx_new_server(files, protocols, &ctx, &why);

	if (err != 0)
		fail_msg("%s", why.text);
	return ctx;
}

void testtls_init(struct testtls *w)
{
	*w = (struct testtls){ .options = { .handshake_ms = 5000 } };
	assert_int_equal(uv_loop_init(&w->loop), 0);
	w->server_tls = testtls_ctx(&testtls_director, NULL);
	w->client_tls = testtls_ctx(&testtls_member, TESTTLS_PROTOCOL);
}

void testtls_serve(struct testtls *w)
{
	static const struct endpoint any = { { IP_V4, { 127, 0, 0, 1 } }, 0 };
	struct errtext why;

	if (w->at.ip.family == IP_NONE)
		w->at = any;
	w->protocol.name = TESTTLS_PROTOCOL;
	w->protocol.on_accept = on_accept;
	w->protocol.ctx = w;
	w->options.protocols = &w->protocol;
	w->options.protocol_count = 1;
	w->options.on_refused = on_refused;
	w->options.ctx = w;
	if (tls_server_open(&w->loop, w->server_tls, &w->at, &w->options, &w->server, &why) != 0)
		fail_msg("%s", why.text);
	w->at = tls_server_local(w->server);
	assert_int_not_equal(w->at.port, 0);
}

void testtls_connect(struct testtls *w, const struct pki_identity *server,
		     const struct tls_stream_options *options)
{
	assert_int_equal(tls_stream_connect(&w->loop, w->client_tls, &w->at, server, options,
					    &testtls_events, &w->client, &w->client.stream),
			 0);
}

void testtls_until(struct testtls *w, bool (*is_done)(void *ctx))
{
	if (!testloop_run_until(&w->loop, is_done, w))
		fail_msg("not in time; client %d %zu '%s', server %d %zu '%s', refused '%s'",
			 w->client.opened, w->client.received, w->client.why, w->accepted.opened,
			 w->accepted.received, w->accepted.why, w->refused_why);
}

bool testtls_is_open(void *ctx)
{
	const struct testtls *w = ctx;

	return w->client.opened > 0 && w->accepted.opened > 0;
}

bool testtls_is_closed(void *ctx)
{
	const struct testtls *w = ctx;

	return w->client.closed > 0 && w->accepted.closed > 0;
}

bool testtls_is_client_closed(void *ctx)
{
	return ((const struct testtls *)ctx)->client.closed > 0;
}

bool testtls_is_accepted_closed(void *ctx)
{
	return ((const struct testtls *)ctx)->accepted.closed > 0;
}

bool testtls_is_refused(void *ctx)
{
	return ((const struct testtls *)ctx)->refused > 0;
}

static void on_server_closed(void *ctx)
{
	((struct testtls *)ctx)->is_server_closed = true;
}

void testtls_stop_server(struct testtls *w)
{
	if (w->server != NULL)
		tls_server_close(w->server, on_server_closed, w);
	w->server = NULL;
}

void testtls_finish(struct testtls *w)
{
	bool is_serving = w->protocol.name != NULL;

	testtls_stop_server(w);
	if (w->client.stream != NULL)
		tls_stream_close(w->client.stream, "test ends");
	assert_true(testloop_finish(&w->loop));
	assert_true(!is_serving || w->is_server_closed);
	assert_true(w->client.closed <= 1 && w->accepted.closed <= 1);
	tls_ctx_free(w->server_tls);
	tls_ctx_free(w->client_tls);
}

/* ---- certificates ---- */

int testtls_group_setup(void **state)
{
	(void)state;
	testtls_pki = testpki_new();
	testtls_rogue_pki = testpki_new();
	testtls_director = testpki_issue(testtls_pki, "d1", "waypost:director:d1");
	testtls_member = testpki_issue(testtls_pki, "m1", "waypost:member:m1");
	return 0;
}

int testtls_group_teardown(void **state)
{
	(void)state;
	testpki_free(testtls_pki);
	testpki_free(testtls_rogue_pki);
	return 0;
}
