/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/frame.h"
#include "common/control/message_rows.h"

#define LINK_MAX_SIZE    15 /* IFNAMSIZ without the terminator */
#define VERSION_MAX_SIZE 63
#define SPI_SIZE         8

static bool is_plain_up_to(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && text_is_plain((struct bytes){ (const uint8_t *)text, len });
}

static bool is_line(const char *text)
{
	return is_plain_up_to(text, MSG_TEXT_MAX);
}

static bool is_version(const char *text)
{
	return is_plain_up_to(text, VERSION_MAX_SIZE);
}

static bool is_spi(const char *text)
{
	size_t len = strlen(text);

	return len == SPI_SIZE && strspn(text, "0123456789abcdef") == len;
}

static bool is_link(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if (text[len] <= ' ' || text[len] > '~' || text[len] == '/' || len == LINK_MAX_SIZE)
			return false;
	}
	return len > 0;
}

const struct field_text message_name_text = { text_is_name, "a name: 1 to 63 of a-z, 0-9 and -" };
const struct field_text message_line_text = {
	is_line, "1 to 255 octets of UTF-8 without control characters"
};
const struct field_text message_version_text = {
	is_version, "1 to 63 octets of UTF-8 without control characters"
};
const struct field_text message_type_text = { frame_is_type,
					      "a type: 1 to 32 of a-z, 0-9, - and _" };
const struct field_text message_spi_text = { is_spi, "8 hexadecimal digits" };
const struct field_text message_link_text = { is_link, "the name of an interface" };

/* ---- enumerations ---- */

#define TEXT_OF(name, text) text,
const char *const message_claims[] = { MSG_CLAIMS(TEXT_OF) NULL };
const char *const message_states[] = { MSG_STATES(TEXT_OF) NULL };
const char *const message_events[] = { MSG_PEER_EVENTS(TEXT_OF) NULL };
const char *const message_hows[] = { MSG_PEER_HOWS(TEXT_OF) NULL };
static const char *const types[] = { MESSAGE_TYPES(TEXT_OF) NULL };
const char *const message_seens[] = { MSG_SEENS(TEXT_OF) NULL };
const char *const message_revokeds[] = { MSG_REVOKEDS(TEXT_OF) NULL };
#undef TEXT_OF

static const char *name_of(const char *const *names, unsigned int value)
{
	for (unsigned int i = 0; names[i] != NULL; i++) {
		if (i == value)
			return names[i];
	}
	return "unknown";
}

const char *message_type_name(enum message_type type)
{
	return name_of(types, (unsigned int)type);
}

const char *msg_claim_name(enum msg_claim_kind claim)
{
	return name_of(message_claims, (unsigned int)claim);
}

const char *msg_state_name(enum msg_state state)
{
	return name_of(message_states, (unsigned int)state);
}

const char *msg_peer_event_name(enum msg_peer_event event)
{
	return name_of(message_events, (unsigned int)event);
}

const char *msg_peer_how_name(enum msg_peer_how how)
{
	return name_of(message_hows, (unsigned int)how);
}

const char *msg_seen_name(enum msg_seen seen)
{
	return name_of(message_seens, (unsigned int)seen);
}

const char *msg_revoked_name(enum msg_revoked revoked)
{
	return name_of(message_revokeds, (unsigned int)revoked);
}
