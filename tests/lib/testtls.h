/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_TESTTLS_H
#define TESTS_LIB_TESTTLS_H

#include "common/io/tls_server.h"
#include "common/io/tls_stream.h"
#include "tests/lib/testloop.h"
#include "tests/lib/testpki.h"

/*
 * A TLS client and a TLS server in one process and one loop, over loopback. Both ends write down
 * what happens to them. testtls_finish() fails if a handle was left over; leaks are for the
 * sanitizer.
 */

#define TESTTLS_PROTOCOL ALPN_CONTROL

/* When a side closes or aborts by itself. */
enum testtls_moment {
	TESTTLS_NEVER,
	TESTTLS_AT_OPEN,
	TESTTLS_AT_DATA,
	TESTTLS_AT_DRAIN,
};

/* One end, and all that happened to it. */
struct testtls_side {
	struct tls_stream *stream; /* NULL from on_close on */
	int opened, drained, closed;
	size_t received;
	uint8_t data[64]; /* the first octets received */
	int err;
	char why[ERRTEXT_MAX];

	/* What it is to do. */
	enum testtls_moment moment;
	bool aborts;          /* where it would close */
	bool pauses;          /* on each on_data */
	size_t send_left;     /* octets of a pattern to send */
	size_t send_at;       /* octets sent */
	bool expects_pattern; /* what it receives is checked */
	bool is_garbled;      /* and found wrong */
};

struct testtls {
	uv_loop_t loop;
	struct tls_ctx *server_tls, *client_tls;
	struct tls_server *server;
	struct tls_server_options options; /* for testtls_serve() */
	struct tls_server_protocol protocol;
	struct endpoint at; /* where the server listens; 127.0.0.1 if it is not set before */
	struct testtls_side client, accepted;
	int refused; /* connections that ended before they were accepted */
	char refused_why[ERRTEXT_MAX];
	bool is_server_closed;
};

/* The certificates of d1 and m1, made once per program, and an authority that nobody trusts. */
extern struct testpki *testtls_pki, *testtls_rogue_pki;
extern struct tls_files testtls_director, testtls_member;
extern const struct pki_identity testtls_d1;

/* For cmocka_run_group_tests(). */
int testtls_group_setup(void **state);
int testtls_group_teardown(void **state);

/* A context; protocol NULL: for a server. */
struct tls_ctx *testtls_ctx(const struct tls_files *files, const char *protocol);

void testtls_init(struct testtls *w);
void testtls_serve(struct testtls *w);
void testtls_connect(struct testtls *w, const struct pki_identity *server,
		     const struct tls_stream_options *options);

/* Runs the loop until is_done(w), which may be one of those below. */
void testtls_until(struct testtls *w, bool (*is_done)(void *w));
bool testtls_is_open(void *w);   /* on both sides */
bool testtls_is_closed(void *w); /* on both sides */
bool testtls_is_client_closed(void *w);
bool testtls_is_accepted_closed(void *w);
bool testtls_is_refused(void *w); /* by the server */

/* Closes or aborts one side, as it says. */
void testtls_end(struct testtls_side *side);

/* The server with all its connections. */
void testtls_stop_server(struct testtls *w);

/* Closes what is left, and the loop. */
void testtls_finish(struct testtls *w);

/* The octet of the pattern at an offset. */
uint8_t testtls_pattern(size_t offset);

/* What a side of its own can use as events, with a struct testtls_side as ctx. */
extern const struct tls_stream_events testtls_events;

#endif
