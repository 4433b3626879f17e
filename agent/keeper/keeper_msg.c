/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_msg.h"

const char *keeper_request_name(uint16_t type)
{
#define REQUEST_CASE(name, number) \
	case number:               \
		return #name;
	switch (type) {
		KEEPER_REQUESTS(REQUEST_CASE)
	}
#undef REQUEST_CASE
	return "UNKNOWN";
}

int keeper_request_decode(struct bytes datagram, struct keeper_request *out)
{
	struct keeper_request r;

	if (datagram.len != sizeof(r))
		return ERR_VALUE;
	memcpy(&r, datagram.ptr, sizeof(r));
	if (r.version != KEEPER_MSG_VERSION || r.type < KEEPER_PING || r.type > KEEPER_ASK)
		return ERR_VALUE;
	*out = r;
	return 0;
}

int keeper_last_words_decode(struct bytes datagram, struct keeper_last_words *out)
{
	struct keeper_last_words w;

	if (datagram.len != sizeof(w))
		return ERR_VALUE;
	memcpy(&w, datagram.ptr, sizeof(w));
	if (w.version != KEEPER_MSG_VERSION || w.type != KEEPER_LAST_WORDS ||
	    w.len > sizeof(w.octets))
		return ERR_VALUE;
	if (w.len > 0 && (ip_size(&w.to.ip) == 0 || w.to.port == 0))
		return ERR_VALUE;
	*out = w;
	return 0;
}

int keeper_report_decode(struct bytes datagram, struct keeper_report *out)
{
	struct keeper_report r;

	if (datagram.len != sizeof(r))
		return ERR_VALUE;
	memcpy(&r, datagram.ptr, sizeof(r));
	if (r.version != KEEPER_MSG_VERSION || r.type < KEEPER_PONG || r.type > KEEPER_CONFLICT)
		return ERR_VALUE;
	r.text[sizeof(r.text) - 1] = '\0';
	*out = r;
	return 0;
}
