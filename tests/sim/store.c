/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* The director's store: a transaction is on the disk when it is answered, or nothing is changed. */

struct job {
	uint64_t ticket;
	size_t address;
	struct coordinator_record record;
	uint64_t at_least;
	bool is_adopted;
};

static uint64_t apply(struct sim *s, const struct job *job)
{
	struct director *d = &s->director;
	struct store_content *store = &d->store;
	uint64_t epoch = job->record.epoch;

	if (job->is_adopted) {
		if (epoch > store->epoch)
			store->epoch = epoch;
	} else {
		epoch = store->epoch > job->at_least ? store->epoch : job->at_least;
		epoch = epoch > store->epoch_floor ? epoch : store->epoch_floor;
		store->epoch = ++epoch;
	}
	if (store->epoch > d->max_given)
		d->max_given = store->epoch;
	store->records[job->address].owner = job->record.owner;
	store->records[job->address].epoch = epoch;
	store->records[job->address].is_manual = job->record.is_manual;
	return epoch;
}

static void answer(struct sim *s, const struct job *job)
{
	struct director *d = &s->director;
	uint64_t epoch = 0;
	int err = d->is_store_failing ? ERR_IO : 0;

	if (err == 0)
		epoch = apply(s, job);
	coordinator_stored(d->coordinator, s->now, job->ticket, err, epoch);
}

/* The disk has done it; the process may be gone, and with it only the answer. */
static void on_done(struct sim *s, struct event *e)
{
	answer(s, event_data(e));
	director_changed(s);
}

static void go_on(struct sim *s, struct event *e)
{
	const struct job *job = event_data(e);
	struct proc *p = &s->director.proc;
	struct job done = *job;

	if (!p->is_alive || p->gen != e->gen)
		return;
	/* The call returns; timers and sockets come after it. */
	p->is_stopped = s->director.is_waiting = false;
	answer(s, &done);
	director_changed(s);
	if (p->is_alive && !p->is_stopped)
		proc_resume(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
}

/* Whether a crash came before or after it was on the disk. */
static void on_cut(struct sim *s, struct event *e)
{
	const struct job *job = event_data(e);
	struct proc *p = &s->director.proc;

	if ((p->is_alive && p->gen == e->gen) || s->director.is_store_failing ||
	    draw(&s->director.rng, 2) == 0)
		return;
	/* A director that has started since has read the store already. */
	if (!p->is_alive)
		(void)apply(s, job);
}

void store_job(struct sim *s, const struct coordinator_action *action)
{
	struct director *d = &s->director;
	const struct job job = {
		.ticket = action->ticket,
		.address = sim_find(s, &action->record.ip),
		.record = action->record,
		.at_least = action->at_least,
		.is_adopted = action->is_adopted,
	};
	uint64_t took_ms = d->store_ms + draw(&d->rng, 3 + d->store_ms);

	if (d->is_store_sync) {
		if (took_ms == 0) {
			answer(s, &job);
			return;
		}
		d->proc.is_stopped = d->is_waiting = true;
		d->proc.stopped_at = s->now;
		sim_at(s, s->now + took_ms, go_on, SIM_DIRECTOR, &job, sizeof(job))->gen =
		    d->proc.gen;
		return;
	}
	if (d->store_free_at < s->now)
		d->store_free_at = s->now;
	d->store_free_at += took_ms;
	sim_post(s, SIM_THE_DIRECTOR, SIM_DIRECTOR, d->store_free_at, on_done, &job, sizeof(job));
	sim_at(s, d->store_free_at, on_cut, SIM_DIRECTOR, &job, sizeof(job))->gen = d->proc.gen;
}

/* A copy as an administrator makes it. */
void store_copy(struct sim *s)
{
	struct director *d = &s->director;
	size_t i = d->n_copies < SIM_COPIES_MAX ? d->n_copies++ : draw(&d->rng, SIM_COPIES_MAX);

	d->copies[i] = d->store;
	SIM_SAY(s, SIM_DIRECTOR, "store copied, epoch %llu", (unsigned long long)d->store.epoch);
}
