/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sa_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SPI_TEXT_SIZE 9
#define CHILD_ID_SIZE 17
#define NO_TIME       UINT64_MAX

_Static_assert(TS_MAX <= MSG_SELECTORS_MAX, "all selectors have room in a message");
_Static_assert(SA_QUERY_MAX <= MSG_SAS_MAX, "all that are visited have room in a message");

/* What the entry of a Child SA borrows. */
struct child_texts {
	char id[CHILD_ID_SIZE];
	char spi_in[SPI_TEXT_SIZE], spi_out[SPI_TEXT_SIZE];
	char esp[SUITE_TEXT_MAX];
	const char *selectors[2][TS_MAX];
	char selector_texts[2][TS_MAX][TS_TEXT_MAX];
};

struct sa_texts {
	char local_id[ID_TEXT_MAX], remote_id[ID_TEXT_MAX];
	char ike[SUITE_TEXT_MAX];
	struct child_texts *children;
	struct msg_child_sa *entries;
};

struct sa_page {
	const struct esp_set *esp;
	uint64_t now_ms;
	bool is_failed; /* for want of memory */
	struct msg_sas_part part;
	struct msg_sa entries[SA_QUERY_MAX];
	struct sa_texts texts[SA_QUERY_MAX];
};

/* ---- ages and terms: 1 ms at least, 0 is for none ---- */

static uint64_t age(const struct sa_page *page, uint64_t at_ms)
{
	if (at_ms == NO_TIME)
		return 0;
	return page->now_ms > at_ms ? page->now_ms - at_ms : 1;
}

static uint64_t term(const struct sa_page *page, uint64_t due_ms)
{
	if (due_ms == NO_TIME)
		return 0;
	return due_ms > page->now_ms ? due_ms - page->now_ms : 1;
}

static const char *why_text(enum rekey_why why)
{
	return why != REKEY_NONE ? rekey_why_name(why) : NULL;
}

/* ---- entries ---- */

static size_t fill_selectors(const struct ts_list *list, const char *texts[TS_MAX],
			     char room[TS_MAX][TS_TEXT_MAX])
{
	for (size_t i = 0; i < list->n; i++)
		texts[i] = ts_format(&list->items[i], room[i]);
	return list->n;
}

static void fill_traffic(const struct sa_page *page, uint64_t id, struct msg_child_sa *out)
{
	struct esp_stats stats;

	if (esp_set_query(page->esp, id, &stats) != 0)
		return; /* not there yet */
	out->octets_in = stats.octets_in;
	out->packets_in = stats.packets_in;
	out->octets_out = stats.octets_out;
	out->packets_out = stats.packets_out;
	out->used_in_ms = stats.last_in_ms != 0 ? age(page, stats.last_in_ms) : 0;
	out->used_out_ms = stats.last_out_ms != 0 ? age(page, stats.last_out_ms) : 0;
}

static void fill_child(const struct sa_page *page, const struct child_info *child,
		       struct child_texts *texts, struct msg_child_sa *out)
{
	snprintf(texts->id, sizeof(texts->id), "%016" PRIx64, child->id);
	snprintf(texts->spi_in, sizeof(texts->spi_in), "%08" PRIx32, child->spi_in);
	snprintf(texts->spi_out, sizeof(texts->spi_out), "%08" PRIx32, child->spi_out);
	*out = (struct msg_child_sa){
		.id = texts->id,
		.state = child->state,
		.spi_in = texts->spi_in,
		.spi_out = child->spi_out != 0 ? texts->spi_out : NULL,
		.initiator = child->is_initiator,
		.installed_ms = age(page, child->installed_ms),
		.rekey_ms = term(page, child->rekey_due_ms),
		.ends_ms = term(page, child->over_due_ms),
		.why = why_text(child->why),
		.local = texts->selectors[0],
		.n_local =
		    fill_selectors(child->local, texts->selectors[0], texts->selector_texts[0]),
		.remote = texts->selectors[1],
		.n_remote =
		    fill_selectors(child->remote, texts->selectors[1], texts->selector_texts[1]),
	};
	if (child->suite->encr != NULL)
		out->esp = esp_suite_format(child->suite, texts->esp);
	fill_traffic(page, child->id, out);
}

static void fill_sa(const struct sa_page *page, const struct sa_info *sa, struct sa_texts *texts,
		    struct msg_sa *out)
{
	*out = (struct msg_sa){
		.spi = sa->spi,
		.peer_spi = sa->peer_spi,
		.state = sa->state,
		.version = IKE_VERSION >> 4,
		.initiator = sa->is_initiator,
		.connection = sa->connection,
		.local = sa->path.local,
		.remote = sa->path.remote,
		.established_ms = age(page, sa->since_ms),
		.heard_ms = page->now_ms > sa->heard_ms ? page->now_ms - sa->heard_ms : 0,
		.rekey_ms = term(page, sa->rekey_due_ms),
		.ends_ms = term(page, sa->over_due_ms),
		.why = why_text(sa->why),
		.rekeyed_ms = sa->n_rekeys > 0 ? age(page, sa->rekeyed_ms) : 0,
		.rekeys = sa->n_rekeys,
		.nat_local = sa->is_behind_nat,
		.nat_remote = sa->is_peer_behind_nat,
		.nat_forced = sa->is_encap_forced,
		.from = sa->redirected_from,
		.active = sa->task,
		.queued = sa->n_tasks,
		.child_count = sa->n_children,
		.children = texts->entries,
		.n_children = sa->n_children,
	};
	if (sa->local_id != NULL)
		out->local_id = id_format(sa->local_id, texts->local_id);
	if (sa->id != NULL)
		out->remote_id = id_format(sa->id, texts->remote_id);
	if (sa->suite->encr != NULL)
		out->ike = ike_suite_format(sa->suite, texts->ike);
}

static void add(void *ctx, const struct sa_info *sa)
{
	struct sa_page *page = ctx;
	struct sa_texts *texts = &page->texts[page->part.n_entries];

	if (page->is_failed)
		return;
	texts->children = calloc(sa->n_children + 1, sizeof(*texts->children));
	texts->entries = calloc(sa->n_children + 1, sizeof(*texts->entries));
	if (texts->children == NULL || texts->entries == NULL) {
		free(texts->children);
		free(texts->entries);
		*texts = (struct sa_texts){ .children = NULL };
		page->is_failed = true;
		return;
	}
	for (size_t i = 0; i < sa->n_children; i++)
		fill_child(page, &sa->children[i], &texts->children[i], &texts->entries[i]);
	fill_sa(page, sa, texts, &page->entries[page->part.n_entries++]);
}

/* To what fits in a frame; an IKE SA that does not fit alone shows the oldest of its Child SAs. */
static void cut(struct sa_page *page)
{
	size_t n;

	while ((n = message_fit_sas(page->entries, page->part.n_entries)) == 0)
		page->entries[0].n_children /= 2;
	page->part.n_entries = n;
}

struct sa_page *sa_page_new(const struct responder *r, const struct esp_set *esp, uint64_t now_ms,
			    const struct msg_sas *query)
{
	struct sa_page *page = calloc(1, sizeof(*page));
	struct sa_query q = { query->cursor, query->limit, query->peer };
	size_t n_seen = 0;

	if (page == NULL)
		return NULL;
	page->esp = esp;
	page->now_ms = now_ms;
	page->part.entries = page->entries;
	if (r != NULL)
		n_seen = responder_each_sa(r, &q, add, page);
	if (page->is_failed && page->part.n_entries == 0) {
		sa_page_free(page);
		return NULL;
	}
	if (page->part.n_entries > 0)
		cut(page);
	if (page->part.n_entries > 0 && (n_seen == query->limit || page->part.n_entries < n_seen))
		page->part.next = page->entries[page->part.n_entries - 1].spi;
	return page;
}

const struct msg_sas_part *sa_page_part(const struct sa_page *page)
{
	return &page->part;
}

void sa_page_free(struct sa_page *page)
{
	if (page == NULL)
		return;
	for (size_t i = 0; i < SA_QUERY_MAX; i++) {
		free(page->texts[i].children);
		free(page->texts[i].entries);
	}
	free(page);
}
