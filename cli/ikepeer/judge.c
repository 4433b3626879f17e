/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/judge.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/ikev2/notify.h"

/* The worst verdict and its reason; of equals the first. */
struct verdict {
	enum probe_status status;
	char *why;
};

__attribute__((format(printf, 3, 4))) static void say(struct verdict *v, enum probe_status status,
						      const char *fmt, ...)
{
	va_list args;

	if (status <= v->status && v->why[0] != '\0')
		return;
	v->status = status;
	va_start(args, fmt);
	vsnprintf(v->why, JUDGE_TEXT_MAX, fmt, args);
	va_end(args);
}

const char *probe_status_name(enum probe_status status)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	return names[status];
}

const char *probe_answer_name(enum probe_answer answer)
{
	static const char *const names[] = {
		[PROBE_SILENT] = "silent",     [PROBE_ACCEPTED] = "accepted",
		[PROBE_REDIRECT] = "redirect", [PROBE_NACK] = "ticket-nack",
		[PROBE_ERROR] = "error",
	};

	return names[answer];
}

static void judge_time(struct verdict *v, const struct probe_result *r, const char *gateway,
		       uint64_t took_us)
{
	double ms = (double)took_us / 1000;

	if (r->critical_ms != 0 && took_us > (uint64_t)r->critical_ms * 1000)
		say(v, PROBE_CRITICAL, "%s took %.1f ms to answer", gateway, ms);
	else if (r->warning_ms != 0 && took_us > (uint64_t)r->warning_ms * 1000)
		say(v, PROBE_WARNING, "%s took %.1f ms to answer", gateway, ms);
}

/* It works, but. */
static void judge_ease(struct verdict *v, const struct probe_result *r, const struct probe_leg *leg,
		       const char *gateway)
{
	if (leg->answer == PROBE_SILENT)
		return;
	judge_time(v, r, gateway, leg->rtt_us);
	if (leg->n_repeated > 0)
		say(v, PROBE_WARNING, "%s answered only when asked %u times", gateway,
		    leg->n_repeated + 1);
	if (leg->has_cookie)
		say(v, PROBE_WARNING, "%s asks strangers for a cookie: it has many half-open SAs",
		    gateway);
}

static void judge_leg(struct verdict *v, const struct probe_result *r, const struct probe_leg *leg)
{
	char gateway[IP_TEXT_MAX];
	bool is_last = leg == &r->legs[r->n_legs - 1];

	ip_format(&leg->gateway, gateway);
	switch (leg->answer) {
	case PROBE_SILENT:
		say(v, PROBE_CRITICAL, "%s does not answer", gateway);
		break;
	case PROBE_ERROR:
		say(v, PROBE_CRITICAL, "%s answers %s", gateway, notify_name(leg->notify));
		break;
	case PROBE_ACCEPTED:
		if (r->is_resume)
			say(v, PROBE_CRITICAL, "%s resumes with a ticket that is none", gateway);
		else if (leg->suite[0] == '\0')
			say(v, PROBE_CRITICAL, "%s chose what was not offered", gateway);
		break;
	case PROBE_NACK:
		if (!r->is_resume)
			say(v, PROBE_CRITICAL, "%s answers TICKET_NACK to no ticket", gateway);
		break;
	case PROBE_REDIRECT:
		if (is_last && r->n_legs == PROBE_LEGS_MAX)
			say(v, PROBE_CRITICAL, "redirected %d times, at last to %s", PROBE_LEGS_MAX,
			    leg->target);
		break;
	}
	judge_ease(v, r, leg, gateway);
}

static void judge_auth(struct verdict *v, const struct probe_auth *a)
{
	char gateway[ENDPOINT_TEXT_MAX];

	endpoint_format(&a->gateway, gateway);
	if (!a->is_done)
		say(v, PROBE_CRITICAL, "IKE_AUTH came to no end");
	else if (!a->is_up)
		say(v, PROBE_CRITICAL, "no IKE SA at %s: %s%s%s", gateway,
		    ike_reason_text(a->reason), a->notify != 0 ? ", " : "",
		    a->notify != 0 ? notify_name(a->notify) : "");
	else if (!a->has_child)
		say(v, PROBE_WARNING, "'%s' at %s refuses the Child SA", a->identity, gateway);
}

/* Nothing is wrong: what is there to see. */
static void praise(struct verdict *v, const struct probe_result *r)
{
	const struct probe_leg *last = &r->legs[r->n_legs - 1];
	char gateway[IP_TEXT_MAX], peer[ENDPOINT_TEXT_MAX];
	double ms = (double)last->rtt_us / 1000;

	ip_format(&last->gateway, gateway);
	if (r->has_credentials)
		say(v, PROBE_OK, "'%s' at %s set up IKE and Child SA in %.1f ms", r->auth.identity,
		    endpoint_format(&r->auth.gateway, peer), (double)r->auth.took_us / 1000);
	else if (last->answer == PROBE_REDIRECT)
		say(v, PROBE_OK, "%s redirects to %s in %.1f ms", gateway, last->target, ms);
	else if (last->answer == PROBE_NACK)
		say(v, PROBE_OK, "%s refuses a ticket that is none in %.1f ms", gateway, ms);
	else
		say(v, PROBE_OK, "%s accepts %s in %.1f ms", gateway, last->suite, ms);
}

enum probe_status probe_judge(const struct probe_result *r, char why[JUDGE_TEXT_MAX])
{
	struct verdict v = { PROBE_OK, why };

	why[0] = '\0';
	if (r->n_legs == 0) {
		say(&v, PROBE_UNKNOWN, "nobody was asked");
		return v.status;
	}
	for (size_t i = 0; i < r->n_legs; i++)
		judge_leg(&v, r, &r->legs[i]);
	/* Without a first answer nobody was asked to authenticate. */
	if (r->has_credentials && r->legs[0].answer != PROBE_SILENT)
		judge_auth(&v, &r->auth);
	if (why[0] == '\0')
		praise(&v, r);
	return v.status;
}
