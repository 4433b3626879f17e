/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/tell.h"

#include <inttypes.h>

#include "common/ikev2/notify.h"

#define HEX_MAX 24

static json_t *hex(uint64_t value, int digits)
{
	char text[HEX_MAX];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, value);
	return json_string(text);
}

void tell_connect(struct teller *t, const struct ip *gateway, bool is_resume)
{
	char text[IP_TEXT_MAX];

	t->is_attempting = true;
	report_event(
	    t->report, "connecting",
	    json_pack("{s:o, s:b}", "gateway", report_ip(gateway), "ticket", (int)is_resume),
	    "%s%s", ip_format(gateway, text), is_resume ? " with a ticket" : "");
}

void tell_redirect(struct teller *t, const struct ip *to)
{
	char text[IP_TEXT_MAX];

	t->is_attempting = true;
	report_event(t->report, "redirected", json_pack("{s:o}", "to", report_ip(to)), "to %s",
		     ip_format(to, text));
}

static void tell_child(const struct teller *t, bool is_rekeyed)
{
	char local[SELECTORS_TEXT_MAX], remote[SELECTORS_TEXT_MAX];

	report_event(t->report, "child-up",
		     json_pack("{s:o, s:o, s:o, s:o, s:b}", "local", report_selectors(&t->local),
			       "remote", report_selectors(&t->remote), "spi_in", hex(t->spi_in, 8),
			       "spi_out", hex(t->spi_out, 8), "rekeyed", (int)is_rekeyed),
		     "%s === %s%s", report_selectors_text(&t->local, local),
		     report_selectors_text(&t->remote, remote), is_rekeyed ? " (rekeyed)" : "");
}

/* An IKE SA's first Child SA is there before it is: said after it. */
static void take_child(struct teller *t, const struct esp_child *child)
{
	t->local = child->ts_local;
	t->remote = child->ts_remote;
	t->spi_in = child->spi_in;
	t->spi_out = child->spi_out;
	if (t->is_attempting)
		t->has_child = true;
	else
		tell_child(t, true);
}

static void tell_up(struct teller *t, const struct peer_info *peer)
{
	char gateway[ENDPOINT_TEXT_MAX], suite[SUITE_TEXT_MAX];
	const char *how = peer->is_resumed ? "resumed" : "full";

	t->is_attempting = false;
	ike_suite_format(&peer->ike, suite);
	report_event(t->report, "established",
		     json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:s}", "how", how, "gateway",
			       report_endpoint(&peer->path.remote), "identity", peer->identity,
			       "redirected_from", report_ip(&peer->redirected_from), "spi",
			       hex(peer->spi, 16), "peer_spi", hex(peer->peer_spi, 16),
			       "algorithms", suite),
		     "(%s) with '%s' at %s, %s", how, peer->identity,
		     endpoint_format(&peer->path.remote, gateway), suite);
	if (t->has_child)
		tell_child(t, false);
	else
		report_event(t->report, "no-child", NULL, "the gateway refuses the Child SA");
	t->has_child = false;
}

static void tell_ticket(const struct teller *t, const struct resumption *r)
{
	uint64_t now = t->now_ms();
	uint64_t left_s = r->expires_ms > now ? (r->expires_ms - now) / 1000 : 0;

	report_event(
	    t->report, "ticket",
	    json_pack("{s:I, s:o}", "lifetime_s", (json_int_t)left_s, "spi", hex(r->spi, 16)),
	    "good for %llu s", (unsigned long long)left_s);
}

static void tell_down(const struct teller *t, const struct action *a)
{
	char gateway[ENDPOINT_TEXT_MAX];

	report_event(t->report, "lost",
		     json_pack("{s:o, s:o, s:s}", "gateway", report_endpoint(&a->peer.path.remote),
			       "spi", hex(a->peer.spi, 16), "reason", ike_reason_text(a->reason)),
		     "%s (%s)", ike_reason_text(a->reason),
		     endpoint_format(&a->peer.path.remote, gateway));
}

static void tell_failed(struct teller *t, const struct action *a)
{
	char gateway[ENDPOINT_TEXT_MAX];
	const char *notify = a->notify != 0 ? notify_name(a->notify) : NULL;

	t->is_attempting = t->has_child = false;
	report_event(t->report, "failed",
		     json_pack("{s:o, s:s, s:s?}", "gateway", report_endpoint(&a->peer.path.remote),
			       "reason", ike_reason_text(a->reason), "notify", notify),
		     "%s%s%s (%s)", ike_reason_text(a->reason), notify != NULL ? ", " : "",
		     notify != NULL ? notify : "", endpoint_format(&a->peer.path.remote, gateway));
}

void tell_action(struct teller *t, const struct action *a)
{
	switch (a->type) {
	case ACTION_CHILD_OUTBOUND:
	case ACTION_CHILD_REMOVE:
		/* It was no new IKE SA's: one that was to be came to nothing, unheard. */
		if (t->has_child)
			tell_child(t, true);
		t->has_child = false;
		break;
	case ACTION_CHILD_ADD:
		take_child(t, &a->child);
		break;
	case ACTION_PEER_UP:
		tell_up(t, &a->peer);
		break;
	case ACTION_TICKET:
		tell_ticket(t, a->resumption);
		break;
	case ACTION_PEER_CHANGED:
		if (a->peer.old_spi != 0)
			report_event(t->report, "rekeyed",
				     json_pack("{s:o, s:o}", "spi", hex(a->peer.spi, 16), "old_spi",
					       hex(a->peer.old_spi, 16)),
				     "the IKE SA");
		break;
	case ACTION_PEER_DOWN:
		tell_down(t, a);
		break;
	case ACTION_PEER_FAILED:
		tell_failed(t, a);
		break;
	default:
		break;
	}
}

void tell_wait(const struct report *r, uint64_t ms)
{
	report_event(r, "retry", json_pack("{s:I}", "in_ms", (json_int_t)ms), "in %.1f s",
		     (double)ms / 1000);
}

void tell_end(const struct report *r, int status)
{
	report_event(r, "ended", json_pack("{s:i}", "status", status), "status %d", status);
}
