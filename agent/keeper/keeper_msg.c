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
	if (r.version != KEEPER_MSG_VERSION || r.type < KEEPER_PING || r.type > KEEPER_ROUTE_REMOVE)
		return ERR_VALUE;
	*out = r;
	return 0;
}

int keeper_report_decode(struct bytes datagram, struct keeper_report *out)
{
	struct keeper_report r;

	if (datagram.len != sizeof(r))
		return ERR_VALUE;
	memcpy(&r, datagram.ptr, sizeof(r));
	if (r.version != KEEPER_MSG_VERSION || r.type < KEEPER_PONG || r.type > KEEPER_DROPPED)
		return ERR_VALUE;
	r.text[sizeof(r.text) - 1] = '\0';
	*out = r;
	return 0;
}
