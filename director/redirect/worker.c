/* SPDX-License-Identifier: Apache-2.0 */
#include "director/redirect/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/rng.h"
#include "director/redirect/rate.h"
#include "director/redirect/worker_socket.h"

#define BATCH       64
#define BATCHES_MAX 8    /* per wake-up and socket, so that no socket starves the others */
#define DATAGRAM    4096 /* longer requests are truncated by the kernel and then dropped */

struct listener {
	uv_poll_t poll;
	struct worker *worker;
	int fd;
	bool is_natt;
};

struct worker {
	struct redirect_conf redirect;
	struct crypto *crypto;
	uint64_t now_s;
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t wake; /* a new snapshot, or the end */
	size_t n_listeners;
	struct listener *listeners;
	struct snapshot *snapshot; /* NULL before the first */
	_Atomic(struct snapshot *) mailbox;
	atomic_bool is_stopping;

	/* Written by this worker only, read by the main thread. */
	_Atomic uint64_t received;
	_Atomic uint64_t verdicts[FRONT_VERDICT_COUNT];
	_Atomic uint64_t resumes[FRONT_RESUME_COUNT];
	_Atomic uint64_t placed[PLACEMENT_MAX_MEMBERS];

	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t request[BATCH][DATAGRAM], answer[BATCH][REDIRECT_ANSWER_MAX];
	struct rate_table rate;
};

/* The only writer needs no locked instruction. */
static void bump(_Atomic uint64_t *counter, uint64_t by)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* It has the keys of tickets. */
static void free_snapshot(struct snapshot *s)
{
	if (s == NULL)
		return;
	ticket_ring_wipe(&s->ring);
	free(s);
}

/* ---- datagrams ---- */

/* The wall clock, for tickets: once a batch. */
static uint64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts.tv_sec > 0 ? (uint64_t)ts.tv_sec : 0;
}

static enum front_verdict answer_one(struct worker *w, const struct listener *l, uint64_t now,
				     size_t i, size_t *len)
{
	const struct redirect_view view = {
		.conf = &w->redirect,
		.index = &w->snapshot->index,
		.keys = { &w->snapshot->ring, w->crypto, w->now_s },
	};
	enum front_resume resume;
	struct bytes datagram = { w->request[i], w->in[i].msg_len };
	struct endpoint peer;
	enum front_verdict v;
	size_t member = 0;

	if ((w->in[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 ||
	    endpoint_from_sockaddr(&w->from[i], &peer) != 0)
		return FRONT_NOT_IKE;
	v = redirect_answer(&view, &peer.ip, l->is_natt, datagram, w->answer[i], len, &member,
			    &resume);
	if (resume != FRONT_RESUME_NONE)
		bump(&w->resumes[resume], 1);
	/* Only answers cost a token: garbage in a prefix's name must not use up its share. */
	if (front_verdict_is_answer(v) && !rate_is_allowed(&w->rate, now, &peer.ip))
		return FRONT_RATE_LIMITED;
	if (v == FRONT_REDIRECTED)
		bump(&w->placed[member], 1);
	return v;
}

static void send_answers(struct worker *w, const struct listener *l, unsigned int n)
{
	unsigned int sent = 0;

	while (sent < n) {
		int k = sendmmsg(l->fd, w->out + sent, n - sent, MSG_DONTWAIT);

		if (k > 0) {
			sent += (unsigned int)k;
			continue;
		}
		/* Peers repeat their requests: what finds no room is dropped. */
		if (errno == EAGAIN) {
			bump(&w->verdicts[FRONT_SEND_FAILED], n - sent);
			return;
		}
		/*
		 * The first one of those left cannot be sent, perhaps because its source is
		 * forged (port 0, a broadcast address): it must not take the others with it.
		 */
		bump(&w->verdicts[FRONT_SEND_FAILED], 1);
		sent++;
	}
}

/* Reads, answers and sends one batch; returns how many datagrams came. */
static int serve_batch(struct worker *w, const struct listener *l)
{
	unsigned int n_out = 0;
	uint64_t now;
	int n;

	for (size_t i = 0; i < BATCH; i++)
		w->in[i].msg_hdr.msg_namelen = sizeof(w->from[i]);
	n = recvmmsg(l->fd, w->in, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	bump(&w->received, (uint64_t)n);
	now = now_ms();
	w->now_s = now_s();
	for (size_t i = 0; i < (size_t)n; i++) {
		size_t len = 0;
		enum front_verdict v =
		    w->snapshot != NULL ? answer_one(w, l, now, i, &len) : FRONT_NO_MEMBER;

		bump(&w->verdicts[v], 1);
		if (!front_verdict_is_answer(v))
			continue;
		w->out_iov[n_out] = (struct iovec){ w->answer[i], len };
		w->out[n_out].msg_hdr.msg_name = &w->from[i];
		w->out[n_out].msg_hdr.msg_namelen = w->in[i].msg_hdr.msg_namelen;
		n_out++;
	}
	send_answers(w, l, n_out);
	return n;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;

	(void)events;
	if (status < 0) {
		/* libuv stops watching after a socket error: take it off and go on. */
		int error = 0;
		socklen_t size = sizeof(error);

		(void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		uv_poll_start(&l->poll, UV_READABLE, on_readable);
		return;
	}
	for (int i = 0; i < BATCHES_MAX; i++) {
		if (serve_batch(l->worker, l) < BATCH)
			break;
	}
}

/* ---- life ---- */

static void on_wake(uv_async_t *wake)
{
	struct worker *w = wake->data;
	struct snapshot *s = atomic_exchange(&w->mailbox, NULL);

	if (s != NULL) {
		free_snapshot(w->snapshot);
		w->snapshot = s;
	}
	if (!atomic_load(&w->is_stopping))
		return;
	for (size_t i = 0; i < w->n_listeners; i++) {
		if (!uv_is_closing((uv_handle_t *)&w->listeners[i].poll))
			uv_close((uv_handle_t *)&w->listeners[i].poll, NULL);
	}
	if (!uv_is_closing((uv_handle_t *)&w->wake))
		uv_close((uv_handle_t *)&w->wake, NULL);
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;

	uv_run(&w->loop, UV_RUN_DEFAULT);
	return NULL;
}

static int open_listener(struct worker *w, const struct endpoint *local, bool is_natt,
			 const struct logger *lg)
{
	struct listener *l = &w->listeners[w->n_listeners];

	*l = (struct listener){ .worker = w, .is_natt = is_natt };
	l->fd = worker_open_socket(lg, local, true);
	if (l->fd < 0)
		return l->fd;
	if (uv_poll_init(&w->loop, &l->poll, l->fd) != 0) {
		close(l->fd);
		return ERR_IO;
	}
	w->n_listeners++;
	l->poll.data = l;
	return uv_poll_start(&l->poll, UV_READABLE, on_readable) == 0 ? 0 : ERR_IO;
}

static int open_listeners(struct worker *w, const struct front_conf *conf, const struct logger *lg)
{
	w->listeners = calloc(conf->n_addresses * WORKER_PORTS, sizeof(*w->listeners));
	if (w->listeners == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < conf->n_addresses; i++) {
		const struct endpoint ike = { conf->addresses[i], conf->port_ike };
		const struct endpoint natt = { conf->addresses[i], conf->port_natt };
		int err = open_listener(w, &ike, false, lg);

		if (err == 0)
			err = open_listener(w, &natt, true, lg);
		if (err != 0)
			return err;
	}
	return 0;
}

static void prepare_vectors(struct worker *w)
{
	for (size_t i = 0; i < BATCH; i++) {
		w->in_iov[i] = (struct iovec){ w->request[i], DATAGRAM };
		w->in[i].msg_hdr.msg_name = &w->from[i];
		w->in[i].msg_hdr.msg_iov = &w->in_iov[i];
		w->in[i].msg_hdr.msg_iovlen = 1;
		w->out[i].msg_hdr.msg_iov = &w->out_iov[i];
		w->out[i].msg_hdr.msg_iovlen = 1;
	}
}

/* The thread has ended or never ran, and all handles are closed or about to be. */
static void free_worker(struct worker *w)
{
	uv_run(&w->loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < w->n_listeners; i++)
		close(w->listeners[i].fd);
	uv_loop_close(&w->loop);
	free(w->listeners);
	crypto_free(w->crypto);
	free_snapshot(w->snapshot);
	free_snapshot(atomic_exchange(&w->mailbox, NULL));
	free(w);
}

int worker_start(const struct front_conf *conf, const struct logger *lg, struct worker **out)
{
	struct worker *w = calloc(1, sizeof(*w));
	const struct rng rng = rng_system();
	uint64_t seed;
	int err;

	if (w == NULL)
		return ERR_NO_MEMORY;
	err = rng_u64(&rng, &seed);
	w->crypto = crypto_new();
	if (err == 0 && w->crypto == NULL)
		err = ERR_CRYPTO;
	if (err != 0 || uv_loop_init(&w->loop) != 0) {
		crypto_free(w->crypto);
		free(w);
		return err != 0 ? err : ERR_IO;
	}
	w->redirect = conf->redirect;
	rate_init(&w->rate, conf->rate_per_second, conf->rate_burst, seed);
	prepare_vectors(w);
	w->wake.data = w;
	if (uv_async_init(&w->loop, &w->wake, on_wake) != 0) {
		free_worker(w);
		return ERR_IO;
	}
	err = open_listeners(w, conf, lg);
	if (err == 0 && pthread_create(&w->thread, NULL, run_worker, w) != 0)
		err = ERR_IO;
	if (err != 0) {
		atomic_store(&w->is_stopping, true);
		on_wake(&w->wake);
		free_worker(w);
		return err;
	}
	*out = w;
	return 0;
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->is_stopping, true);
	uv_async_send(&w->wake);
	pthread_join(w->thread, NULL);
	free_worker(w);
}

void worker_give(struct worker *w, struct snapshot *s)
{
	/* What the worker has not taken yet is ours again. */
	free_snapshot(atomic_exchange(&w->mailbox, s));
	uv_async_send(&w->wake);
}

void worker_add_counters(const struct worker *w, struct front_counters *sum)
{
	sum->received += read_counter(&w->received);
	for (size_t v = 0; v < FRONT_VERDICT_COUNT; v++)
		sum->verdicts[v] += read_counter(&w->verdicts[v]);
	for (size_t r = 0; r < FRONT_RESUME_COUNT; r++)
		sum->resumes[r] += read_counter(&w->resumes[r]);
	for (size_t m = 0; m < PLACEMENT_MAX_MEMBERS; m++)
		sum->placed[m] += read_counter(&w->placed[m]);
}
