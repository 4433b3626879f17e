/* SPDX-License-Identifier: Apache-2.0 */
#include "director/redirect/redirect.h"

#include "common/ikev2/body.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/payload.h"
#include "common/ikev2/redirect.h"

#define MARKER_SIZE 4

const char *front_verdict_name(enum front_verdict v)
{
#define VERDICT_NAME(name, text) text,
	static const char *const names[] = { FRONT_VERDICTS(VERDICT_NAME) };
#undef VERDICT_NAME

	return v < FRONT_VERDICT_COUNT ? names[v] : "?";
}

/* What matters of an initial request. */
struct initial {
	struct ike_header header;
	struct bytes ni;
	struct redirect_support redirect;
	struct bytes ticket; /* of the request; NULL: none */
	uint8_t critical;    /* type of an unknown payload that is marked critical; 0: none */
};

/* What to say: the notify of an answer, and for REDIRECT whom it names. */
struct reply {
	enum front_verdict verdict;
	uint16_t notify;
	uint8_t critical;
	struct placement placement;
};

/* Strips the non-ESP marker of port 4500; false: ESP, a keepalive, or too short. */
static bool strip_marker(bool is_natt, struct bytes *message)
{
	static const uint8_t marker[MARKER_SIZE];

	if (!is_natt)
		return true;
	if (message->len < MARKER_SIZE || memcmp(message->ptr, marker, MARKER_SIZE) != 0)
		return false;
	message->ptr += MARKER_SIZE;
	message->len -= MARKER_SIZE;
	return true;
}

static void read_notify(struct bytes body, struct initial *out)
{
	struct notify n;

	if (notify_decode(body, &n) != 0)
		return;
	redirect_support_take(&out->redirect, &n);
	if (n.type == NOTIFY_TICKET_OPAQUE)
		out->ticket = n.data;
}

/* The payloads that the exchange must have; returns 0 or the reason as an error. */
static int check_payloads(const struct payload_list *list, uint8_t exchange, struct initial *out)
{
	struct bytes body;
	int err = payload_get(list, PAYLOAD_NONCE, &body);

	if (err == 0)
		err = nonce_decode(body, &out->ni);
	if (err == 0 && exchange == EXCHANGE_IKE_SA_INIT) {
		err = payload_get(list, PAYLOAD_SA, &body);
		if (err == 0)
			err = payload_get(list, PAYLOAD_KE, &body);
	}
	for (size_t i = 0; err == 0 && i < list->n; i++) {
		if (list->items[i].type == PAYLOAD_NOTIFY)
			read_notify(list->items[i].body, out);
	}
	return err;
}

/* REDIRECTED: an initial request, to be decided on. */
static enum front_verdict parse(struct bytes message, struct initial *out)
{
	struct payload_list list;
	struct bytes payloads;
	int err;

	memset(out, 0, sizeof(*out));
	if (ike_header_decode(message, &out->header) != 0 ||
	    out->header.version >> 4 != IKE_VERSION >> 4)
		return FRONT_NOT_IKE;
	if ((out->header.exchange != EXCHANGE_IKE_SA_INIT &&
	     out->header.exchange != EXCHANGE_IKE_SESSION_RESUME) ||
	    ike_header_is_response(&out->header) || !ike_header_is_initiator(&out->header) ||
	    out->header.message_id != 0 || out->header.spi_i == 0 || out->header.spi_r != 0)
		return FRONT_NOT_INITIAL;
	payloads = (struct bytes){ message.ptr + IKE_HEADER_SIZE, message.len - IKE_HEADER_SIZE };
	err = payload_list_decode(out->header.next_payload, payloads, &list, &out->critical);
	if (err == ERR_CRITICAL)
		return FRONT_REJECTED;
	if (err != 0 || check_payloads(&list, out->header.exchange, out) != 0)
		return FRONT_MALFORMED;
	return FRONT_REDIRECTED;
}

static struct reply decide(const struct redirect_view *view, const struct ip *peer,
			   const struct initial *in, enum front_resume *resume)
{
	const struct placement_query query = {
		.peer = *peer,
		.nonce = in->ni,
		.spi_i = in->header.spi_i,
		.redirected_from = in->redirect.from,
	};
	struct reply r = { .verdict = FRONT_REDIRECTED, .notify = NOTIFY_REDIRECT };
	bool resumes = in->header.exchange == EXCHANGE_IKE_SESSION_RESUME;
	bool is_movable = in->redirect.is_supported;

	if (resumes) {
		*resume = resume_judge(view->conf->resume, &view->keys, is_movable, in->ticket);
		is_movable = front_resume_is_redirect(*resume);
	}
	if (is_movable && placement_index_choose(view->index, &query, &r.placement) == 0)
		return r;
	if (resumes)
		return (struct reply){ .verdict = FRONT_NACKED, .notify = NOTIFY_TICKET_NACK };
	if (is_movable)
		return (struct reply){ .verdict = FRONT_NO_MEMBER };
	if (!view->conf->reject_unsupported)
		return (struct reply){ .verdict = FRONT_NO_SUPPORT };
	return (struct reply){ .verdict = FRONT_REJECTED, .notify = NOTIFY_NO_PROPOSAL_CHOSEN };
}

/* HDR(R, SPIr 0), N(notify, data). */
static int write_answer(const struct initial *in, const struct reply *r, struct wr *w)
{
	const struct ike_header h = {
		.spi_i = in->header.spi_i,
		.version = IKE_VERSION,
		.exchange = in->header.exchange,
		.flags = IKE_FLAG_RESPONSE,
	};
	const struct notify n = { .type = r->notify };
	struct payload_writer chain = message_open(w, &h);
	struct bytes written;

	payload_open(&chain, PAYLOAD_NOTIFY);
	notify_encode(w, &n);
	if (r->notify == NOTIFY_REDIRECT)
		redirect_encode_address(w, &r->placement.home, in->ni);
	else if (r->notify == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD)
		critical_payload_encode(w, r->critical);
	payload_close(&chain);
	message_close(&chain);
	return wr_finish(w, &written);
}

enum front_verdict redirect_answer(const struct redirect_view *view, const struct ip *peer,
				   bool is_natt, struct bytes datagram,
				   uint8_t out[REDIRECT_ANSWER_MAX], size_t *len, size_t *member,
				   enum front_resume *resume)
{
	const size_t marker = is_natt ? MARKER_SIZE : 0;
	struct bytes message = datagram;
	struct initial in;
	struct reply r;
	struct wr w;

	*resume = FRONT_RESUME_NONE;
	if (!strip_marker(is_natt, &message))
		return FRONT_NOT_IKE;
	r.verdict = parse(message, &in);
	if (r.verdict == FRONT_REDIRECTED)
		r = decide(view, peer, &in, resume);
	else if (r.verdict == FRONT_REJECTED)
		r = (struct reply){ .verdict = FRONT_REJECTED,
				    .notify = NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
				    .critical = in.critical };
	if (!front_verdict_is_answer(r.verdict))
		return r.verdict;
	memset(out, 0, marker);
	w = wr_init(out + marker, REDIRECT_ANSWER_MAX - marker);
	if (write_answer(&in, &r, &w) != 0 || w.len > message.len)
		return FRONT_AMPLIFIES;
	*len = marker + w.len;
	if (r.verdict == FRONT_REDIRECTED)
		*member = r.placement.member;
	return r.verdict;
}
