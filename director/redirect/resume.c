/* SPDX-License-Identifier: Apache-2.0 */
#include "director/redirect/resume.h"

#include "common/ikev2/ticket/ticket.h"

const char *front_resume_name(enum front_resume r)
{
#define RESUME_NAME(name, text) text,
	static const char *const names[] = { FRONT_RESUMES(RESUME_NAME) };
#undef RESUME_NAME

	return r < FRONT_RESUME_COUNT ? names[r] : "?";
}

static enum front_resume judge_ticket(const struct resume_keys *keys, struct bytes octets)
{
	const struct ticket_key *key;
	enum front_resume r = FRONT_RESUME_BAD_TICKET;
	struct ticket t;
	uint64_t id;

	if (octets.ptr == NULL || ticket_key_id(octets, &id) != 0)
		return FRONT_RESUME_NO_KEY;
	key = ticket_ring_find(keys->ring, id);
	if (key == NULL || !ticket_key_is_in_force(key, keys->now_s))
		return FRONT_RESUME_NO_KEY;
	if (ticket_open(keys->crypto, key, octets, &t) == 0 && ticket_is_in_time(&t, keys->now_s))
		r = t.is_redirectable ? FRONT_RESUME_TICKET : FRONT_RESUME_NO_SUPPORT;
	ticket_wipe(&t);
	return r;
}

enum front_resume resume_judge(enum redirect_resume mode, const struct resume_keys *keys,
			       bool is_shown, struct bytes ticket)
{
	if (mode == REDIRECT_RESUME_NEVER)
		return FRONT_RESUME_NEVER;
	if (is_shown)
		return FRONT_RESUME_SHOWN;
	if (mode == REDIRECT_RESUME_ALWAYS && ticket.ptr != NULL)
		return FRONT_RESUME_ALWAYS;
	return judge_ticket(keys, ticket);
}
