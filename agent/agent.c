/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/io/sd_notify.h"

/* Without a director for so long, a member serves under the number that it had last time. */
#define ALONE_MS   3000
/* For so long the director waits for what is tracked: orders before that could only be refused. */
#define TRACK_MS   3000
#define RELEASE_MS 500

/* For systemctl status. */
void agent_show_status(const struct agent *a)
{
	char text[128];

	if (a->stage == STAGE_WAITING)
		snprintf(text, sizeof(text), "waiting for a director");
	else
		snprintf(text, sizeof(text),
			 "serving as number %u, %zu of %zu addresses, %zu taken over",
			 addresses_number(a->addresses), addresses_count_held(a->addresses, true),
			 a->res.setup->n_homes,
			 addresses_count_held(a->addresses, false) -
			     addresses_count_held(a->addresses, true));
	if (sd_notify_status(text) != 0)
		log_debug(a->lg, LG_MAIN, "the service manager does not listen");
}

/* ---- the end ---- */

void agent_end(struct agent *a, int error)
{
	if (a->stage == STAGE_ENDED)
		return;
	a->stage = STAGE_ENDED;
	a->error = error;
	uplink_close(a->uplink);
	tracker_close(a->tracker);
	addresses_close(a->addresses);
	keeper_client_free(a->keeper);
	shard_close(a->shard);
	peer_feed_close(a->peers);
	for (size_t i = 0; i < TIMER_COUNT; i++)
		uv_close((uv_handle_t *)&a->timers[i], NULL);
}

void agent_bye_done(void *ctx)
{
	agent_end(ctx, 0);
}

static void forget_last_words(struct agent *a)
{
	const struct endpoint nowhere = { .port = 0 };

	if (a->keeper != NULL &&
	    keeper_client_set_last_words(a->keeper, &nowhere, (struct bytes){ NULL, 0 }) != 0)
		log_debug(a->lg, LG_KEEPER, "the keeper takes no more requests");
}

static void say_bye(struct agent *a)
{
	struct msg_bye bye = { .reason = a->stop_reason };

	if (a->stage != STAGE_RELEASING)
		return;
	a->stage = STAGE_BYE;
	uv_timer_stop(&a->timers[TIMER_RELEASE]);
	/* What the keeper did not confirm is not claimed to be free; it will say so itself. */
	if (!addresses_may_hold_any(a->addresses)) {
		bye.released = a->released;
		bye.n_released = a->n_released;
		forget_last_words(a);
	}
	uplink_bye(a->uplink, &bye);
}

static void on_release_timer(uv_timer_t *timer)
{
	say_bye(timer->data);
}

void agent_bye_if_released(struct agent *a)
{
	if (a->stage == STAGE_RELEASING && !addresses_may_hold_any(a->addresses))
		say_bye(a);
}

void agent_stop(struct agent *a, const char *reason)
{
	if (a->stage == STAGE_ENDED)
		return;
	if (a->stage == STAGE_RELEASING || a->stage == STAGE_BYE) {
		agent_end(a, 0);
		return;
	}
	log_info(a->lg, LG_MAIN, "stopping: %s", reason);
	snprintf(a->stop_reason, sizeof(a->stop_reason), "%s", reason);
	a->stage = STAGE_RELEASING;
	uv_timer_start(&a->timers[TIMER_RELEASE], on_release_timer, RELEASE_MS, 0);
	for (size_t i = 0; i < a->res.setup->n_addresses; i++) {
		if (addresses_is_held(a->addresses, i))
			a->released[a->n_released++] = a->res.setup->addresses[i];
	}
	addresses_stop(a->addresses, reason);
	agent_bye_if_released(a);
}

/* ---- SAs ---- */

static void on_dropped(void *ctx)
{
	struct agent *a = ctx;

	peer_feed_end_many(a->peers, a->uplink, shard_responder(a->shard));
}

static void on_peer(void *ctx, enum action_type what, const struct peer_info *peer,
		    enum ike_reason reason)
{
	struct agent *a = ctx;

	(void)reason; /* the responder has logged it */
	peer_feed_one(a->peers, a->uplink, what, peer);
}

/* ---- serving ---- */

/*
 * From here on nothing may hold up the loop: the keeper listens to main's heart from its first
 * beat.
 */
void agent_serve(struct agent *a)
{
	const struct keeper_client_events keeper_events = agent_keeper_events(a);
	struct responder_conf conf = a->res.setup->responder;
	int err;

	uv_timer_stop(&a->timers[TIMER_ALONE]);
	conf.member = addresses_number(a->addresses);
	conf.tickets = tickets_office(a->tickets);
	err = shard_begin(a->shard, &conf, a->res.setup->policy, &a->rng);
	if (err == 0)
		err = keeper_client_new(a->loop, a->keeper_fd, &keeper_events, &a->keeper);
	if (err != 0) {
		log_error(a->lg, LG_MAIN, "cannot serve: %s", err_text(err));
		agent_end(a, err);
		return;
	}
	a->stage = STAGE_SERVING;
	agent_use_tokens(a);
	log_info(a->lg, LG_MAIN, "serving as number %u", addresses_number(a->addresses));
	agent_show_status(a);
	addresses_begin(a->addresses, a->keeper);
}

static void on_alone_timer(uv_timer_t *timer)
{
	struct agent *a = timer->data;

	log_warn(a->lg, LG_MAIN,
		 "no director for %d s: going on as number %u of cluster %s, as last time",
		 ALONE_MS / 1000, addresses_number(a->addresses), addresses_cluster(a->addresses));
	agent_serve(a);
}

/* ---- what is tracked ---- */

static void on_track_timer(uv_timer_t *timer)
{
	struct agent *a = timer->data;

	uplink_start(a->uplink);
}

static void on_track(void *ctx, bool is_known, bool is_able, const char *why)
{
	struct agent *a = ctx;

	if (is_able != a->is_able)
		log_write(a->lg, is_able ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, LG_MAIN, "%s%s",
			  is_able ? "able: all that is tracked works" : "not able: ", why);
	a->is_track_known = is_known;
	a->is_able = is_able;
	addresses_able(a->addresses, is_able, why);
	if (is_known)
		uplink_start(a->uplink);
	agent_bye_if_released(a);
}

static void on_tun_lost(void *ctx)
{
	agent_end(ctx, ERR_IO);
}

/* ---- construction ---- */

static int draw_boot_id(struct agent *a, struct errtext *why)
{
	errtext_set(why, "no randomness");
	do {
		if (rng_u64(&a->rng, &a->boot_id) != 0)
			return ERR_CRYPTO;
	} while (a->boot_id == 0);
	return 0;
}

/* What is tracked, and the addresses: sockets that take privileges. */
static int open_parts(struct agent *a, struct errtext *why)
{
	const struct addresses_events events = agent_addresses_events(a);
	struct addresses_conf conf = {
		.setup = a->res.setup,
		.member = a->res.conf->member,
		.state_dir = a->res.state_dir,
		.lg = a->lg,
	};
	int err = draw_boot_id(a, why);

	conf.boot_id = a->boot_id;
	if (err == 0)
		err = addresses_new(a->loop, &conf, &events, &a->addresses, why);
	if (err == 0)
		err = tracker_new(a->loop, &a->res.setup->track, a->lg, on_track, a, &a->tracker,
				  why);
	return err;
}

int agent_new(uv_loop_t *loop, const struct agent_resources *res, struct agent **out,
	      struct errtext *why)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct shard_events events = {
		.child_up = agent_child_up,
		.child_down = agent_child_down,
		.peer = on_peer,
		.dropped = on_dropped,
		.lost = on_tun_lost,
		.ctx = a,
	};
	int err = ERR_NO_MEMORY;

	errtext_set(why, "out of memory");
	if (a == NULL)
		return ERR_NO_MEMORY;
	a->loop = loop;
	a->res = *res;
	a->lg = res->lg;
	a->rng = rng_system();
	a->crypto = crypto_new();
	a->inside = inside_new();
	a->peers = peer_feed_new(loop, a->lg);
	a->tickets = tickets_new(&res->conf->tickets, a->lg);
	if (a->crypto == NULL || a->inside == NULL || a->peers == NULL || a->tickets == NULL)
		goto fail;
	err = shard_new(loop, res->setup->addresses, res->setup->n_addresses, res->tun_fd,
			a->crypto, a->lg, &events, &a->shard, why);
	if (err == 0)
		err = open_parts(a, why);
	if (err != 0)
		goto fail;
	for (size_t i = 0; i < TIMER_COUNT; i++) {
		uv_timer_init(loop, &a->timers[i]);
		a->timers[i].data = a;
	}
	*out = a;
	return 0;
fail:
	/* The loop never runs for a failed start: its handles die with the process. */
	tickets_free(a->tickets);
	inside_free(a->inside);
	crypto_free(a->crypto);
	free(a);
	return err;
}

int agent_start(struct agent *a, int keeper_fd, struct errtext *why)
{
	const struct uplink_events uplink_events = agent_uplink_events(a);
	const struct uplink_conf uplink_conf = {
		.director = a->res.conf->director.address,
		.director_name = a->res.conf->director.name,
		.tls = a->res.tls,
		.boot_id = a->boot_id,
	};
	int err = addresses_load(a->addresses, why);

	if (err != 0)
		return err;
	a->keeper_fd = keeper_fd;
	err = uplink_new(a->loop, &uplink_conf, a->lg, &uplink_events, &a->uplink, why);
	if (err != 0)
		return err;
	if (addresses_number(a->addresses) != 0)
		uv_timer_start(&a->timers[TIMER_ALONE], on_alone_timer, ALONE_MS, 0);
	uv_timer_start(&a->timers[TIMER_TRACK], on_track_timer, TRACK_MS, 0);
	err = tracker_start(a->tracker, why);
	if (err == 0 && !tracker_is_able(a->tracker))
		addresses_able(a->addresses, false, "what is tracked is not known yet");
	return err;
}

int agent_free(struct agent *a)
{
	int error = a->error;

	tickets_free(a->tickets);
	inside_free(a->inside);
	crypto_free(a->crypto);
	free(a);
	return error;
}
