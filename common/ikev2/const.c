/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/const.h"

#define EXCHANGE_CASE(name, number) \
	case number:                \
		return #name;

const char *exchange_name(uint8_t type)
{
	switch (type) {
		EXCHANGE_TYPES(EXCHANGE_CASE)
	default:
		return "UNKNOWN";
	}
}

#define PAYLOAD_CASE(name, number) \
	case number:               \
		return #name;

const char *payload_name(uint8_t type)
{
	switch (type) {
		PAYLOAD_TYPES(PAYLOAD_CASE)
	default:
		return "UNKNOWN";
	}
}
