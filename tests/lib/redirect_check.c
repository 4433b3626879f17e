/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/redirect_check.h"

#include "common/ikev2/body.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/payload.h"

#define MARKER_SIZE 4

struct message {
	struct ike_header header;
	struct payload_list list;
	uint8_t critical;
	int err;
};

static bool read_message(struct bytes datagram, bool is_natt, struct message *out)
{
	static const uint8_t marker[MARKER_SIZE];

	if (is_natt) {
		if (datagram.len < MARKER_SIZE || memcmp(datagram.ptr, marker, MARKER_SIZE) != 0)
			return false;
		datagram.ptr += MARKER_SIZE;
		datagram.len -= MARKER_SIZE;
	}
	if (ike_header_decode(datagram, &out->header) != 0)
		return false;
	datagram.ptr += IKE_HEADER_SIZE;
	datagram.len -= IKE_HEADER_SIZE;
	out->list.n = 0;
	out->err =
	    payload_list_decode(out->header.next_payload, datagram, &out->list, &out->critical);
	return true;
}

static const char *check_header(const struct ike_header *request, const struct ike_header *answer)
{
	if (answer->spi_i != request->spi_i || answer->spi_r != 0)
		return "SPIs";
	if (answer->version != IKE_VERSION || answer->exchange != request->exchange ||
	    answer->flags != IKE_FLAG_RESPONSE || answer->message_id != 0)
		return "header";
	return NULL;
}

static const char *check_redirect(const struct redirect_case *c, const struct message *request,
				  struct bytes data)
{
	const struct placement_member *m = &c->table->members[c->member];
	struct gateway gw;
	struct bytes ni;
	struct ip ip;

	if (request->err != 0 || payload_get(&request->list, PAYLOAD_NONCE, &ni) != 0)
		return "the request has no nonce";
	if (redirect_decode(data, ni, &gw) != 0)
		return "REDIRECT data, or the nonce in it";
	if (gw.type == GATEWAY_FQDN || ip_from_bytes(gw.id, &ip) != 0 ||
	    ip.family != c->peer.family)
		return "kind of address";
	if (c->member >= c->table->n_members || !m->is_open)
		return "member";
	for (size_t i = 0; i < m->n_home; i++) {
		if (ip_is_equal(&m->home[i], &ip))
			return NULL;
	}
	return "address";
}

static const char *check_notify(const struct redirect_case *c, const struct message *request,
				const struct notify *n)
{
	if (n->protocol != 0 || n->spi.len != 0)
		return "notify header";
	if (c->verdict == FRONT_REDIRECTED)
		return n->type == NOTIFY_REDIRECT ? check_redirect(c, request, n->data) : "notify";
	if (c->verdict == FRONT_NACKED)
		return n->type == NOTIFY_TICKET_NACK && n->data.len == 0 &&
			       request->header.exchange == EXCHANGE_IKE_SESSION_RESUME
			   ? NULL
			   : "TICKET_NACK";
	if (request->err == ERR_CRITICAL)
		return n->type == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD && n->data.len == 1 &&
			       n->data.ptr[0] == request->critical
			   ? NULL
			   : "UNSUPPORTED_CRITICAL_PAYLOAD";
	return n->type == NOTIFY_NO_PROPOSAL_CHOSEN && n->data.len == 0 ? NULL
									: "NO_PROPOSAL_CHOSEN";
}

const char *redirect_check(const struct redirect_case *c)
{
	struct message request, answer;
	struct bytes body;
	struct notify n;
	const char *wrong;

	if (!front_verdict_is_answer(c->verdict))
		return NULL;
	if (c->answer.len > c->request.len)
		return "longer than the request";
	if (!read_message(c->request, c->is_natt, &request))
		return "the request is no IKE";
	if (!read_message(c->answer, c->is_natt, &answer) || answer.err != 0 || answer.list.n != 1)
		return "not one payload";
	wrong = check_header(&request.header, &answer.header);
	if (wrong != NULL)
		return wrong;
	if (payload_get(&answer.list, PAYLOAD_NOTIFY, &body) != 0 || notify_decode(body, &n) != 0)
		return "no notify";
	return check_notify(c, &request, &n);
}
