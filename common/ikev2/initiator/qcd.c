/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <inttypes.h>

#include "common/ikev2/session/tasks.h"

/*
 * Quick crash detection, the taker (RFC 6290, 4.5): a gateway that has lost an IKE SA proves it, in
 * clear, with the token that it gave us when it had it.
 */
#define TOKENS_MAX 4

void qcd_read(struct kept *kept, const struct payload_list *list)
{
	struct bytes token;
	struct notify n;

	if (!notify_find(list, NOTIFY_QUICK_CRASH_DETECTION, &n) ||
	    qcd_token_decode(n.data, &token) != 0)
		return;
	memcpy(kept->token, token.ptr, token.len);
	kept->token_len = token.len;
}

/* A response in clear to what is outstanding of an SA that we have, from where its peer is. */
static struct ike_sa *find(struct initiator *i, const struct request *res)
{
	const struct ike_header *h = &res->header;
	bool is_ours_initiator = !ike_header_is_initiator(h);
	struct ike_sa *sa = ike_sa_find(&i->core, is_ours_initiator ? h->spi_i : h->spi_r);

	if (sa == NULL || sa->spi_i != h->spi_i || sa->spi_r != h->spi_r ||
	    sa->is_initiator != is_ours_initiator ||
	    (sa->state != SA_ESTABLISHED && sa->state != SA_CLOSING))
		return NULL;
	if (sa->outstanding.len == 0 || h->message_id != sa->tx_next - 1 ||
	    !tasks_is_expected(sa, h->exchange) ||
	    !ip_is_equal(&res->path->remote.ip, &sa->path.remote.ip))
		return NULL;
	return sa;
}

static bool is_invalid_spi(const struct payload_list *list)
{
	struct notify n;

	return notify_find(list, NOTIFY_INVALID_IKE_SPI, &n) && n.spi.len == 0 && n.data.len == 0;
}

/* All are looked at: how long it takes says nothing of which one is right. */
static bool has_token(const struct kept *kept, const struct payload_list *list)
{
	struct bytes own = { kept->token, kept->token_len };
	bool is_right = false;
	int left = TOKENS_MAX;

	for (size_t k = 0; k < list->n && left > 0; k++) {
		struct bytes token;
		struct notify n;

		if (list->items[k].type != PAYLOAD_NOTIFY ||
		    notify_decode(list->items[k].body, &n) != 0 ||
		    n.type != NOTIFY_QUICK_CRASH_DETECTION || qcd_token_decode(n.data, &token) != 0)
			continue;
		left--;
		is_right |= own.len > 0 && secret_is_equal(token, own);
	}
	return is_right;
}

bool qcd_take(struct initiator *i, uint64_t now_ms, const struct request *res)
{
	struct ike_sa *sa;
	struct payload_list list;
	uint8_t critical;

	if (!ike_header_is_response(&res->header) || res->header.next_payload != PAYLOAD_NOTIFY)
		return false;
	sa = find(i, res);
	if (sa == NULL) {
		count(&i->core, COUNT_DROP_STATE);
		return true;
	}
	if (payload_list_decode(res->header.next_payload,
				(struct bytes){ res->message.ptr + IKE_HEADER_SIZE,
						res->message.len - IKE_HEADER_SIZE },
				&list, &critical) != 0 ||
	    !is_invalid_spi(&list)) {
		count(&i->core, COUNT_DROP_PAYLOAD);
		return true;
	}
	if (kept_of(sa) == NULL || !has_token(kept_of(sa), &list)) {
		/* RFC 7296, 2.21.4: what is outstanding will tell. */
		count(&i->core, COUNT_QCD_WRONG);
		if (stranger_may_log(&i->core))
			log_info(i->core.lg, LG_IKE,
				 "%016" PRIx64 " somebody says that it is lost: without its token",
				 sa->own_spi);
		return true;
	}
	count(&i->core, COUNT_QCD_TAKEN);
	ike_sa_close(&i->core, sa, now_ms, REASON_CRASHED);
	return true;
}

bool initiator_probe(struct initiator *i, uint64_t now_ms, uint64_t spi)
{
	struct ike_sa *sa = ike_sa_find(&i->core, spi);

	i->core.now_ms = now_ms;
	if (sa == NULL || sa->state != SA_ESTABLISHED)
		return false;
	if (sa->current == NULL && sa->tasks == NULL)
		task_add(&i->core, sa, TASK_LIVENESS, 0);
	tasks_start(&i->core, sa, now_ms);
	ike_sa_arm(&i->core, sa);
	return true;
}
