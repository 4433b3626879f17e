/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/agent_report.h"
#include "agent/inside/inside.h"
#include "agent/keeper/keeper_client.h"
#include "agent/peer_batch.h"
#include "agent/state/state.h"
#include "agent/uplink/uplink.h"
#include "common/io/sd_notify.h"

/* Without a director for so long, a member serves under the number that it had last time. */
#define ALONE_MS             3000
/* An address that is refused, because somebody else has it, is asked for ever more rarely. */
#define ADDRESS_RETRY_MS     1000
#define ADDRESS_RETRY_MAX_MS 30000
#define RELEASE_MS           500
/* Between two frames of many that tell of all peers: a frame takes 2 or 3 ms to make. */
#define PEERS_MS             5

enum stage {
	STAGE_WAITING,
	STAGE_SERVING,
	STAGE_RELEASING,
	STAGE_BYE,
	STAGE_ENDED
};
enum timers {
	TIMER_ALONE,
	TIMER_ADDRESSES,
	TIMER_RELEASE,
	TIMER_PEERS,
	TIMER_COUNT
};

struct agent {
	uv_loop_t *loop;
	struct agent_resources res;
	const struct logger *lg;
	struct rng rng;
	struct crypto *crypto;
	struct shard *shard;
	int keeper_fd; /* for keeper, once it is there */
	struct keeper_client *keeper;
	struct uplink *uplink;
	struct inside *inside;
	struct peer_batch *batch; /* all peers, while the director is told of them */
	struct agent_state state;
	struct agent_report report;
	enum stage stage;
	int error;
	bool is_held[KEEPER_ADDRESSES_MAX];
	bool is_requested[KEEPER_ADDRESSES_MAX]; /* an answer is to come */
	uint64_t address_retry_ms;
	char stop_reason[64];
	uv_timer_t timers[TIMER_COUNT];
};

static size_t count_held(const struct agent *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->res.setup->n_homes; i++)
		n += a->is_held[i];
	return n;
}

/* One that was requested may be ours by now: the answer is on its way. */
static bool may_hold_any(const struct agent *a)
{
	for (size_t i = 0; i < a->res.setup->n_homes; i++) {
		if (a->is_held[i] || a->is_requested[i])
			return true;
	}
	return false;
}

/* For systemctl status. */
static void show_status(const struct agent *a)
{
	char text[96];

	if (a->stage == STAGE_WAITING)
		snprintf(text, sizeof(text), "waiting for a director");
	else
		snprintf(text, sizeof(text), "serving as number %u, %zu of %zu addresses",
			 a->state.number, count_held(a), a->res.setup->n_homes);
	if (sd_notify_status(text) != 0)
		log_debug(a->lg, LG_MAIN, "the service manager does not listen");
}

/* ---- the end ---- */

static void end(struct agent *a, int error)
{
	if (a->stage == STAGE_ENDED)
		return;
	a->stage = STAGE_ENDED;
	a->error = error;
	uplink_close(a->uplink);
	keeper_client_free(a->keeper);
	shard_close(a->shard);
	for (size_t i = 0; i < TIMER_COUNT; i++)
		uv_close((uv_handle_t *)&a->timers[i], NULL);
}

static void on_bye_done(void *ctx)
{
	end(ctx, 0);
}

static void say_bye(struct agent *a)
{
	struct msg_bye bye = { .reason = a->stop_reason };

	if (a->stage != STAGE_RELEASING)
		return;
	a->stage = STAGE_BYE;
	uv_timer_stop(&a->timers[TIMER_RELEASE]);
	/* What the keeper did not confirm is not claimed to be free. */
	if (!may_hold_any(a)) {
		bye.released = a->res.setup->homes;
		bye.n_released = a->res.setup->n_homes;
	}
	uplink_bye(a->uplink, &bye);
}

static void on_release_timer(uv_timer_t *timer)
{
	say_bye(timer->data);
}

static void bye_if_released(struct agent *a)
{
	if (a->stage == STAGE_RELEASING && !may_hold_any(a))
		say_bye(a);
}

void agent_stop(struct agent *a, const char *reason)
{
	if (a->stage == STAGE_ENDED)
		return;
	if (a->stage == STAGE_RELEASING || a->stage == STAGE_BYE) {
		end(a, 0);
		return;
	}
	log_info(a->lg, LG_MAIN, "stopping: %s", reason);
	snprintf(a->stop_reason, sizeof(a->stop_reason), "%s", reason);
	a->stage = STAGE_RELEASING;
	uv_timer_start(&a->timers[TIMER_RELEASE], on_release_timer, RELEASE_MS, 0);
	for (size_t i = 0; i < a->res.setup->n_homes; i++) {
		if ((a->is_held[i] || a->is_requested[i]) &&
		    keeper_client_remove_address(a->keeper, i) != 0)
			log_warn(a->lg, LG_KEEPER, "the keeper takes no more requests");
	}
	bye_if_released(a);
}

/* ---- service addresses ---- */

static void on_addresses_timer(uv_timer_t *timer);

static void retry_addresses(struct agent *a)
{
	if (a->stage != STAGE_SERVING || uv_is_active((uv_handle_t *)&a->timers[TIMER_ADDRESSES]))
		return;
	uv_timer_start(&a->timers[TIMER_ADDRESSES], on_addresses_timer, a->address_retry_ms, 0);
	a->address_retry_ms *= 2;
	if (a->address_retry_ms > ADDRESS_RETRY_MAX_MS)
		a->address_retry_ms = ADDRESS_RETRY_MAX_MS;
}

static void request_addresses(struct agent *a)
{
	for (size_t i = 0; a->stage == STAGE_SERVING && i < a->res.setup->n_homes; i++) {
		if (a->is_held[i] || a->is_requested[i])
			continue;
		if (keeper_client_add_address(a->keeper, i, 0, false) == 0)
			a->is_requested[i] = true;
		else
			retry_addresses(a);
	}
}

static void on_addresses_timer(uv_timer_t *timer)
{
	request_addresses(timer->data);
}

static void on_address_answer(struct agent *a, const struct keeper_report *report)
{
	size_t i = report->request.index;
	char text[IP_TEXT_MAX];
	bool is_add = report->request.type == KEEPER_ADDRESS_ADD;

	if (i >= a->res.setup->n_homes)
		return;
	ip_format(&a->res.setup->homes[i], text);
	if (report->result != 0) {
		log_warn(a->lg, LG_KEEPER, "%s not %s: %s", text, is_add ? "taken" : "released",
			 report->text);
		if (is_add) {
			a->is_requested[i] = false;
			retry_addresses(a);
			bye_if_released(a);
		}
		return;
	}
	log_info(a->lg, LG_KEEPER, "%s %s%s%s", text, is_add ? "is ours" : "released",
		 report->text[0] != '\0' ? ": " : "", report->text);
	a->is_held[i] = is_add;
	a->is_requested[i] = false;
	a->address_retry_ms = ADDRESS_RETRY_MS;
	show_status(a);
	bye_if_released(a);
}

static void on_keeper_answer(void *ctx, const struct keeper_report *report)
{
	struct agent *a = ctx;
	char text[PREFIX_TEXT_MAX];

	switch (report->request.type) {
	case KEEPER_ADDRESS_ADD:
	case KEEPER_ADDRESS_REMOVE:
		on_address_answer(a, report);
		break;
	case KEEPER_ROUTE_ADD:
	case KEEPER_ROUTE_REMOVE:
		ip_prefix_format(&report->request.prefix, text);
		if (report->result != 0)
			log_warn(a->lg, LG_KEEPER, "return path of %s: %s", text, report->text);
		else if (report->text[0] != '\0')
			log_info(a->lg, LG_KEEPER, "return path of %s: %s", text, report->text);
		break;
	default:
		break;
	}
}

static void on_address_lost(void *ctx, size_t index, const char *why)
{
	struct agent *a = ctx;
	char text[IP_TEXT_MAX];

	if (index >= a->res.setup->n_homes)
		return;
	log_error(a->lg, LG_KEEPER, "%s lost: %s", ip_format(&a->res.setup->homes[index], text),
		  why);
	a->is_held[index] = false;
	show_status(a);
	retry_addresses(a);
	bye_if_released(a);
}

/* ---- the return path ---- */

static void route(struct agent *a, bool is_add, const struct inside_entry *entry)
{
	for (size_t i = 0; i < entry->n; i++) {
		int err = is_add ? keeper_client_add_route(a->keeper, entry->connection,
							   &entry->prefixes[i], entry->child_id)
				 : keeper_client_remove_route(a->keeper, entry->connection,
							      &entry->prefixes[i], entry->child_id);

		if (err != 0)
			log_warn(a->lg, LG_KEEPER, "the keeper takes no more requests: %s",
				 err_text(err));
	}
}

static void add_route_again(void *ctx, const struct inside_entry *entry)
{
	route(ctx, true, entry);
}

static void on_keeper_dropped(void *ctx, const char *why)
{
	struct agent *a = ctx;

	log_warn(a->lg, LG_KEEPER, "everything was released: %s", why);
	memset(a->is_held, 0, sizeof(a->is_held));
	memset(a->is_requested, 0, sizeof(a->is_requested));
	/* The keeper's probe asks whether somebody else has an address by now. */
	request_addresses(a);
	inside_each(a->inside, add_route_again, a);
	bye_if_released(a);
}

static void on_keeper_death(void *ctx, const char *why)
{
	struct agent *a = ctx;

	log_error(a->lg, LG_KEEPER, "the keeper is gone: %s", why);
	end(a, ERR_CLOSED);
}

static void on_child_up(void *ctx, uint64_t child_id, const struct policy_connection *connection,
			const struct ts_list *inner)
{
	struct agent *a = ctx;
	size_t index = (size_t)(connection - a->res.setup->connections);
	const struct inside_entry *entry;

	if (inside_add(a->inside, child_id, index, inner, &entry) != 0) {
		log_error(a->lg, LG_KEEPER, "no memory for a return path");
		return;
	}
	if (entry->is_cut)
		log_warn(a->lg, LG_KEEPER, "selectors of a peer need more than %d prefixes",
			 INSIDE_PREFIXES_MAX);
	route(a, true, entry);
}

static void on_child_down(void *ctx, uint64_t child_id)
{
	struct agent *a = ctx;
	struct inside_entry entry;

	if (inside_take(a->inside, child_id, &entry))
		route(a, false, &entry);
}

/* ---- peers ---- */

static void on_peer(void *ctx, enum action_type what, const struct peer_info *peer,
		    enum responder_reason reason)
{
	struct agent *a = ctx;
	struct ip_prefix inner[MSG_INNER_MAX];
	struct msg_peer entry;

	(void)reason; /* the responder has logged it */
	report_fill_peer(what, peer, uv_hrtime() / 1000000, inner, &entry);
	uplink_send_peers(a->uplink, false, &entry, 1);
	if (a->batch != NULL)
		peer_batch_drop(a->batch, peer->spi);
}

struct collecting {
	struct peer_batch *batch;
	uint64_t now_ms;
};

static void collect_peer(void *ctx, const struct peer_info *peer)
{
	const struct collecting *c = ctx;

	peer_batch_add(c->batch, peer, c->now_ms);
}

static void forget_batch(struct agent *a)
{
	peer_batch_free(a->batch);
	a->batch = NULL;
	uv_timer_stop(&a->timers[TIMER_PEERS]);
}

static void send_from_batch(struct agent *a, bool reset)
{
	size_t n;
	const struct msg_peer *rest = peer_batch_rest(a->batch, &n);

	peer_batch_skip(a->batch, uplink_send_peers(a->uplink, reset, rest, n));
	peer_batch_rest(a->batch, &n);
	if (n == 0)
		forget_batch(a);
}

static void on_peers_timer(uv_timer_t *timer)
{
	struct agent *a = timer->data;

	if (!uplink_is_up(a->uplink))
		forget_batch(a);
	else if (!uplink_is_full(a->uplink))
		send_from_batch(a, false);
}

/* The first frame now, so that what changes from now on is told after it; the others by and by. */
static void send_all_peers(struct agent *a)
{
	const struct responder *r = shard_responder(a->shard);
	struct collecting c = { .now_ms = uv_hrtime() / 1000000 };

	forget_batch(a);
	c.batch = peer_batch_new(r != NULL ? responder_count_established(r) : 0);
	if (c.batch == NULL) {
		log_error(a->lg, LG_CONTROL, "no memory to tell the director about peers");
		return;
	}
	if (r != NULL)
		responder_each_peer(r, collect_peer, &c);
	a->batch = c.batch;
	uv_timer_start(&a->timers[TIMER_PEERS], on_peers_timer, PEERS_MS, PEERS_MS);
	send_from_batch(a, true);
}

/* ---- the director ---- */

/*
 * From here on nothing may hold up the loop: the keeper listens to main's heart from its first
 * beat.
 */
static void serve(struct agent *a)
{
	const struct keeper_client_events keeper_events = {
		.on_answer = on_keeper_answer,
		.on_address_lost = on_address_lost,
		.on_dropped = on_keeper_dropped,
		.on_death = on_keeper_death,
		.ctx = a,
	};
	struct responder_conf conf = a->res.setup->responder;
	int err;

	uv_timer_stop(&a->timers[TIMER_ALONE]);
	conf.member = a->state.number;
	err = shard_begin(a->shard, &conf, a->res.setup->policy, &a->rng);
	if (err == 0)
		err = keeper_client_new(a->loop, a->keeper_fd, &keeper_events, &a->keeper);
	if (err != 0) {
		log_error(a->lg, LG_MAIN, "cannot serve: %s", err_text(err));
		end(a, err);
		return;
	}
	a->stage = STAGE_SERVING;
	log_info(a->lg, LG_MAIN, "serving as number %u", a->state.number);
	show_status(a);
	request_addresses(a);
}

static void on_alone_timer(uv_timer_t *timer)
{
	struct agent *a = timer->data;

	log_warn(a->lg, LG_MAIN,
		 "no director for %d s: going on as number %u of cluster %s, as last time",
		 ALONE_MS / 1000, a->state.number, a->state.cluster);
	serve(a);
}

/* Returns false if the number is not the one that we serve under. */
static bool take_number(struct agent *a, const struct msg_welcome *w)
{
	struct errtext why = { "" };

	if (a->stage == STAGE_SERVING && w->number != a->state.number) {
		log_error(a->lg, LG_MAIN,
			  "the director calls us number %u, we serve as %u: starting over",
			  w->number, a->state.number);
		return false;
	}
	if (a->state.number == w->number && strcmp(a->state.cluster, w->cluster) == 0)
		return true;
	a->state.number = w->number;
	snprintf(a->state.cluster, sizeof(a->state.cluster), "%s", w->cluster);
	/* The disk may take its time: not while the keeper listens. The next start writes it. */
	if (a->stage != STAGE_WAITING)
		return true;
	if (state_save(a->res.state_dir, &a->state, &why) != 0)
		log_error(a->lg, LG_MAIN, "%s: without a director this member cannot start",
			  why.text);
	return true;
}

static void on_welcome(void *ctx, const struct msg_welcome *w)
{
	struct agent *a = ctx;

	if (!take_number(a, w)) {
		end(a, ERR_MISMATCH);
		return;
	}
	if (a->stage == STAGE_WAITING)
		serve(a);
	if (a->stage == STAGE_SERVING)
		send_all_peers(a);
}

static void on_fill_hello(void *ctx, struct msg_hello *hello)
{
	struct agent *a = ctx;

	report_fill_hello(&a->report, a->res.conf, a->is_held, hello);
}

static void on_fill_heartbeat(void *ctx, struct msg_heartbeat *hb)
{
	struct agent *a = ctx;

	report_fill_heartbeat(&a->report, a->res.conf, a->shard, hb);
	hb->state = a->stage != STAGE_SERVING                ? MSG_STATE_STARTING
		    : count_held(a) == a->res.setup->n_homes ? MSG_STATE_ACTIVE
							     : MSG_STATE_FAILED;
}

static void on_fill_report(void *ctx, struct msg_report *report)
{
	struct agent *a = ctx;

	report_fill_report(&a->report, a->res.conf, a->shard, report);
}

static void on_tun_lost(void *ctx)
{
	end(ctx, ERR_IO);
}

/* ---- construction ---- */

int agent_new(uv_loop_t *loop, const struct agent_resources *res, struct agent **out,
	      struct errtext *why)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct shard_events events = {
		.child_up = on_child_up,
		.child_down = on_child_down,
		.peer = on_peer,
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
	a->address_retry_ms = ADDRESS_RETRY_MS;
	a->crypto = crypto_new();
	a->inside = inside_new();
	if (a->crypto == NULL || a->inside == NULL)
		goto fail;
	err = shard_new(loop, res->setup->homes, res->setup->n_homes, res->tun_fd, a->crypto, a->lg,
			&events, &a->shard, why);
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
	inside_free(a->inside);
	crypto_free(a->crypto);
	free(a);
	return err;
}

int agent_start(struct agent *a, int keeper_fd, struct errtext *why)
{
	const struct uplink_events uplink_events = {
		.fill_hello = on_fill_hello,
		.welcome = on_welcome,
		.fill_heartbeat = on_fill_heartbeat,
		.fill_report = on_fill_report,
		.bye_done = on_bye_done,
		.ctx = a,
	};
	const struct uplink_conf uplink_conf = {
		.director = a->res.conf->director.address,
		.director_name = a->res.conf->director.name,
		.tls = a->res.tls,
	};
	int err = state_load(a->res.state_dir, &a->state, why);

	if (err != 0)
		return err;
	a->keeper_fd = keeper_fd;
	err = uplink_new(a->loop, &uplink_conf, a->lg, &uplink_events, &a->uplink, why);
	if (err != 0)
		return err;
	if (a->state.number != 0)
		uv_timer_start(&a->timers[TIMER_ALONE], on_alone_timer, ALONE_MS, 0);
	return 0;
}

int agent_free(struct agent *a)
{
	int error = a->error;

	peer_batch_free(a->batch);
	inside_free(a->inside);
	crypto_free(a->crypto);
	free(a);
	return error;
}
