/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_internal.h"

#include <stdlib.h>

#include "agent/sa_page.h"

/* Main and the director: hello, welcome, orders, heartbeats and reports. */

void agent_use_tokens(struct agent *a)
{
	for (uint8_t number = 1; number <= MSG_NUMBER_MAX; number++)
		shard_set_qcd(a->shard, number, tickets_qcd(a->tickets, number));
}

static void on_welcome(void *ctx, const struct msg_welcome *w)
{
	struct agent *a = ctx;

	if (a->stage != STAGE_WAITING && w->number != addresses_number(a->addresses)) {
		log_error(a->lg, LG_MAIN,
			  "the director calls us number %u, we serve as %u: starting over",
			  w->number, addresses_number(a->addresses));
		agent_end(a, ERR_MISMATCH);
		return;
	}
	addresses_take_welcome(a->addresses, w);
	tickets_take_keys(a->tickets, w->ring, w->n_ring);
	tickets_take_revocations(a->tickets, w->revocations, w->n_revocations);
	agent_use_tokens(a);
	if (a->stage == STAGE_WAITING)
		agent_serve(a);
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
	agent_use_tokens(a);
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
	agent_bye_if_released(a);
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

struct uplink_events agent_uplink_events(struct agent *a)
{
	return (struct uplink_events){
		.fill_hello = on_fill_hello,
		.welcome = on_welcome,
		.last_words = on_last_words,
		.order = on_order,
		.lost = on_director_lost,
		.fill_heartbeat = on_fill_heartbeat,
		.fill_report = on_fill_report,
		.bye_done = agent_bye_done,
		.ctx = a,
	};
}
