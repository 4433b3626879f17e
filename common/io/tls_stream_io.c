/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls_stream_impl.h"

#include <stdlib.h>

#include "common/base/secret.h"

#define FLUSH_CHUNK (4 * (TLS_CHUNK + 64)) /* some whole records with what TLS adds to them */

/* A piece of output that the kernel did not take at once. */
struct output {
	uv_write_t request;
	size_t len;
	uint8_t data[];
};

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
		tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
		return;
	}
	if (s->state == STATE_LEAVING)
		tls_stream_linger(s);
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
		tls_stream_leave(s, ERR_LIMIT, "the other side reads too slowly", LEAVE_NOW);
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
		tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
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
		tls_stream_leave(s, ERR_IO, uv_strerror(sent), LEAVE_NOW);
		return ERR_CLOSED;
	}
	data.ptr += sent;
	data.len -= (size_t)sent;
	return data.len > 0 ? queue_output(s, data) : 0;
}

int tls_stream_flush(struct tls_stream *s)
{
	uint8_t chunk[FLUSH_CHUNK];
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
		tls_stream_leave(s, ERR_CRYPTO, "TLS cannot encrypt", LEAVE_NOW);
		return ERR_CLOSED;
	}
	if (s->options.idle_ms > 0)
		uv_timer_again(&s->timer);
	return tls_stream_flush(s);
}

/* ---- input ---- */

static void handshake(struct tls_stream *s)
{
	enum tls_progress progress = tls_engine_handshake(&s->tls);

	if (progress == TLS_FAILED) {
		tls_stream_leave(s, s->tls.err, s->tls.why.text, LEAVE_FLUSHED);
		return;
	}
	if (tls_stream_flush(s) != 0 || progress != TLS_DONE)
		return;
	s->state = STATE_OPEN;
	tls_stream_set_idle(s, s->options.idle_ms);
	if (s->events->on_open != NULL)
		s->events->on_open(s, s->ctx);
}

static void read_records(struct tls_stream *s)
{
	uint8_t data[TLS_CHUNK];
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
		tls_stream_leave(s, ERR_CLOSED, "closed by the other side", LEAVE_FAREWELL);
	else if (progress == TLS_FAILED)
		tls_stream_leave(s, s->tls.err, s->tls.why.text, LEAVE_FLUSHED);
	else
		tls_stream_flush(s); /* what TLS answers by itself, such as a key update */
}

void tls_stream_pump(struct tls_stream *s)
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
			tls_stream_leave_if_finished(s);
		else
			tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	} else if (status != UV_EOF) {
		tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	} else if (s->state == STATE_HANDSHAKE) {
		tls_stream_leave(s, ERR_IO, "ended by the other side during the TLS handshake",
				 LEAVE_NOW);
	} else {
		tls_stream_leave(s, ERR_IO, "cut off without close_notify", LEAVE_NOW);
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
		tls_stream_leave(s, ERR_NO_MEMORY, "out of memory", LEAVE_NOW);
		return;
	}
	if (s->state == STATE_OPEN && s->options.idle_ms > 0)
		uv_timer_again(&s->timer);
	tls_stream_pump(s);
}

int tls_stream_start_reading(struct tls_stream *s)
{
	return uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
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
	status = tls_stream_start_reading(s);
	if (status != 0)
		tls_stream_leave(s, ERR_IO, uv_strerror(status), LEAVE_NOW);
	else
		tls_stream_pump(s);
}
