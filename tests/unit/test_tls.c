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

#include "tests/lib/testtls.h"

/* Who gets in, who does not, and what both sides are told. */

#define HOUR_S 3600

static void write_text(struct testtls_side *side, const char *text)
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
	const struct testtls *w = ctx;

	return w->client.received == 4 && w->accepted.received == 4;
}

static void test_good_path(void **state)
{
	static const struct bytes context = { (const uint8_t *)"c", 1 }, none = { NULL, 0 };
	uint8_t a[32], b[32];
	struct testtls w;

	(void)state;
	testtls_init(&w);
	testtls_serve(&w);
	testtls_connect(&w, &testtls_d1, NULL);
	assert_int_equal(tls_stream_write(w.client.stream, context), ERR_BAD_STATE);
	assert_int_equal(tls_stream_export(w.client.stream, "l", none, a, 1), ERR_BAD_STATE);
	testtls_until(&w, testtls_is_open);

	assert_int_equal(tls_stream_peer(w.client.stream)->kind, PKI_DIRECTOR);
	assert_string_equal(tls_stream_peer(w.client.stream)->name, "d1");
	assert_int_equal(tls_stream_peer(w.accepted.stream)->kind, PKI_MEMBER);
	assert_string_equal(tls_stream_peer(w.accepted.stream)->name, "m1");
	assert_true(tls_stream_is_protocol(w.client.stream, TESTTLS_PROTOCOL));
	assert_true(tls_stream_is_protocol(w.accepted.stream, TESTTLS_PROTOCOL));
	assert_false(tls_stream_is_protocol(w.client.stream, "http/1.1"));
	assert_int_equal(tls_stream_remote(w.client.stream).port, w.at.port);
	assert_int_equal(tls_stream_local(w.client.stream).port,
			 tls_stream_remote(w.accepted.stream).port);

	write_text(&w.client, "ping");
	write_text(&w.accepted, "pong");
	testtls_until(&w, have_both_heard);
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
	testtls_until(&w, testtls_is_closed);
	assert_int_equal(w.client.err, 0);
	assert_string_equal(w.client.why, "enough");
	assert_int_equal(w.accepted.err, ERR_CLOSED);
	testtls_finish(&w);
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
	  "does not know the CA of our certificate",
	  "is not from our CA (self-signed certificate in" },
	{ "client without certificate", FLAW_NO_CERTIFICATE, FLAW_NONE, "d1", ERR_AUTH,
	  "it wants a certificate", "shows no certificate" },
	{ "client's has expired", FLAW_EXPIRED, FLAW_NONE, "d1", ERR_AUTH,
	  "our certificate has expired", "expired on 2" },
	{ "client's is not valid yet", FLAW_EARLY, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "valid from 2" },
	{ "client's has no identity", FLAW_NO_URI, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "has no URI waypost:" },
	{ "client's has two identities", FLAW_TWO_URIS, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "has 2 URIs waypost:" },
	{ "client's has a broken identity", FLAW_BAD_URI, FLAW_NONE, "d1", ERR_AUTH,
	  "does not accept our certificate", "is not waypost:KIND:NAME: waypost:king:m1" },
	{ "client asks for another protocol", FLAW_OTHER_PROTOCOL, FLAW_NONE, "d1", ERR_AUTH,
	  "does not speak this protocol", "none of our protocols" },
	{ "client asks for no protocol", FLAW_NO_PROTOCOL, FLAW_NONE, "d1", ERR_AUTH,
	  "does not speak this protocol", "none of our protocols" },
	{ "client speaks TLS 1.2", FLAW_OLD_TLS, FLAW_NONE, "d1", ERR_AUTH,
	  "does not speak TLS 1.3", "does not speak TLS 1.3" },
	{ "server is another director", FLAW_NONE, FLAW_NONE, "d2", ERR_AUTH,
	  "is waypost:director:d1, not waypost:director:d2", "does not accept our certificate" },
	{ "server of a rogue CA", FLAW_NONE, FLAW_ROGUE, "d1", ERR_AUTH,
	  "is not from our CA (self-signed certificate in",
	  "does not know the CA of our certificate" },
	{ "server's has expired", FLAW_NONE, FLAW_EXPIRED, "d1", ERR_AUTH, "expired on 2",
	  "our certificate has expired" },
	{ "server's has no identity", FLAW_NONE, FLAW_NO_URI, "d1", ERR_AUTH,
	  "has no URI waypost:", "does not accept our certificate" },
	{ "server's has two identities", FLAW_NONE, FLAW_TWO_URIS, "d1", ERR_AUTH,
	  "has 2 URIs waypost:", "does not accept our certificate" },
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
	files = testpki_issue_odd(flaw == FLAW_ROGUE ? testtls_rogue_pki : testtls_pki, "odd", uris,
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
	return testtls_is_client_closed(ctx) && testtls_is_refused(ctx);
}

static void check_refusal(const struct refused_case *c)
{
	struct pki_identity expected = { PKI_DIRECTOR, "" };
	struct testtls w;

	snprintf(expected.name, sizeof(expected.name), "%s", c->expected);
	testtls_init(&w);
	spoil(w.client_tls, c->client, "waypost:member:m1");
	spoil(w.server_tls, c->server, "waypost:director:d1");
	testtls_serve(&w);
	testtls_connect(&w, &expected, NULL);
	if (c->server_why[0] != '\0')
		testtls_until(&w, is_refused_by_both);
	else
		testtls_until(&w, testtls_is_client_closed);
	if (w.client.err != c->err)
		fail_msg("%s: %d '%s'", c->name, w.client.err, w.client.why);
	expect_text(c->name, w.client.why, c->client_why);
	expect_text(c->name, w.refused_why, c->server_why);
	assert_int_equal(w.accepted.opened, 0);
	assert_int_equal(w.client.received, 0);
	testtls_finish(&w);
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
	struct testtls w;

	(void)state;
	testtls_init(&w);
	spoil(w.client_tls, FLAW_TWO_URIS, "waypost:member:m1");
	testtls_serve(&w);
	w.client.expects_pattern = true;
	w.client.send_left = 300000;
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, is_refused_by_both);
	assert_int_equal(w.client.opened, 1);
	assert_true(w.client.send_at > 0);
	assert_int_equal(w.client.err, ERR_AUTH);
	expect_text("late", w.client.why, "does not accept our certificate");
	assert_int_equal(w.accepted.received, 0);
	testtls_finish(&w);
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
		struct testtls w;

		testtls_init(&w);
		testtls_serve(&w);
		testloop_mute_connect(&w.loop, &mute, w.at.port, cases[i].text, cases[i].len);
		testtls_until(&w, testtls_is_refused);
		assert_int_equal(w.accepted.opened, 0);
		if (i < 2)
			expect_text(cases[i].text, w.refused_why, "does not speak TLS");
		uv_close((uv_handle_t *)&mute.tcp, NULL);
		testtls_finish(&w);
	}
}

static void test_garbage_to_client(void **state)
{
	struct testloop_mute mute;
	uv_tcp_t listener;
	struct testtls w;

	(void)state;
	testtls_init(&w);
	w.at = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, 0 };
	w.at.port =
	    (uint16_t)testloop_mute_listen(&w.loop, &listener, &mute, "220 mail.example\r\n", 18);
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_client_closed);
	assert_int_equal(w.client.err, ERR_VALUE);
	expect_text("garbage", w.client.why, "does not speak TLS");
	uv_close((uv_handle_t *)&mute.tcp, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	testtls_finish(&w);
}

static void test_no_listener(void **state)
{
	struct testloop_mute mute;
	uv_tcp_t listener;
	struct testtls w;

	(void)state;
	testtls_init(&w);
	w.at = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, 0 };
	w.at.port = (uint16_t)testloop_mute_listen(&w.loop, &listener, &mute, "", 0);
	uv_close((uv_handle_t *)&listener, NULL);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	testtls_connect(&w, &testtls_d1, NULL);
	testtls_until(&w, testtls_is_client_closed);
	assert_int_equal(w.client.err, ERR_IO);
	assert_string_equal(w.client.why, "connection refused");
	testtls_finish(&w);
}

static void test_half_open_to_server(void **state)
{
	static const char *const starts[] = { "", "\x16\x03\x01\x02", "\x16" };

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct testloop_mute mute;
		struct testtls w;

		testtls_init(&w);
		w.options.handshake_ms = 30;
		testtls_serve(&w);
		testloop_mute_connect(&w.loop, &mute, w.at.port, starts[i], strlen(starts[i]));
		testtls_until(&w, testtls_is_refused);
		assert_string_equal(w.refused_why, "no complete TLS handshake in 30 ms");
		uv_close((uv_handle_t *)&mute.tcp, NULL);
		testtls_finish(&w);
	}
}

static void test_half_open_to_client(void **state)
{
	struct tls_stream_options options = { .open_ms = 30 };
	struct testloop_mute mute;
	uv_tcp_t listener;
	struct testtls w;

	(void)state;
	testtls_init(&w);
	w.at = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, 0 };
	w.at.port = (uint16_t)testloop_mute_listen(&w.loop, &listener, &mute, "", 0);
	testtls_connect(&w, &testtls_d1, &options);
	testtls_until(&w, testtls_is_client_closed);
	assert_int_equal(w.client.err, ERR_TIMEOUT);
	assert_string_equal(w.client.why, "no complete TLS handshake in 30 ms");
	uv_close((uv_handle_t *)&mute.tcp, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	testtls_finish(&w);
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
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
