/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/io/tls_server.h"
#include "common/io/tls_stream.h"
#include "tests/lib/testloop.h"
#include "tests/lib/testpki.h"

/*
 * Client and server streams in one process and one loop, over loopback. Every test ends by closing
 * the loop, which fails if a handle was left over; leaks are for the sanitizer.
 */

#define HOUR_S   3600
#define PROTOCOL "waypost/1"

static const char *const protocols[] = { PROTOCOL, "http/1.1", NULL };
static const struct peer_identity d1 = { PEER_DIRECTOR, "d1" };

/* Where a side does something by itself. */
enum moment {
	NEVER,
	AT_OPEN,
	AT_DATA,
	AT_DRAIN,
};

enum action {
	CLOSE,
	ABORT,
};

/* One end, and all that happened to it. */
struct side {
	struct tls_stream *stream;
	enum moment moment;
	enum action action;
	int opened, drained, closed;
	size_t received;
	uint8_t data[64]; /* the first octets received */
	int err;
	char why[ERRTEXT_MAX];
	size_t send_left, send_at; /* a long transfer: octets that remain, and their offset */
	bool is_garbled;           /* an octet of a long transfer was not as expected */
	bool is_long;
	bool pauses; /* on the first data */
};

struct world {
	uv_loop_t loop;
	struct tls_ctx *server_tls, *client_tls;
	struct tls_server *server;
	struct endpoint at;
	struct side client, accepted;
	struct tls_server_options options;
	int refused;
	char refused_why[ERRTEXT_MAX];
	bool is_server_closed;
};

static struct testpki *pki, *rogue_pki;
static struct tls_files director_files, member_files;

/* ---- a side ---- */

static bool act(struct side *side, enum moment moment)
{
	if (side->moment != moment)
		return false;
	if (side->action == CLOSE)
		tls_stream_close(side->stream, "test closes");
	else
		tls_stream_abort(side->stream, "test aborts");
	return true;
}

static uint8_t pattern(size_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8));
}

/* Writes as long as the kernel takes it: the rest follows on on_drain. */
static void send_more(struct side *side)
{
	uint8_t piece[5000];

	while (side->send_left > 0 && tls_stream_pending(side->stream) == 0) {
		size_t len = side->send_left < sizeof(piece) ? side->send_left : sizeof(piece);

		for (size_t i = 0; i < len; i++)
			piece[i] = pattern(side->send_at + i);
		if (tls_stream_write(side->stream, (struct bytes){ piece, len }) != 0)
			return;
		side->send_at += len;
		side->send_left -= len;
	}
}

static void on_open(struct tls_stream *s, void *ctx)
{
	struct side *side = ctx;

	side->stream = s;
	side->opened++;
	assert_int_equal(side->closed, 0);
	if (!act(side, AT_OPEN))
		send_more(side);
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct side *side = ctx;

	assert_int_equal(side->opened, 1);
	assert_int_equal(side->closed, 0);
	assert_true(data.len > 0);
	for (size_t i = 0; i < data.len; i++) {
		if (side->received + i < sizeof(side->data))
			side->data[side->received + i] = data.ptr[i];
		if (side->is_long && data.ptr[i] != pattern(side->received + i))
			side->is_garbled = true;
	}
	side->received += data.len;
	if (side->pauses)
		tls_stream_pause(s);
	act(side, AT_DATA);
}

static void on_drain(struct tls_stream *s, void *ctx)
{
	struct side *side = ctx;

	(void)s;
	side->drained++;
	if (!act(side, AT_DRAIN))
		send_more(side);
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct side *side = ctx;

	(void)s;
	side->closed++;
	side->stream = NULL;
	side->err = err;
	snprintf(side->why, sizeof(side->why), "%s", why);
}

static const struct tls_stream_events events = { on_open, on_data, on_drain, on_close };

/* ---- the world ---- */

static void on_accept(struct tls_stream *s, void *ctx)
{
	struct world *w = ctx;

	tls_stream_set_events(s, &events, &w->accepted);
	on_open(s, &w->accepted);
}

static void on_refused(void *ctx, const struct endpoint *remote, const char *why)
{
	struct world *w = ctx;

	assert_int_equal(remote->ip.family, IP_V4);
	w->refused++;
	snprintf(w->refused_why, sizeof(w->refused_why), "%s", why);
}

static struct tls_ctx *new_ctx(const struct tls_files *files, const char *protocol)
{
	struct tls_ctx *ctx = NULL;
	struct errtext why = { "" };
	int err = protocol != NULL ? tls_ctx_new_client(files, protocol, &ctx, &why)
				   : tls_ctx_new_server(files, protocols, &ctx, &why);

	if (err != 0)
		fail_msg("%s", why.text);
	return ctx;
}

static void world_init(struct world *w)
{
	*w = (struct world){ .options = { .handshake_ms = 5000 } };
	assert_int_equal(uv_loop_init(&w->loop), 0);
	w->server_tls = new_ctx(&director_files, NULL);
	w->client_tls = new_ctx(&member_files, PROTOCOL);
}

static void world_serve(struct world *w)
{
	struct endpoint any = { { IP_V4, { 127, 0, 0, 1 } }, 0 };
	static struct tls_server_protocol protocol;
	struct errtext why;

	protocol =
	    (struct tls_server_protocol){ .name = PROTOCOL, .on_accept = on_accept, .ctx = w };
	w->options.protocols = &protocol;
	w->options.protocol_count = 1;
	w->options.on_refused = on_refused;
	w->options.ctx = w;
	assert_int_equal(
	    tls_server_open(&w->loop, w->server_tls, &any, &w->options, &w->server, &why), 0);
	w->at = tls_server_local(w->server);
	assert_int_not_equal(w->at.port, 0);
}

static void world_connect(struct world *w, const struct peer_identity *server,
			  const struct tls_stream_options *options)
{
	assert_int_equal(tls_stream_connect(&w->loop, w->client_tls, &w->at, server, options,
					    &events, &w->client, &w->client.stream),
			 0);
}

static void until(struct world *w, bool (*is_done)(void *ctx))
{
	if (!testloop_run_until(&w->loop, is_done, w))
		fail_msg("not in time; client %d %zu '%s', server %d %zu '%s', refused '%s'",
			 w->client.opened, w->client.received, w->client.why, w->accepted.opened,
			 w->accepted.received, w->accepted.why, w->refused_why);
}

static bool are_both_open(void *ctx)
{
	const struct world *w = ctx;

	return w->client.opened > 0 && w->accepted.opened > 0;
}

static bool are_both_closed(void *ctx)
{
	const struct world *w = ctx;

	return w->client.closed > 0 && w->accepted.closed > 0;
}

static bool is_client_closed(void *ctx)
{
	return ((const struct world *)ctx)->client.closed > 0;
}

static bool is_accepted_closed(void *ctx)
{
	return ((const struct world *)ctx)->accepted.closed > 0;
}

static bool is_refused(void *ctx)
{
	return ((const struct world *)ctx)->refused > 0;
}

static void on_server_closed(void *ctx)
{
	((struct world *)ctx)->is_server_closed = true;
}

static void world_finish(struct world *w)
{
	if (w->server != NULL)
		tls_server_close(w->server, on_server_closed, w);
	if (w->client.stream != NULL)
		tls_stream_close(w->client.stream, "test ends");
	assert_true(testloop_finish(&w->loop));
	assert_true(w->server == NULL || w->is_server_closed);
	assert_true(w->client.closed <= 1 && w->accepted.closed <= 1);
	tls_ctx_free(w->server_tls);
	tls_ctx_free(w->client_tls);
}

static void write_text(struct side *side, const char *text)
{
	struct bytes data = { (const uint8_t *)text, strlen(text) };

	assert_int_equal(tls_stream_write(side->stream, data), 0);
}

static void expect_text(const char *name, const char *got, const char *part)
{
	if (strstr(got, part) == NULL)
		fail_msg("%s: '%s' is not in '%s'", name, part, got);
}

/* ---- tests ---- */

static bool have_both_heard(void *ctx)
{
	const struct world *w = ctx;

	return w->client.received == 4 && w->accepted.received == 4;
}

static void test_good_path(void **state)
{
	static const struct bytes context = { (const uint8_t *)"c", 1 }, none = { NULL, 0 };
	uint8_t a[32], b[32];
	struct world w;

	(void)state;
	world_init(&w);
	world_serve(&w);
	world_connect(&w, &d1, NULL);
	assert_int_equal(tls_stream_write(w.client.stream, context), ERR_BAD_STATE);
	assert_int_equal(tls_stream_export(w.client.stream, "l", none, a, 1), ERR_BAD_STATE);
	until(&w, are_both_open);

	assert_int_equal(tls_stream_peer(w.client.stream)->kind, PEER_DIRECTOR);
	assert_string_equal(tls_stream_peer(w.client.stream)->name, "d1");
	assert_int_equal(tls_stream_peer(w.accepted.stream)->kind, PEER_MEMBER);
	assert_string_equal(tls_stream_peer(w.accepted.stream)->name, "m1");
	assert_true(tls_stream_is_protocol(w.client.stream, PROTOCOL));
	assert_true(tls_stream_is_protocol(w.accepted.stream, PROTOCOL));
	assert_false(tls_stream_is_protocol(w.client.stream, "http/1.1"));
	assert_int_equal(tls_stream_remote(w.client.stream).port, w.at.port);
	assert_int_equal(tls_stream_local(w.client.stream).port,
			 tls_stream_remote(w.accepted.stream).port);

	write_text(&w.client, "ping");
	write_text(&w.accepted, "pong");
	until(&w, have_both_heard);
	assert_memory_equal(w.client.data, "pong", 4);
	assert_memory_equal(w.accepted.data, "ping", 4);

	assert_int_equal(tls_stream_export(w.client.stream, "EXPORTER-a", none, a, 32), 0);
	assert_int_equal(tls_stream_export(w.accepted.stream, "EXPORTER-a", none, b, 32), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(tls_stream_export(w.accepted.stream, "EXPORTER-a", context, b, 32), 0);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(tls_stream_export(w.accepted.stream, "EXPORTER-b", none, b, 32), 0);
	assert_memory_not_equal(a, b, 32);

	tls_stream_close(w.client.stream, "enough");
	assert_true(tls_stream_is_closing(w.client.stream));
	assert_int_equal(tls_stream_write(w.client.stream, context), ERR_CLOSED);
	assert_int_equal(tls_stream_export(w.client.stream, "l", none, a, 1), ERR_BAD_STATE);
	tls_stream_close(w.client.stream, "again");
	until(&w, are_both_closed);
	assert_int_equal(w.client.err, 0);
	assert_string_equal(w.client.why, "enough");
	assert_int_equal(w.accepted.err, ERR_CLOSED);
	world_finish(&w);
}

/* The files or the tampering that make one side unacceptable. */
enum flaw {
	FLAW_NONE,
	FLAW_ROGUE,
	FLAW_NO_CERTIFICATE,
	FLAW_EXPIRED,
	FLAW_EARLY,
	FLAW_NO_URI,
	FLAW_TWO_URIS,
	FLAW_BAD_URI,
	FLAW_OTHER_PROTOCOL,
	FLAW_NO_PROTOCOL,
	FLAW_OLD_TLS,
};

static const struct refused_case {
	const char *name;
	enum flaw client, server;
	const char *expected; /* director */
	int err;              /* the client's */
	const char *client_why;
	const char *server_why;
} refused_cases[] = {
	{ "client of a rogue CA", FLAW_ROGUE, FLAW_NONE, "d1", ERR_AUTH,
	  "does not know the CA of our certificate", "self-signed certificate in" },
	{ "client without certificate", FLAW_NO_CERTIFICATE, FLAW_NONE, "d1", ERR_AUTH,
	  "it wants a certificate", "shows no certificate" },
	{ "client's has expired", FLAW_EXPIRED, FLAW_NONE, "d1", ERR_AUTH,
	  "our certificate has expired", "expired on 2" },
	{ "client's is not valid yet", FLAW_EARLY, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "valid from 2" },
	{ "client's has no identity", FLAW_NO_URI, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "names no identity" },
	{ "client's has two identities", FLAW_TWO_URIS, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "names 2 identities" },
	{ "client's has a broken identity", FLAW_BAD_URI, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "is not waypost:KIND:NAME" },
	{ "client asks for another protocol", FLAW_OTHER_PROTOCOL, FLAW_NONE, "d1", ERR_AUTH,
	  "does not speak this protocol", "none of our protocols" },
	{ "client asks for no protocol", FLAW_NO_PROTOCOL, FLAW_NONE, "d1", ERR_AUTH,
	  "does not speak this protocol", "none of our protocols" },
	{ "client speaks TLS 1.2", FLAW_OLD_TLS, FLAW_NONE, "d1", ERR_AUTH,
	  "does not speak TLS 1.3", "does not speak TLS 1.3" },
	{ "server is another director", FLAW_NONE, FLAW_NONE, "d2", ERR_AUTH,
	  "is waypost:director:d1, not waypost:director:d2", "does not accept our certificate" },
	{ "server of a rogue CA", FLAW_NONE, FLAW_ROGUE, "d1", ERR_AUTH,
	  "self-signed certificate in", "does not know the CA of our certificate" },
	{ "server's has expired", FLAW_NONE, FLAW_EXPIRED, "d1", ERR_AUTH, "expired on 2",
	  "our certificate has expired" },
	{ "server's has no identity", FLAW_NONE, FLAW_NO_URI, "d1", ERR_AUTH, "names no identity",
	  "does not accept our certificate" },
	{ "server's has two identities", FLAW_NONE, FLAW_TWO_URIS, "d1", ERR_AUTH,
	  "names 2 identities", "does not accept our certificate" },
	{ "server agrees to no protocol", FLAW_NONE, FLAW_NO_PROTOCOL, "d1", ERR_UNSUPPORTED,
	  "agreed on no protocol", "" },
	{ "server speaks TLS 1.2", FLAW_NONE, FLAW_OLD_TLS, "d1", ERR_AUTH,
	  "does not speak TLS 1.3", "does not speak TLS 1.3" },
};

/* Puts a certificate into a context that its constructor would refuse. */
static void force_certificate(struct tls_ctx *ctx, const struct tls_files *files)
{
	SSL_CTX *ssl = tls_ctx_ssl(ctx);
	FILE *f = fopen(files->certificate, "r");
	X509 *certificate = PEM_read_X509(f, NULL, NULL, NULL);

	fclose(f);
	assert_int_equal(SSL_CTX_use_certificate(ssl, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM), 1);
	X509_free(certificate);
}

static int show_no_certificate(SSL *ssl, void *arg)
{
	(void)arg;
	SSL_certs_clear(ssl);
	return 1;
}

static int agree_to_nothing(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			    const unsigned char *in, unsigned int in_len, void *arg)
{
	(void)ssl, (void)out, (void)out_len, (void)in, (void)in_len, (void)arg;
	return SSL_TLSEXT_ERR_NOACK;
}

static void spoil(struct tls_ctx *ctx, enum flaw flaw, const char *uri)
{
	static const long times[][2] = { [FLAW_NONE] = { -HOUR_S, HOUR_S },
					 [FLAW_EXPIRED] = { -2 * HOUR_S, -HOUR_S },
					 [FLAW_EARLY] = { HOUR_S, 2 * HOUR_S } };
	bool is_timed = flaw == FLAW_EXPIRED || flaw == FLAW_EARLY;
	const char *uris[TESTPKI_URIS] = { uri };
	SSL_CTX *ssl = tls_ctx_ssl(ctx);
	struct tls_files files;

	switch (flaw) {
	case FLAW_NONE:
		return;
	case FLAW_NO_CERTIFICATE:
		SSL_CTX_set_cert_cb(ssl, show_no_certificate, NULL);
		return;
	case FLAW_OTHER_PROTOCOL:
		SSL_CTX_set_alpn_protos(ssl, (const unsigned char *)"\2h2\10http/1.0", 12);
		return;
	case FLAW_NO_PROTOCOL:
		SSL_CTX_set_alpn_protos(ssl, NULL, 0);
		SSL_CTX_set_alpn_select_cb(ssl, agree_to_nothing, NULL);
		return;
	case FLAW_OLD_TLS:
		SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
		SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION);
		return;
	case FLAW_NO_URI:
		uris[0] = "https://test.example/";
		break;
	case FLAW_TWO_URIS:
		uris[1] = "waypost:member:m2";
		break;
	case FLAW_BAD_URI:
		uris[0] = "waypost:king:m1";
		break;
	case FLAW_ROGUE:
	case FLAW_EXPIRED:
	case FLAW_EARLY:
		break;
	}
	files = testpki_issue_odd(flaw == FLAW_ROGUE ? rogue_pki : pki, "odd", uris,
				  times[is_timed ? flaw : FLAW_NONE][0],
				  times[is_timed ? flaw : FLAW_NONE][1]);
	force_certificate(ctx, &files);
	/* The chain of a rogue goes all the way to its root. */
	if (flaw == FLAW_ROGUE) {
		FILE *f = fopen(files.ca, "r");
		X509 *ca = PEM_read_X509(f, NULL, NULL, NULL);

		fclose(f);
		assert_int_equal(SSL_CTX_add0_chain_cert(ssl, ca), 1);
	}
}

static bool is_refused_by_both(void *ctx)
{
	return is_client_closed(ctx) && is_refused(ctx);
}

static void check_refusal(const struct refused_case *c)
{
	struct peer_identity expected = { PEER_DIRECTOR, "" };
	struct world w;

	snprintf(expected.name, sizeof(expected.name), "%s", c->expected);
	world_init(&w);
	spoil(w.client_tls, c->client, "waypost:member:m1");
	spoil(w.server_tls, c->server, "waypost:director:d1");
	world_serve(&w);
	world_connect(&w, &expected, NULL);
	if (c->server_why[0] != '\0')
		until(&w, is_refused_by_both);
	else
		until(&w, is_client_closed);
	if (w.client.err != c->err)
		fail_msg("%s: %d '%s'", c->name, w.client.err, w.client.why);
	expect_text(c->name, w.client.why, c->client_why);
	expect_text(c->name, w.refused_why, c->server_why);
	assert_int_equal(w.accepted.opened, 0);
	assert_int_equal(w.client.received, 0);
	world_finish(&w);
}

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++)
		check_refusal(&refused_cases[i]);
}

/* What the client writes before it is judged is never seen, and does not hide the reason. */
static void test_refused_after_open(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	spoil(w.client_tls, FLAW_TWO_URIS, "waypost:member:m1");
	world_serve(&w);
	w.client.is_long = true;
	w.client.send_left = 300000;
	world_connect(&w, &d1, NULL);
	until(&w, is_refused_by_both);
	assert_int_equal(w.client.opened, 1);
	assert_true(w.client.send_at > 0);
	assert_int_equal(w.client.err, ERR_AUTH);
	expect_text("late", w.client.why, "does not accept our certificate");
	assert_int_equal(w.accepted.received, 0);
	world_finish(&w);
}

static void test_garbage_to_server(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "hello\n", 6 },
		{ "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10 },
		{ "\x17\x03\x03\xff\xff", 5 },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0", 12 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct testloop_mute mute;
		struct world w;

		world_init(&w);
		world_serve(&w);
		testloop_mute_connect(&w.loop, &mute, w.at.port, cases[i].text, cases[i].len);
		until(&w, is_refused);
		assert_int_equal(w.accepted.opened, 0);
		if (i < 2)
			expect_text(cases[i].text, w.refused_why, "does not speak TLS");
		uv_close((uv_handle_t *)&mute.tcp, NULL);
		world_finish(&w);
	}
}

static void test_garbage_to_client(void **state)
{
	struct testloop_mute mute;
	uv_tcp_t listener;
	struct world w;

	(void)state;
	world_init(&w);
	w.at = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, 0 };
	w.at.port =
	    (uint16_t)testloop_mute_listen(&w.loop, &listener, &mute, "220 mail.example\r\n", 18);
	world_connect(&w, &d1, NULL);
	until(&w, is_client_closed);
	assert_int_equal(w.client.err, ERR_VALUE);
	expect_text("garbage", w.client.why, "does not speak TLS");
	uv_close((uv_handle_t *)&mute.tcp, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	world_finish(&w);
}

static void test_no_listener(void **state)
{
	struct testloop_mute mute;
	uv_tcp_t listener;
	struct world w;

	(void)state;
	world_init(&w);
	w.at = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, 0 };
	w.at.port = (uint16_t)testloop_mute_listen(&w.loop, &listener, &mute, "", 0);
	uv_close((uv_handle_t *)&listener, NULL);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	world_connect(&w, &d1, NULL);
	until(&w, is_client_closed);
	assert_int_equal(w.client.err, ERR_IO);
	assert_string_equal(w.client.why, "connection refused");
	world_finish(&w);
}

static void test_half_open_to_server(void **state)
{
	static const char *const starts[] = { "", "\x16\x03\x01\x02", "\x16" };

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct testloop_mute mute;
		struct world w;

		world_init(&w);
		w.options.handshake_ms = 30;
		world_serve(&w);
		testloop_mute_connect(&w.loop, &mute, w.at.port, starts[i], strlen(starts[i]));
		until(&w, is_refused);
		assert_string_equal(w.refused_why, "no complete TLS handshake in 30 ms");
		uv_close((uv_handle_t *)&mute.tcp, NULL);
		world_finish(&w);
	}
}

static void test_half_open_to_client(void **state)
{
	struct tls_stream_options options = { .open_ms = 30 };
	struct testloop_mute mute;
	uv_tcp_t listener;
	struct world w;

	(void)state;
	world_init(&w);
	w.at = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, 0 };
	w.at.port = (uint16_t)testloop_mute_listen(&w.loop, &listener, &mute, "", 0);
	world_connect(&w, &d1, &options);
	until(&w, is_client_closed);
	assert_int_equal(w.client.err, ERR_TIMEOUT);
	assert_string_equal(w.client.why, "no complete TLS handshake in 30 ms");
	uv_close((uv_handle_t *)&mute.tcp, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	world_finish(&w);
}

static void test_idle(void **state)
{
	struct tls_stream_options options = { .idle_ms = 30 };
	struct world w;

	(void)state;
	world_init(&w);
	world_serve(&w);
	world_connect(&w, &d1, &options);
	until(&w, are_both_closed);
	assert_int_equal(w.client.err, ERR_TIMEOUT);
	assert_string_equal(w.client.why, "nothing heard or sent in 30 ms");
	assert_int_equal(w.accepted.err, ERR_CLOSED);
	world_finish(&w);
}

static bool have_all_arrived(void *ctx)
{
	const struct world *w = ctx;

	return w->client.received == w->accepted.send_at && w->accepted.send_left == 0 &&
	       w->accepted.received == w->client.send_at && w->client.send_left == 0;
}

static void test_big_transfers(void **state)
{
	static const size_t sizes[][2] = { { 0, 5000000 }, { 5000000, 0 }, { 6000000, 7000001 } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct world w;

		world_init(&w);
		world_serve(&w);
		w.client.is_long = w.accepted.is_long = true;
		w.client.send_left = sizes[i][0];
		w.accepted.send_left = sizes[i][1];
		world_connect(&w, &d1, NULL);
		until(&w, are_both_open);
		until(&w, have_all_arrived);
		assert_int_equal(w.client.received, sizes[i][1]);
		assert_int_equal(w.accepted.received, sizes[i][0]);
		assert_false(w.client.is_garbled);
		assert_false(w.accepted.is_garbled);
		world_finish(&w);
	}
}

/* What was written before a close still arrives, the whole of it. */
static void test_close_flushes(void **state)
{
	size_t len = 900000;
	uint8_t *data = malloc(len);
	struct world w;

	(void)state;
	for (size_t i = 0; i < len; i++)
		data[i] = pattern(i);
	world_init(&w);
	world_serve(&w);
	w.client.is_long = true;
	world_connect(&w, &d1, NULL);
	until(&w, are_both_open);
	assert_int_equal(tls_stream_write(w.accepted.stream, (struct bytes){ data, len }), 0);
	tls_stream_close(w.accepted.stream, "all said");
	free(data);
	until(&w, are_both_closed);
	assert_int_equal(w.client.received, len);
	assert_false(w.client.is_garbled);
	assert_int_equal(w.client.err, ERR_CLOSED);
	assert_int_equal(w.accepted.err, 0);
	world_finish(&w);
}

static void test_slow_reader(void **state)
{
	static uint8_t block[100000];
	struct bytes data = { block, sizeof(block) };
	struct world w;
	int err = 0;

	(void)state;
	world_init(&w);
	world_serve(&w);
	world_connect(&w, &d1, NULL);
	until(&w, are_both_open);
	tls_stream_pause(w.client.stream);
	for (int i = 0; i < 1000 && err == 0; i++) {
		err = tls_stream_write(w.accepted.stream, data);
		assert_true(tls_stream_pending(w.accepted.stream) <= 1 << 20);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_int_equal(tls_stream_write(w.accepted.stream, data), ERR_CLOSED);
	until(&w, is_accepted_closed);
	assert_int_equal(w.accepted.err, ERR_LIMIT);
	assert_string_equal(w.accepted.why, "the other side reads too slowly");
	world_finish(&w);
}

static void test_pause_and_resume(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_serve(&w);
	w.client.is_long = w.client.pauses = true;
	w.accepted.send_left = 20000000;
	world_connect(&w, &d1, NULL);
	until(&w, are_both_open);
	for (int turns = 0; w.client.received < 20000000; turns++) {
		size_t before = w.client.received;

		assert_true(turns < 10000);
		tls_stream_resume(w.client.stream);
		for (int i = 0; i < 3; i++)
			uv_run(&w.loop, UV_RUN_NOWAIT);
		assert_true(w.client.received <= before + 16384);
	}
	assert_false(w.client.is_garbled);
	assert_true(w.accepted.drained > 0);
	world_finish(&w);
}

/* A side that is paused when it closes still learns that the other side has gone. */
static void test_close_while_paused(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_serve(&w);
	w.client.pauses = true;
	w.accepted.send_left = 100000;
	world_connect(&w, &d1, NULL);
	until(&w, are_both_open);
	while (w.client.received == 0)
		uv_run(&w.loop, UV_RUN_ONCE);
	tls_stream_close(w.client.stream, "paused");
	until(&w, are_both_closed);
	assert_int_equal(w.client.err, 0);
	world_finish(&w);
}

static void check_close_in_callback(enum moment moment, enum action action, bool is_client)
{
	struct world w;
	struct side *actor = is_client ? &w.client : &w.accepted;
	struct side *other = is_client ? &w.accepted : &w.client;

	world_init(&w);
	world_serve(&w);
	actor->moment = moment;
	actor->action = action;
	/* Enough for on_data there, and in the other direction for on_drain. */
	other->send_left = 100000;
	actor->send_left = moment == AT_DRAIN ? 20000000 : 0;
	world_connect(&w, &d1, NULL);
	/* A client that is gone before its certificate was seen never becomes anybody. */
	if (moment == AT_OPEN && is_client && action == ABORT)
		until(&w, is_client_closed);
	else
		until(&w, are_both_closed);
	assert_int_equal(actor->err, 0);
	assert_int_equal(actor->closed, 1);
	if (other->closed > 0 && action == CLOSE)
		assert_int_equal(other->err, ERR_CLOSED);
	if (other->closed > 0 && action == ABORT)
		assert_int_equal(other->err, ERR_IO);
	world_finish(&w);
}

static void test_close_in_callbacks(void **state)
{
	(void)state;
	for (int moment = AT_OPEN; moment <= AT_DRAIN; moment++) {
		for (int action = CLOSE; action <= ABORT; action++) {
			check_close_in_callback((enum moment)moment, (enum action)action, true);
			check_close_in_callback((enum moment)moment, (enum action)action, false);
		}
	}
}

static void test_close_before_open(void **state)
{
	(void)state;
	for (int steps = 0; steps < 6; steps++) {
		for (int action = CLOSE; action <= ABORT; action++) {
			struct world w;

			world_init(&w);
			world_serve(&w);
			w.client.action = (enum action)action;
			world_connect(&w, &d1, NULL);
			for (int i = 0; i < steps; i++)
				uv_run(&w.loop, UV_RUN_NOWAIT);
			if (w.client.stream != NULL)
				act(&w.client, NEVER);
			until(&w, is_client_closed);
			assert_int_equal(w.client.err, 0);
			world_finish(&w);
		}
	}
}

static void test_server_close(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_serve(&w);
	world_connect(&w, &d1, NULL);
	until(&w, are_both_open);
	assert_int_equal(tls_server_stream_count(w.server), 1);
	tls_server_close(w.server, on_server_closed, &w);
	w.server = NULL;
	until(&w, are_both_closed);
	assert_int_equal(w.client.err, ERR_CLOSED);
	assert_string_equal(w.accepted.why, "the server stops");
	world_finish(&w);
	assert_true(w.is_server_closed);
}

static int set_up(void **state)
{
	(void)state;
	pki = testpki_new();
	rogue_pki = testpki_new();
	director_files = testpki_issue(pki, "d1", "waypost:director:d1");
	member_files = testpki_issue(pki, "m1", "waypost:member:m1");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	testpki_free(pki);
	testpki_free(rogue_pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_path),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refused_after_open),
		cmocka_unit_test(test_garbage_to_server),
		cmocka_unit_test(test_garbage_to_client),
		cmocka_unit_test(test_no_listener),
		cmocka_unit_test(test_half_open_to_server),
		cmocka_unit_test(test_half_open_to_client),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_big_transfers),
		cmocka_unit_test(test_close_flushes),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_close_while_paused),
		cmocka_unit_test(test_close_in_callbacks),
		cmocka_unit_test(test_close_before_open),
		cmocka_unit_test(test_server_close),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
