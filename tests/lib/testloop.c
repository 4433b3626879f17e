/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testloop.h"

#include <stdlib.h>

/* A bound on hangs, far from what a loaded machine needs. */
#define DEADLINE_MS 60000

static void on_deadline(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static bool run(uv_loop_t *loop, bool (*is_done)(void *ctx), void *ctx)
{
	bool is_late = false;
	uv_timer_t timer;

	uv_timer_init(loop, &timer);
	timer.data = &is_late;
	uv_update_time(loop);
	uv_timer_start(&timer, on_deadline, DEADLINE_MS, 0);
	if (is_done == NULL)
		uv_unref((uv_handle_t *)&timer);
	while (!is_late && (is_done == NULL || !is_done(ctx))) {
		if (uv_run(loop, UV_RUN_ONCE) == 0)
			break;
	}
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return !is_late;
}

bool testloop_run_until(uv_loop_t *loop, bool (*is_done)(void *ctx), void *ctx)
{
	return run(loop, is_done, ctx) && is_done(ctx);
}

bool testloop_finish(uv_loop_t *loop)
{
	return run(loop, NULL, NULL) && uv_loop_close(loop) == 0;
}

static void send_text(struct testloop_mute *mute)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)mute->text, (unsigned int)mute->len);

	if (mute->len > 0)
		uv_write(&mute->write, (uv_stream_t *)&mute->tcp, &buf, 1, NULL);
}

static void on_connected(uv_connect_t *connect, int status)
{
	if (status == 0)
		send_text(connect->data);
}

void testloop_mute_connect(uv_loop_t *loop, struct testloop_mute *mute, unsigned port,
			   const char *text, size_t len)
{
	struct sockaddr_in sin;

	*mute = (struct testloop_mute){ .text = text, .len = len };
	mute->connect.data = mute;
	uv_ip4_addr("127.0.0.1", (int)port, &sin);
	uv_tcp_init(loop, &mute->tcp);
	if (uv_tcp_connect(&mute->connect, &mute->tcp, (struct sockaddr *)&sin, on_connected) != 0)
		abort();
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct testloop_mute *mute = listener->data;

	if (status != 0)
		abort();
	uv_tcp_init(listener->loop, &mute->tcp);
	if (uv_accept(listener, (uv_stream_t *)&mute->tcp) != 0)
		abort();
	send_text(mute);
}

unsigned testloop_mute_listen(uv_loop_t *loop, uv_tcp_t *listener, struct testloop_mute *mute,
			      const char *text, size_t len)
{
	struct sockaddr_in sin;
	int size = sizeof(sin);

	*mute = (struct testloop_mute){ .text = text, .len = len };
	uv_ip4_addr("127.0.0.1", 0, &sin);
	uv_tcp_init(loop, listener);
	listener->data = mute;
	if (uv_tcp_bind(listener, (struct sockaddr *)&sin, 0) != 0 ||
	    uv_listen((uv_stream_t *)listener, 8, on_connection) != 0 ||
	    uv_tcp_getsockname(listener, (struct sockaddr *)&sin, &size) != 0)
		abort();
	return ntohs(sin.sin_port);
}
