/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/addresses/addresses.h"
#include "agent/agent_report.h"
#include "agent/inside/inside.h"
#include "agent/keeper/keeper_client.h"
#include "agent/peer_feed.h"
#include "agent/route_alarm.h"
#include "agent/sa_page.h"
#include "agent/tickets/tickets.h"
#include "agent/track/tracker.h"
#include "agent/uplink/uplink.h"
#include "common/io/sd_notify.h"

/* Without a director for so long, a member serves under the number that it had last time. */
#define ALONE_MS   3000
/* For so long the director waits for what is tracked: orders before that could only be refused. */
#define TRACK_MS   3000
#define RELEASE_MS 500

enum stage {
	STAGE_WAITING,
	STAGE_SERVING,
	STAGE_RELEASING,
	STAGE_BYE,
	STAGE_ENDED
};
enum timers {
	TIMER_ALONE,
	TIMER_TRACK,
	TIMER_RELEASE,
	TIMER_COUNT
};

struct agent {
	uv_loop_t *loop;
	struct agent_resources res;
	const struct logger *lg;
	struct rng rng;
	uint64_t boot_id;
	struct crypto *crypto;
	struct shard *shard;
	int keeper_fd; /* for keeper, once it is there */
	struct keeper_client *keeper;
	struct uplink *uplink;
	struct inside *inside;
	struct peer_feed *peers;
	struct route_alarm route_alarm;
	struct addresses *addresses;
	struct tracker *tracker;
	struct tickets *tickets;
	const char *ring_ids[MSG_RING_IDS_MAX]; /* of a hello */
	struct agent_report report;
	enum stage stage;
	int error;
	bool is_track_known, is_able;
	size_t n_released; /* what was held when the stop began */
	struct ip released[KEEPER_ADDRESSES_MAX];
	char stop_reason[64];
	uv_timer_t timers[TIMER_COUNT];
};

/* For systemctl status. */
static void show_status(const struct agent *a)
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

static void end(struct agent *a, int error)
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

static void on_bye_done(void *ctx)
{
	end(ctx, 0);
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

static void bye_if_released(struct agent *a)
{
	if (a->stage == STAGE_RELEASING && !addresses_may_hold_any(a->addresses))
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
	for (size_t i = 0; i < a->res.setup->n_addresses; i++) {
		if (addresses_is_held(a->addresses, i))
			a->released[a->n_released++] = a->res.setup->addresses[i];
	}
	addresses_stop(a->addresses, reason);
	bye_if_released(a);
}

/* ---- service addresses ---- */

/* A home address of this member that it holds, for those who come to an address of another. */
static struct ip find_target(const struct agent *a, uint8_t family)
{
	for (size_t i = 0; i < a->res.setup->n_homes; i++) {
		const struct ip *home = &a->res.setup->addresses[i];

		if (home->family == family && addresses_is_held(a->addresses, i))
			return *home;
	}
	return (struct ip){ .family = IP_NONE };
}

static void on_addresses_changed(void *ctx)
{
	struct agent *a = ctx;

	/* Addresses that were taken over collect no new SAs: those are to stay when it moves home.
	 */
	for (size_t i = a->res.setup->n_homes; i < a->res.setup->n_addresses; i++) {
		const struct ip *local = &a->res.setup->addresses[i];
		struct ip target = find_target(a, local->family);

		if (!addresses_is_held(a->addresses, i))
			target.family = IP_NONE;
		shard_set_redirect(a->shard, local, &target);
		shard_set_dead(a->shard, local, addresses_dead(a->addresses, i));
	}
	show_status(a);
	bye_if_released(a);
}

static void on_address_lost(void *ctx, const struct ip *ip)
{
	struct agent *a = ctx;

	peer_feed_begin_many(a->peers);
	shard_drop_local(a->shard, ip);
}

static void on_dropped(void *ctx)
{
	struct agent *a = ctx;

	peer_feed_end_many(a->peers, a->uplink, shard_responder(a->shard));
}

static void on_tell(void *ctx, struct message *m)
{
	struct agent *a = ctx;

	uplink_tell(a->uplink, m);
}

/* ---- the keeper ---- */

static void on_route_answer(struct agent *a, const struct keeper_report *report)
{
	char prefix[PREFIX_TEXT_MAX], what[MSG_TEXT_MAX + 1], why[MSG_TEXT_MAX + 1];
	struct message m = { .type = MESSAGE_EVENT, .event = { what, why } };

	ip_prefix_format(&report->request.prefix, prefix);
	if (report->result != 0) {
		log_warn(a->lg, LG_KEEPER, "return path of %s: %s", prefix, report->text);
		if (route_alarm_take(&a->route_alarm, uv_now(a->loop), report, what, why))
			uplink_tell(a->uplink, &m);
	} else if (report->text[0] != '\0') {
		log_info(a->lg, LG_KEEPER, "return path of %s: %s", prefix, report->text);
	}
}

static void on_keeper_answer(void *ctx, const struct keeper_report *report)
{
	struct agent *a = ctx;

	switch (report->request.type) {
	case KEEPER_ADDRESS_ADD:
	case KEEPER_ADDRESS_REMOVE:
	case KEEPER_ASK:
		addresses_keeper_answer(a->addresses, report);
		bye_if_released(a);
		break;
	case KEEPER_ROUTE_ADD:
	case KEEPER_ROUTE_REMOVE:
		on_route_answer(a, report);
		break;
	default:
		break;
	}
}

static void on_keeper_lost(void *ctx, size_t index, const char *why)
{
	struct agent *a = ctx;
	char text[IP_TEXT_MAX];

	if (index >= a->res.setup->n_addresses)
		return;
	log_error(a->lg, LG_KEEPER, "%s lost: %s", ip_format(&a->res.setup->addresses[index], text),
		  why);
	addresses_keeper_lost(a->addresses, index, why);
	bye_if_released(a);
}

static void on_keeper_conflict(void *ctx, size_t index, const char *mac, uint32_t count)
{
	struct agent *a = ctx;

	addresses_keeper_conflict(a->addresses, index, mac, count);
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
	addresses_keeper_dropped(a->addresses, why);
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
		    enum ike_reason reason)
{
	struct agent *a = ctx;

	(void)reason; /* the responder has logged it */
	peer_feed_one(a->peers, a->uplink, what, peer);
}

/* ---- the director ---- */

static void use_tokens(struct agent *a)
{
	for (uint8_t number = 1; number <= MSG_NUMBER_MAX; number++)
		shard_set_qcd(a->shard, number, tickets_qcd(a->tickets, number));
}

/*
 * From here on nothing may hold up the loop: the keeper listens to main's heart from its first
 * beat.
 */
static void serve(struct agent *a)
{
	const struct keeper_client_events keeper_events = {
		.on_answer = on_keeper_answer,
		.on_conflict = on_keeper_conflict,
		.on_address_lost = on_keeper_lost,
		.on_dropped = on_keeper_dropped,
		.on_death = on_keeper_death,
		.ctx = a,
	};
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
		end(a, err);
		return;
	}
	a->stage = STAGE_SERVING;
	use_tokens(a);
	log_info(a->lg, LG_MAIN, "serving as number %u", addresses_number(a->addresses));
	show_status(a);
	addresses_begin(a->addresses, a->keeper);
}

static void on_alone_timer(uv_timer_t *timer)
{
	struct agent *a = timer->data;

	log_warn(a->lg, LG_MAIN,
		 "no director for %d s: going on as number %u of cluster %s, as last time",
		 ALONE_MS / 1000, addresses_number(a->addresses), addresses_cluster(a->addresses));
	serve(a);
}

static void on_welcome(void *ctx, const struct msg_welcome *w)
{
	struct agent *a = ctx;

	if (a->stage != STAGE_WAITING && w->number != addresses_number(a->addresses)) {
		log_error(a->lg, LG_MAIN,
			  "the director calls us number %u, we serve as %u: starting over",
			  w->number, addresses_number(a->addresses));
		end(a, ERR_MISMATCH);
		return;
	}
	addresses_take_welcome(a->addresses, w);
	tickets_take_keys(a->tickets, w->ring, w->n_ring);
	tickets_take_revocations(a->tickets, w->revocations, w->n_revocations);
	use_tokens(a);
	if (a->stage == STAGE_WAITING)
		serve(a);
	if (a->stage == STAGE_SERVING)
		peer_feed_all(a->peers, a->uplink, shard_responder(a->shard));
}

static void on_fill_hello(void *ctx, struct msg_hello *hello)
{
	struct agent *a = ctx;

	report_fill_hello(&a->report, a->res.conf, a->res.setup, hello);
	addresses_fill_hello(a->addresses, a->report.addresses, hello);
	memcpy(a->ring_ids, hello->ring_ids, hello->n_ring_ids * sizeof(a->ring_ids[0]));
	hello->ring_ids = a->ring_ids;
	hello->n_ring_ids =
	    tickets_key_names(a->tickets, a->ring_ids, hello->n_ring_ids, MSG_RING_IDS_MAX);
}

static void on_last_words(void *ctx, const struct endpoint *to, struct bytes words)
{
	struct agent *a = ctx;

	if (a->stage != STAGE_SERVING)
		return;
	if (keeper_client_set_last_words(a->keeper, to, words) != 0)
		log_warn(a->lg, LG_KEEPER, "the keeper takes no last words");
}

static void answer_sas(struct agent *a, const struct message *m)
{
	struct message answer = { .type = MESSAGE_SAS_PART, .id = m->id };
	struct sa_page *page = sa_page_new(shard_responder(a->shard), shard_esp(a->shard),
					   uv_hrtime() / 1000000, &m->sas);

	if (page == NULL) {
		log_error(a->lg, LG_CONTROL, "no memory to tell of SAs");
		return;
	}
	answer.sas_part = *sa_page_part(page);
	uplink_tell(a->uplink, &answer);
	sa_page_free(page);
}

static void answer_ring(struct agent *a, const struct message *m)
{
	struct message answer = { .type = MESSAGE_RING_OK, .id = m->id };
	const char **ids = calloc(m->ring.n_keys + 1, sizeof(*ids));

	addresses_take_keys(a->addresses, m->ring.keys, m->ring.n_keys);
	tickets_take_keys(a->tickets, m->ring.keys, m->ring.n_keys);
	use_tokens(a);
	for (size_t i = 0; ids != NULL && i < m->ring.n_keys; i++) {
		if (tickets_holds(a->tickets, &m->ring.keys[i]))
			ids[answer.ring_ok.n_ids++] = m->ring.keys[i].id;
	}
	answer.ring_ok.ids = ids;
	uplink_tell(a->uplink, &answer);
	free(ids);
}

static void answer_revoke(struct agent *a, const struct message *m)
{
	struct message answer = { .type = MESSAGE_OK, .id = m->id };

	tickets_take_revocations(a->tickets, m->revoke.revocations, m->revoke.n_revocations);
	uplink_tell(a->uplink, &answer);
}

/* True if it was about SAs or tickets. */
static bool take_session_order(struct agent *a, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_SAS:
		answer_sas(a, m);
		return true;
	case MESSAGE_RING:
		answer_ring(a, m);
		return true;
	case MESSAGE_REVOKE:
		answer_revoke(a, m);
		return true;
	case MESSAGE_SUPERSEDED:
		shard_supersede(a->shard, m->superseded.spi, m->superseded.identity);
		return true;
	default:
		return false;
	}
}

static void on_order(void *ctx, const struct message *m)
{
	struct agent *a = ctx;

	if (take_session_order(a, m))
		return;
	addresses_take_order(a->addresses, m);
	bye_if_released(a);
}

static void on_director_lost(void *ctx)
{
	struct agent *a = ctx;

	addresses_disconnected(a->addresses);
}

static void on_fill_heartbeat(void *ctx, struct msg_heartbeat *hb)
{
	struct agent *a = ctx;

	report_fill_heartbeat(&a->report, a->res.conf, a->shard, hb);
	if (a->stage != STAGE_SERVING || !a->is_track_known)
		hb->state = MSG_STATE_STARTING;
	else if (!a->is_able)
		hb->state = MSG_STATE_FAILED;
	else
		hb->state = addresses_count_held(a->addresses, true) > 0 ? MSG_STATE_ACTIVE
									 : MSG_STATE_STARTING;
}

static void on_fill_report(void *ctx, struct msg_report *report)
{
	struct agent *a = ctx;

	report_fill_report(&a->report, a->res.conf, a->shard, a->addresses, report);
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
	bye_if_released(a);
}

static void on_tun_lost(void *ctx)
{
	end(ctx, ERR_IO);
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
	const struct addresses_events events = {
		.changed = on_addresses_changed,
		.lost = on_address_lost,
		.tell = on_tell,
		.ctx = a,
	};
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
		.child_up = on_child_up,
		.child_down = on_child_down,
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
	const struct uplink_events uplink_events = {
		.fill_hello = on_fill_hello,
		.welcome = on_welcome,
		.last_words = on_last_words,
		.order = on_order,
		.lost = on_director_lost,
		.fill_heartbeat = on_fill_heartbeat,
		.fill_report = on_fill_report,
		.bye_done = on_bye_done,
		.ctx = a,
	};
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
