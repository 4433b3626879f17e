/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/history.h"

#include <stdlib.h>
#include <time.h>

#include "common/base/text.h"
#include "common/control/message.h"

#define AT_ONCE 64

struct entry {
	int64_t time_ms;
	char subject[NAME_TEXT_MAX + 1];
	char what[MSG_TEXT_MAX + 1];
	char why[MSG_TEXT_MAX + 1];
};

struct history {
	struct store *store;
	const struct logger *lg;
	size_t n;
	struct entry entries[AT_ONCE];
};

struct history *history_new(struct store *store, const struct logger *lg)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h != NULL) {
		h->store = store;
		h->lg = lg;
	}
	return h;
}

void history_free(struct history *h)
{
	free(h);
}

static int64_t wall_ms(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now) == 0
		   ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000
		   : 0;
}

static void copy(const char *text, char *out, size_t cap)
{
	text_clean((struct bytes){ (const uint8_t *)text, strlen(text) }, out, cap);
}

void history_add(struct history *h, const char *subject, const char *what, const char *why)
{
	struct entry *e;

	log_info(h->lg, LG_MEMBER, "%s: %s: %s", subject, what, why);
	if (h->n == AT_ONCE)
		history_flush(h);
	e = &h->entries[h->n++];
	e->time_ms = wall_ms();
	copy(subject, e->subject, sizeof(e->subject));
	copy(what, e->what, sizeof(e->what));
	copy(why, e->why, sizeof(e->why));
}

void history_flush(struct history *h)
{
	struct store_event events[AT_ONCE];

	if (h->n == 0)
		return;
	for (size_t i = 0; i < h->n; i++)
		events[i] = (struct store_event){
			.time_ms = h->entries[i].time_ms,
			.subject = h->entries[i].subject,
			.what = h->entries[i].what,
			.why = h->entries[i].why,
		};
	if (store_events_add(h->store, events, h->n) != 0)
		log_error(h->lg, LG_STORE, "%zu events are in the log only", h->n);
	h->n = 0;
}
