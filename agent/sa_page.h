/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SA_PAGE_H
#define AGENT_SA_PAGE_H

#include "common/control/message.h"
#include "common/esp/esp.h"
#include "common/ikev2/responder/responder.h"

/*
 * A page of the member's SAs for the director, who asked for it: what the responder knows, joined
 * with what went through the data plane. Never keys.
 */
struct sa_page;

/*
 * r NULL: none yet. NULL when out of memory; else the part has as many as fit in one frame, and
 * next if there may be more.
 */
struct sa_page *sa_page_new(const struct responder *r, const struct esp_set *esp, uint64_t now_ms,
			    const struct msg_sas *query);

/* Valid as long as the page. */
const struct msg_sas_part *sa_page_part(const struct sa_page *page);
void sa_page_free(struct sa_page *page); /* NULL is fine */

#endif
