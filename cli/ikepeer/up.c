/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/up.h"

#include <pwd.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "cli/ikepeer/device.h"
#include "cli/ikepeer/plan.h"
#include "cli/ikepeer/tell.h"
#include "cli/ikepeer/wallet.h"
#include "cli/ikepeer/tunnel.h"
#include "common/conf/cmdline.h"
#include "common/io/privileges.h"
#include "common/io/signals.h"

/*
 * The shell of "up": carries out what the plan says, and tells what happens. What needs a privilege
 * (the device, its address and routes) is done first; then all of it is given up, and only then
 * the network is listened to.
 */
#define GOODBYE_MS 3000 /* for the answer to our Delete */

struct up {
	const struct peer_options *options;
	const struct logger *lg;
	struct report report;
	struct plan plan;
	struct plan_step step; /* to be taken when the timer is due */
	struct teller teller;
	struct rng rng;
	uv_loop_t loop;
	struct signals signals;
	uv_timer_t timer;
	struct tunnel *tunnel;
	int ticket_fd; /* -1: none */
	bool is_stopping;
	bool is_closed;
	int exit_code;
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t roll(const struct up *up)
{
	uint64_t dice = 0;

	return rng_u64(&up->rng, &dice) == 0 ? dice : now_ms();
}

/* ---- tickets ---- */

/* What the file has must be what may be used after a crash: nothing else, and nothing twice. */
static void keep_ticket(struct up *up)
{
	const struct resumption *ticket = tunnel_ticket(up->tunnel);
	char text[TICKET_TEXT_MAX] = "";
	int err = 0;

	plan_ticket(&up->plan, ticket != NULL);
	if (up->ticket_fd < 0)
		return;
	if (ticket != NULL)
		err = ticket_to_text(ticket, now_ms(), wall_ms() / 1000, text);
	if (err == 0)
		err = ticket_file_write(up->ticket_fd, ticket != NULL ? text : NULL);
	if (err != 0)
		log_warn(up->lg, LG_MAIN, "%s: cannot be written: %s", up->options->ticket_file,
			 err_text(err));
	wipe(text, sizeof(text));
}

static void load_ticket(struct up *up)
{
	struct resumption ticket;
	char text[TICKET_TEXT_MAX];
	int err;

	if (up->ticket_fd < 0 || ticket_file_read(up->ticket_fd, text) != 0 || text[0] == '\0')
		return;
	err = ticket_from_text(text, now_ms(), wall_ms() / 1000, &ticket);
	if (err == 0) {
		tunnel_give_ticket(up->tunnel, &ticket);
		plan_ticket(&up->plan, true);
		resumption_wipe(&ticket);
	} else if (err != ERR_TIMEOUT) {
		log_warn(up->lg, LG_MAIN, "%s: holds no ticket", up->options->ticket_file);
	}
	wipe(text, sizeof(text));
}

static void end(struct up *up, int exit_code)
{
	if (up->is_closed)
		return;
	up->is_closed = true;
	up->exit_code = exit_code;
	tell_end(&up->report, exit_code);
	tunnel_close(up->tunnel);
	signals_stop(&up->signals);
	uv_close((uv_handle_t *)&up->timer, NULL);
}

/* ---- the plan's steps ---- */

static void on_timer(uv_timer_t *timer);

static void start_timer(struct up *up, uint64_t ms)
{
	if (up->is_closed)
		return;
	uv_update_time(&up->loop);
	uv_timer_start(&up->timer, on_timer, ms, 0);
}

/* From the loop and not at once: the initiator may be in the middle of something. */
static void take_step(struct up *up, const struct plan_step *step)
{
	uint64_t now = now_ms(), wait;

	if (step->what == PLAN_NOTHING || up->is_stopping)
		return;
	up->step = *step;
	wait = step->what == PLAN_WAIT && step->due_ms > now ? step->due_ms - now : 0;
	if (step->what == PLAN_WAIT)
		tell_wait(&up->report, wait);
	start_timer(up, wait);
}

static void connect_to(struct up *up, const struct plan_step *step)
{
	struct plan_step next;
	int err;

	tell_connect(&up->teller, &step->gateway, step->is_resume);
	/* Not to be used twice, whatever happens to us meanwhile. */
	if (step->is_resume && up->ticket_fd >= 0 && ticket_file_write(up->ticket_fd, NULL) != 0)
		log_warn(up->lg, LG_MAIN, "%s: cannot be emptied", up->options->ticket_file);
	err = tunnel_connect(up->tunnel, &step->gateway, step->is_resume);
	if (step->is_resume)
		keep_ticket(up);
	if (err == 0)
		return;
	log_error(up->lg, LG_IKE, "cannot connect: %s", err_text(err));
	next = plan_failed(&up->plan, now_ms(), &step->gateway, REASON_STOPPED, 0, roll(up));
	take_step(up, &next);
}

static void on_timer(uv_timer_t *timer)
{
	struct up *up = timer->data;
	struct plan_step step = up->step;

	if (up->is_stopping) {
		log_warn(up->lg, LG_MAIN, "the gateway has not answered our Delete");
		end(up, EXIT_DONE);
		return;
	}
	if (step.what == PLAN_WAIT)
		step = plan_due(&up->plan);
	if (step.what == PLAN_CONNECT)
		connect_to(up, &step);
	else if (step.what == PLAN_GIVE_UP)
		end(up, EXIT_FAILED);
}

/* ---- what happens ---- */

static void on_action(void *ctx, const struct action *a)
{
	struct up *up = ctx;
	struct plan_step step = { .what = PLAN_NOTHING };

	tell_action(&up->teller, a);
	switch (a->type) {
	case ACTION_TICKET:
	case ACTION_TICKET_GONE:
		keep_ticket(up);
		break;
	case ACTION_PEER_UP:
		plan_up(&up->plan, now_ms(), &a->peer.path.remote.ip);
		break;
	case ACTION_PEER_DOWN:
		step = plan_down(&up->plan, now_ms(), a->reason, roll(up));
		break;
	case ACTION_PEER_FAILED:
		step = plan_failed(&up->plan, now_ms(), &a->peer.path.remote.ip, a->reason,
				   a->notify, roll(up));
		break;
	default:
		break;
	}
	take_step(up, &step);
}

static void on_redirected(void *ctx, const struct ip *to)
{
	struct up *up = ctx;

	tell_redirect(&up->teller, to);
}

static void on_lost(void *ctx)
{
	struct up *up = ctx;

	log_error(up->lg, LG_ESP, "the TUN device was deleted");
	end(up, EXIT_FAILED);
}

static void on_over(void *ctx)
{
	end(ctx, EXIT_DONE);
}

/* The first one deletes the SAs at the gateway and waits for its answer; a second does not wait. */
static void on_signal(void *ctx, int signal)
{
	struct up *up = ctx;

	if (signal == SIGHUP)
		return;
	if (up->is_stopping) {
		end(up, EXIT_DONE);
		return;
	}
	up->is_stopping = true;
	plan_stop(&up->plan);
	start_timer(up, GOODBYE_MS);
	if (!tunnel_delete(up->tunnel))
		end(up, EXIT_DONE);
}

/* ---- the beginning ---- */

static int open_device(const struct up *up, int *fd, struct errtext *why)
{
	const struct peer_options *o = up->options;
	struct device_conf conf = {
		.name = o->tun,
		.address = device_address(&o->local),
		.has_routes = !o->no_routes,
		.remote = &o->remote,
	};

	return device_open(&conf, fd, why);
}

static int drop_privileges(const struct peer_options *o, struct errtext *why)
{
	const struct passwd *self;

	if (geteuid() == 0)
		return privileges_drop(o->user, NULL, 0, why);
	self = getpwuid(geteuid());
	return self != NULL ? privileges_drop(self->pw_name, NULL, 0, why) : privileges_harden(why);
}

static int start(struct up *up, struct errtext *why)
{
	const struct tunnel_events events = {
		.action = on_action,
		.redirected = on_redirected,
		.lost = on_lost,
		.over = on_over,
		.ctx = up,
	};
	int fd, err;

	if (up->options->ticket_file != NULL &&
	    (err = ticket_file_open(up->options->ticket_file, &up->ticket_fd, why)) != 0)
		return err;
	if ((err = open_device(up, &fd, why)) != 0)
		return err;
	if ((err = drop_privileges(up->options, why)) != 0 ||
	    (err = tunnel_open(&up->loop, up->options, fd, up->lg, &events, &up->tunnel, why)) !=
		0) {
		close(fd);
		return err;
	}
	load_ticket(up);
	errtext_set(why, "cannot listen to signals");
	return signals_start(&up->signals, &up->loop, on_signal, up);
}

int up_run(const struct peer_options *options, const struct logger *lg, FILE *out)
{
	struct up up = { .options = options, .lg = lg, .rng = rng_system(), .ticket_fd = -1 };
	struct plan_step first;
	struct errtext why;

	up.report = (struct report){ out, options->is_json, wall_ms };
	up.teller.report = &up.report;
	up.teller.now_ms = now_ms;
	plan_init(&up.plan, &options->gateway, options->tries);
	if (uv_loop_init(&up.loop) != 0)
		return EXIT_FAILED;
	uv_timer_init(&up.loop, &up.timer);
	up.timer.data = &up;
	if (start(&up, &why) != 0) {
		log_error(lg, LG_MAIN, "%s", why.text);
		up.exit_code = EXIT_FAILED;
		tunnel_close(up.tunnel);
		uv_close((uv_handle_t *)&up.timer, NULL);
	} else {
		first = plan_begin(&up.plan);
		take_step(&up, &first);
	}
	uv_run(&up.loop, UV_RUN_DEFAULT);
	uv_loop_close(&up.loop);
	if (up.ticket_fd >= 0)
		close(up.ticket_fd);
	return up.exit_code;
}
