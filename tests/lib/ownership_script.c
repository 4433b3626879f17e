/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/ownership_script.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct ip ips[] = {
	{ IP_V4, { 192, 0, 2, 21 } },
	{ IP_V4, { 192, 0, 2, 22 } },
	{ IP_V6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x21 } },
	{ IP_V4, { 192, 0, 2, 30 } },
	{ IP_V4, { 192, 0, 2, 99 } },
};

struct ip script_ip(size_t index)
{
	return ips[index < SCRIPT_ADDRESSES ? index : SCRIPT_ADDRESSES];
}

void script_begin(struct script *s)
{
	struct ownership_conf conf = { .n = SCRIPT_ADDRESSES };

	for (size_t i = 0; i < SCRIPT_ADDRESSES; i++) {
		conf.addresses[i].ip = ips[i];
		conf.addresses[i].is_home = i != SCRIPT_OTHER;
		conf.addresses[i].is_watched = i == SCRIPT_WATCHED;
	}
	s->now_ms = 1000000;
	s->done[0] = '\0';
	s->o = ownership_new(&conf, &s->disk, NULL, s->now_ms);
	assert_non_null(s->o);
}

void script_end(struct script *s)
{
	ownership_free(s->o);
	s->o = NULL;
}

/* ---- what is wanted -------------------------------------------------------- */

static __attribute__((format(printf, 2, 3))) void note(struct script *s, const char *fmt, ...)
{
	size_t len = strlen(s->done);
	va_list args;

	if (len > 0)
		len += (size_t)snprintf(s->done + len, sizeof(s->done) - len, "; ");
	va_start(args, fmt);
	vsnprintf(s->done + len, sizeof(s->done) - len, fmt, args);
	va_end(args);
}

static const char *index_text(const struct ip *ip)
{
	static const char *const names[] = { "0", "1", "2", "3" };

	for (size_t i = 0; i < SCRIPT_ADDRESSES; i++) {
		if (ip_is_equal(ip, &ips[i]))
			return names[i];
	}
	return "?";
}

static void note_action(struct script *s, const struct ownership_action *a)
{
	char ip[IP_TEXT_MAX];

	switch (a->type) {
	case OWNERSHIP_PERSIST:
		s->asked = *a->state;
		note(s, "persist%" PRIu64, a->ticket);
		break;
	case OWNERSHIP_KEEPER_ADD:
		note(s, "add%zu%s", a->index, a->force ? "!" : "");
		break;
	case OWNERSHIP_KEEPER_REMOVE:
		note(s, "remove%zu", a->index);
		break;
	case OWNERSHIP_CLAIMED:
		note(s, "claimed%zu id%" PRIu64 " e%" PRIu64, a->index, a->id, a->epoch);
		break;
	case OWNERSHIP_REFUSED:
		assert_true(a->why[0] != '\0');
		note(s, "refused id%" PRIu64 " e%" PRIu64 " max%" PRIu64 " %s", a->id, a->epoch,
		     a->max_epoch, a->code);
		break;
	case OWNERSHIP_RELEASED:
		assert_true(a->why[0] != '\0');
		note(s, "released%s id%" PRIu64 " e%" PRIu64, index_text(&a->ip), a->id, a->epoch);
		break;
	case OWNERSHIP_NOTICE:
		note(s, "notice%zu e%" PRIu64 "%s%s", a->index, a->epoch,
		     a->to.ip.family == IP_NONE ? "" : " to ",
		     a->to.ip.family == IP_NONE ? "" : ip_format(&a->to.ip, ip));
		break;
	case OWNERSHIP_EVENT:
		note(s, "[%s]", a->what);
		break;
	case OWNERSHIP_CHANGED:
		note(s, "changed");
		break;
	}
}

static void drain(struct script *s)
{
	struct ownership_action action;

	while (ownership_next_action(s->o, &action))
		note_action(s, &action);
}

void script_expect(struct script *s, const char *done)
{
	drain(s);
	assert_string_equal(s->done, done);
	s->done[0] = '\0';
}

/* ---- what happens ---------------------------------------------------------- */

void script_welcome(struct script *s, uint64_t epoch)
{
	ownership_welcome(s->o, s->now_ms, SCRIPT_SELF, epoch);
	drain(s);
}

static void claim(struct script *s, size_t index, uint64_t id, uint64_t epoch, bool force)
{
	struct msg_claim order = { script_ip(index), epoch, "m2", force, 0 };

	ownership_claim(s->o, s->now_ms, id, &order);
	drain(s);
}

void script_claim(struct script *s, size_t index, uint64_t id, uint64_t epoch)
{
	claim(s, index, id, epoch, false);
}

void script_force(struct script *s, size_t index, uint64_t id, uint64_t epoch)
{
	claim(s, index, id, epoch, true);
}

void script_release(struct script *s, size_t index, uint64_t id, uint64_t epoch)
{
	struct msg_release order = { script_ip(index), epoch };

	ownership_release(s->o, s->now_ms, id, &order);
	drain(s);
}

void script_persisted(struct script *s, uint64_t ticket, int err)
{
	if (err == 0)
		s->disk = s->asked;
	ownership_persisted(s->o, s->now_ms, ticket, err);
	drain(s);
}

void script_added(struct script *s, size_t index)
{
	ownership_keeper_answer(s->o, s->now_ms, index, true, 0, NULL, "");
	drain(s);
}

void script_refused(struct script *s, size_t index, const char *code)
{
	ownership_keeper_answer(s->o, s->now_ms, index, true, ERR_EXISTS, code, "no");
	drain(s);
}

void script_removed(struct script *s, size_t index, int err)
{
	ownership_keeper_answer(s->o, s->now_ms, index, false, err, NULL, err != 0 ? "no" : "");
	drain(s);
}

void script_notice(struct script *s, size_t index, uint8_t number, uint64_t epoch)
{
	struct endpoint from = { { IP_V4, { 192, 0, 2, (uint8_t)(10 + number) } }, MESH_PORT };
	struct mesh_msg notice = { .type = MESH_NOTICE,
				   .number = number,
				   .boot_id = 1,
				   .address = script_ip(index),
				   .epoch = epoch };

	ownership_notice(s->o, s->now_ms, &notice, &from);
	drain(s);
}

void script_wait(struct script *s, uint64_t ms)
{
	s->now_ms += ms;
	ownership_expire(s->o, s->now_ms);
	drain(s);
}

void script_hold(struct script *s, size_t index, uint64_t epoch)
{
	uint64_t ticket;

	script_claim(s, index, 999, epoch);
	assert_int_equal(sscanf(s->done, "persist%" SCNu64, &ticket), 1);
	script_persisted(s, ticket, 0);
	script_added(s, index);
	assert_true(ownership_is_held(s->o, index));
	s->done[0] = '\0';
}
