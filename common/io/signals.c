/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/signals.h"

#include <signal.h>

static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
#define COUNT (sizeof(numbers) / sizeof(numbers[0]))

static void on_uv_signal(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;

	s->on_signal(s->ctx, number);
}

int signals_start(struct signals *s, uv_loop_t *loop, void (*on_signal)(void *ctx, int signal),
		  void *ctx)
{
	int status = 0;

	s->on_signal = on_signal;
	s->ctx = ctx;
	for (size_t i = 0; i < COUNT; i++) {
		/* Cannot fail but for lack of memory at the first in a process. */
		if (uv_signal_init(loop, &s->handles[i]) != 0)
			return ERR_NO_MEMORY;
		s->handles[i].data = s;
		uv_unref((uv_handle_t *)&s->handles[i]);
		if (uv_signal_start(&s->handles[i], on_uv_signal, numbers[i]) != 0)
			status = ERR_IO;
	}
	return status;
}

void signals_stop(struct signals *s)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (!uv_is_closing((uv_handle_t *)&s->handles[i]))
			uv_close((uv_handle_t *)&s->handles[i], NULL);
	}
}
