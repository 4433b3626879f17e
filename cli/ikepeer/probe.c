/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/probe.h"

#include <stdlib.h>

#include "cli/ikepeer/probe_print.h"
#include "cli/ikepeer/transport.h"
#include "cli/ikepeer/tunnel.h"
#include "common/io/privileges.h"

/*
 * The shell of "probe": first the question of a stranger (probing.h), then, with credentials and if
 * there was an answer at all, a whole set-up that is deleted at once. The set-up begins anew at the
 * first gateway, as a peer would, and follows redirects by itself.
 */
#define GOODBYE_MS 2000 /* for the answer to our Delete */

struct probe {
	const struct peer_options *options;
	const struct logger *lg;
	struct rng rng;
	uv_loop_t loop;
	uv_timer_t timer;
	struct crypto *crypto;
	struct transport *transport; /* of the stranger */
	struct probing *probing;
	struct tunnel *tunnel; /* of the peer */
	struct probe_result result;
	uint64_t auth_began_us;
	bool is_up; /* to be deleted when the timer is due */
	bool is_closed;
};

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

static void close_all(struct probe *p)
{
	if (p->is_closed)
		return;
	p->is_closed = true;
	transport_close(p->transport);
	p->transport = NULL;
	tunnel_close(p->tunnel);
	uv_close((uv_handle_t *)&p->timer, NULL);
}

static void start_timer(struct probe *p, uv_timer_cb due, uint64_t ms)
{
	if (p->is_closed)
		return;
	uv_update_time(&p->loop);
	uv_timer_start(&p->timer, due, ms, 0);
}

/* ---- the peer ---- */

static void on_goodbye_over(uv_timer_t *timer)
{
	close_all(timer->data);
}

/* Not from inside the action that told it. */
static void on_auth_over(uv_timer_t *timer)
{
	struct probe *p = timer->data;

	start_timer(p, on_goodbye_over, GOODBYE_MS);
	if (!p->is_up || !tunnel_delete(p->tunnel))
		close_all(p);
}

static void on_action(void *ctx, const struct action *a)
{
	struct probe *p = ctx;
	struct probe_auth *auth = &p->result.auth;

	if (a->type == ACTION_CHILD_ADD && !auth->is_done) {
		auth->has_child = true;
		auth->local = a->child.ts_local;
		auth->remote = a->child.ts_remote;
	}
	if (auth->is_done || (a->type != ACTION_PEER_UP && a->type != ACTION_PEER_FAILED))
		return;
	auth->is_done = true;
	auth->is_up = p->is_up = a->type == ACTION_PEER_UP;
	auth->reason = a->reason;
	auth->notify = auth->is_up ? 0 : a->notify;
	auth->gateway = a->peer.path.remote;
	auth->took_us = now_us() - p->auth_began_us;
	if (auth->is_up)
		memcpy(auth->identity, a->peer.identity, sizeof(auth->identity));
	start_timer(p, on_auth_over, 0);
}

static void on_redirected(void *ctx, const struct ip *to)
{
	(void)ctx;
	(void)to;
}

static void on_over(void *ctx)
{
	close_all(ctx);
}

static void begin_auth(struct probe *p)
{
	const struct tunnel_events events = {
		.action = on_action,
		.redirected = on_redirected,
		.over = on_over,
		.ctx = p,
	};
	struct errtext why;

	p->auth_began_us = now_us();
	if (tunnel_open(&p->loop, p->options, -1, p->lg, &events, &p->tunnel, &why) != 0) {
		log_error(p->lg, LG_IKE, "%s", why.text);
		close_all(p);
	} else if (tunnel_connect(p->tunnel, &p->options->gateway, false) != 0) {
		close_all(p);
	}
}

/* ---- the stranger ---- */

static void on_due(uv_timer_t *timer);

static void take_step(struct probe *p, const struct probing_step *step)
{
	uint64_t now = now_us();

	if (step->message.ptr != NULL)
		transport_send_ike(p->transport, &step->path, step->message);
	if (!step->is_over) {
		/* Rounded up: not a turn of the loop too early. */
		start_timer(p, on_due, step->due_us > now ? (step->due_us - now + 999) / 1000 : 0);
		return;
	}
	transport_close(p->transport);
	p->transport = NULL;
	uv_timer_stop(&p->timer);
	p->result.n_legs = probing_legs(p->probing, &p->result.legs);
	if (p->result.has_credentials && p->result.legs[0].answer != PROBE_SILENT)
		begin_auth(p);
	else
		close_all(p);
}

static void on_due(uv_timer_t *timer)
{
	struct probe *p = timer->data;
	struct probing_step step = probing_due(p->probing, now_us());

	take_step(p, &step);
}

static void on_ike(void *ctx, const struct path *path, struct bytes message)
{
	struct probe *p = ctx;
	struct probing_step step = probing_take(p->probing, now_us(), path, message);

	take_step(p, &step);
}

static void on_esp(void *ctx, const struct endpoint *remote, struct bytes packet)
{
	(void)ctx;
	(void)remote;
	(void)packet;
}

static int begin(struct probe *p, struct errtext *why)
{
	const struct peer_options *o = p->options;
	const struct transport_events events = { on_ike, on_esp, p };
	struct probing_conf conf = {
		.n_suites = o->n_ike,
		.is_resume = o->is_resume,
		.is_following = o->is_following,
		.shows_redirect = !o->no_redirect,
		.timeout_us = (uint64_t)o->timeout_ms * 1000,
	};
	struct probing_step step;
	int err;

	if ((err = privileges_harden(why)) != 0 ||
	    (err = transport_open(&p->loop, &o->gateway, &o->source, &events, &p->transport,
				  why)) != 0)
		return err;
	conf.path = transport_path(p->transport, &o->gateway);
	memcpy(conf.suites, o->ike, sizeof(conf.suites));
	p->crypto = crypto_new();
	p->probing = p->crypto != NULL ? probing_new(&conf, p->crypto, &p->rng) : NULL;
	err = p->probing != NULL ? probing_begin(p->probing, now_us(), &step) : ERR_NO_MEMORY;
	if (err == 0)
		take_step(p, &step);
	else
		errtext_set(why, "cannot begin: %s", err_text(err));
	return err;
}

int probe_run(const struct peer_options *options, const struct logger *lg, FILE *out)
{
	struct probe p = { .options = options, .lg = lg, .rng = rng_system() };
	enum probe_status status = PROBE_UNKNOWN;
	char text[JUDGE_TEXT_MAX];
	struct errtext why;

	p.result = (struct probe_result){
		.is_resume = options->is_resume,
		.has_credentials = options->id != NULL,
		.warning_ms = options->warning_ms,
		.critical_ms = options->critical_ms,
	};
	if (uv_loop_init(&p.loop) != 0)
		return PROBE_UNKNOWN;
	uv_timer_init(&p.loop, &p.timer);
	p.timer.data = &p;
	if (begin(&p, &why) != 0) {
		fprintf(stderr, "ikepeer probe: %s\n", why.text);
		close_all(&p);
		uv_run(&p.loop, UV_RUN_DEFAULT);
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
		status = probe_judge(&p.result, text);
		probe_print(out, options->is_json, &p.result, status, text);
	}
	probing_free(p.probing);
	crypto_free(p.crypto);
	uv_loop_close(&p.loop);
	return (int)status;
}
