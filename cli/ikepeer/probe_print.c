/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/probe_print.h"

#include "cli/ikepeer/report.h"
#include "common/ikev2/notify.h"

static double to_ms(uint64_t us)
{
	return (double)us / 1000;
}

/* ---- text ---- */

static void print_leg(FILE *out, const struct probe_leg *leg)
{
	char gateway[IP_TEXT_MAX];

	fprintf(out, "%s: %s", ip_format(&leg->gateway, gateway), probe_answer_name(leg->answer));
	if (leg->answer == PROBE_REDIRECT)
		fprintf(out, " to %s", leg->target);
	else if (leg->answer == PROBE_ERROR)
		fprintf(out, " %s", notify_name(leg->notify));
	else if (leg->suite[0] != '\0')
		fprintf(out, " %s", leg->suite);
	if (leg->answer != PROBE_SILENT)
		fprintf(out, ", %.1f ms", to_ms(leg->rtt_us));
	fprintf(out, ", %u sent%s", leg->n_sent, leg->has_cookie ? ", cookie asked for" : "");
	if (leg->group != 0)
		fprintf(out, ", wanted group %u", leg->group);
	fputc('\n', out);
	if (leg->n_notifies == 0)
		return;
	fprintf(out, "  notifies:");
	for (size_t i = 0; i < leg->n_notifies; i++)
		fprintf(out, " %s(%u)", notify_name(leg->notifies[i]), leg->notifies[i]);
	fputc('\n', out);
}

static void print_auth(FILE *out, const struct probe_auth *a)
{
	char gateway[ENDPOINT_TEXT_MAX], local[SELECTORS_TEXT_MAX], remote[SELECTORS_TEXT_MAX];

	if (!a->is_up)
		return;
	fprintf(out, "%s: authenticated as '%s', %.1f ms from the first message on\n",
		endpoint_format(&a->gateway, gateway), a->identity, to_ms(a->took_us));
	if (a->has_child)
		fprintf(out, "  child: %s === %s\n", report_selectors_text(&a->local, local),
			report_selectors_text(&a->remote, remote));
}

static void print_text(FILE *out, const struct probe_result *r, enum probe_status status,
		       const char *why)
{
	/* What follows the bar is for who draws graphs. */
	fprintf(out, "IKE %s - %s", probe_status_name(status), why);
	for (size_t i = 0; i < r->n_legs; i++) {
		if (r->legs[i].answer != PROBE_SILENT)
			fprintf(out, "%srtt%zu=%.3fms", i == 0 ? " | " : " ", i + 1,
				to_ms(r->legs[i].rtt_us));
	}
	fputc('\n', out);
	for (size_t i = 0; i < r->n_legs; i++)
		print_leg(out, &r->legs[i]);
	if (r->has_credentials)
		print_auth(out, &r->auth);
}

/* ---- JSON ---- */

static bool has_notify(const struct probe_leg *leg, uint16_t type)
{
	for (size_t i = 0; i < leg->n_notifies; i++) {
		if (leg->notifies[i] == type)
			return true;
	}
	return false;
}

static json_t *leg_to_json(const struct probe_leg *leg)
{
	json_t *notifies = json_array();
	bool is_answered = leg->answer != PROBE_SILENT;

	for (size_t i = 0; i < leg->n_notifies; i++)
		json_array_append_new(notifies,
				      json_pack("{s:i, s:s}", "type", (int)leg->notifies[i], "name",
						notify_name(leg->notifies[i])));
	return json_pack(
	    "{s:o, s:s, s:o, s:i, s:i, s:b, s:o, s:s?, s:s?, s:s?, s:b, s:b, s:b, s:o}", "gateway",
	    report_ip(&leg->gateway), "answer", probe_answer_name(leg->answer), "rtt_ms",
	    is_answered ? json_real(to_ms(leg->rtt_us)) : json_null(), "sent", (int)leg->n_sent,
	    "repeated", (int)leg->n_repeated, "cookie", (int)leg->has_cookie, "group_wanted",
	    leg->group != 0 ? json_integer(leg->group) : json_null(), "redirect",
	    leg->target[0] != '\0' ? leg->target : NULL, "algorithms",
	    leg->suite[0] != '\0' ? leg->suite : NULL, "error",
	    leg->notify != 0 ? notify_name(leg->notify) : NULL, "nat_detection",
	    (int)leg->has_nat_detection, "fragmentation",
	    (int)has_notify(leg, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED), "childless",
	    (int)has_notify(leg, NOTIFY_CHILDLESS_IKEV2_SUPPORTED), "notifies", notifies);
}

static json_t *auth_to_json(const struct probe_auth *a)
{
	if (!a->is_up)
		return json_pack("{s:b, s:s?, s:s?}", "up", 0, "reason",
				 a->is_done ? ike_reason_text(a->reason) : NULL, "notify",
				 a->notify != 0 ? notify_name(a->notify) : NULL);
	return json_pack("{s:b, s:o, s:s, s:f, s:o, s:o}", "up", 1, "gateway",
			 report_endpoint(&a->gateway), "identity", a->identity, "took_ms",
			 to_ms(a->took_us), "local",
			 a->has_child ? report_selectors(&a->local) : json_null(), "remote",
			 a->has_child ? report_selectors(&a->remote) : json_null());
}

static void print_json(FILE *out, const struct probe_result *r, enum probe_status status,
		       const char *why)
{
	json_t *legs = json_array(), *all;

	for (size_t i = 0; i < r->n_legs; i++)
		json_array_append_new(legs, leg_to_json(&r->legs[i]));
	all = json_pack("{s:s, s:i, s:s, s:o, s:o}", "status", probe_status_name(status), "code",
			(int)status, "why", why, "gateways", legs, "authentication",
			r->has_credentials ? auth_to_json(&r->auth) : json_null());
	if (all == NULL || json_dumpf(all, out, JSON_COMPACT) != 0)
		fprintf(out, "{\"status\":\"UNKNOWN\",\"code\":3,\"why\":\"out of memory\"}");
	fputc('\n', out);
	json_decref(all);
}

void probe_print(FILE *out, bool is_json, const struct probe_result *r, enum probe_status status,
		 const char *why)
{
	if (is_json)
		print_json(out, r, status, why);
	else
		print_text(out, r, status, why);
	fflush(out);
}
