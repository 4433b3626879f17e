/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_TESTLOOP_H
#define TESTS_LIB_TESTLOOP_H

#include <stdbool.h>

#include <uv.h>

/* Runs the loop until is_done(ctx) is true: no sleeps. Returns false after a minute. */
bool testloop_run_until(uv_loop_t *loop, bool (*is_done)(void *ctx), void *ctx);

/* Runs the loop until nothing is left in it and closes it; false if something stays for a
 * minute: a handle that nobody closed. */
bool testloop_finish(uv_loop_t *loop);

/* A connected TCP socket of its own kind: sends text, then says nothing and reads nothing. */
struct testloop_mute {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	const char *text;
	size_t len;
};

/* Connects to 127.0.0.1:port. Close mute->tcp with uv_close(). */
void testloop_mute_connect(uv_loop_t *loop, struct testloop_mute *mute, unsigned port,
			   const char *text, size_t len);

/* Listens at 127.0.0.1, takes one connection into mute, sends text. Returns the port. Close both
 * with uv_close(); mute->tcp only once something has connected. */
unsigned testloop_mute_listen(uv_loop_t *loop, uv_tcp_t *listener, struct testloop_mute *mute,
			      const char *text, size_t len);

#endif
