/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/heartbeat.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/control/frame.h"

#define SHA256_SIZE 32

static int compute_mac(struct bytes key, struct bytes json, uint8_t out[HEARTBEAT_MAC_SIZE])
{
	uint8_t full[SHA256_SIZE];
	unsigned int len = sizeof(full);

	if (HMAC(EVP_sha256(), key.ptr, (int)key.len, json.ptr, json.len, full, &len) == NULL)
		return ERR_CRYPTO;
	memcpy(out, full, HEARTBEAT_MAC_SIZE);
	wipe(full, sizeof(full));
	return 0;
}

static int check_key(struct bytes key, struct errtext *why)
{
	if (key.len == HEARTBEAT_KEY_SIZE)
		return 0;
	errtext_set(why, "a heartbeat key has %d octets", HEARTBEAT_KEY_SIZE);
	return ERR_VALUE;
}

int heartbeat_encode(const struct message *m, struct bytes key, uint8_t *buf, size_t cap,
		     struct bytes *out, struct errtext *why)
{
	struct bytes json;
	int err = check_key(key, why);

	if (err != 0)
		return err;
	if (m->type != MESSAGE_HEARTBEAT && m->type != MESSAGE_ACK && m->type != MESSAGE_GONE) {
		errtext_set(why, "%s: not for a datagram", message_type_name(m->type));
		return ERR_VALUE;
	}
	err = message_encode(m, buf, cap, &json, why);
	if (err != 0)
		return err;
	json.len--; /* the line feed */
	if (cap - json.len < HEARTBEAT_MAC_SIZE) {
		errtext_set(why, "%s", err_text(ERR_NO_SPACE));
		return ERR_NO_SPACE;
	}
	err = compute_mac(key, json, buf + json.len);
	if (err == 0)
		*out = (struct bytes){ buf, json.len + HEARTBEAT_MAC_SIZE };
	return err;
}

/* The parts of a datagram by their sizes, nothing more. */
static int split(struct bytes datagram, struct bytes *json, struct bytes *mac, struct errtext *why)
{
	if (datagram.len <= HEARTBEAT_MAC_SIZE) {
		errtext_set(why, "a datagram of %zu octets", datagram.len);
		return ERR_TRUNCATED;
	}
	if (datagram.len > HEARTBEAT_DATAGRAM_MAX) {
		errtext_set(why, "a datagram of %zu octets", datagram.len);
		return ERR_TOO_LONG;
	}
	json->ptr = datagram.ptr;
	json->len = datagram.len - HEARTBEAT_MAC_SIZE;
	mac->ptr = datagram.ptr + json->len;
	mac->len = HEARTBEAT_MAC_SIZE;
	return 0;
}

static int refuse_type(enum message_type expected, const char *got, struct errtext *why)
{
	errtext_set(why, "%s instead of %s", got, message_type_name(expected));
	return ERR_MISMATCH;
}

static int read_member(const json_t *json, const char *type, char out[NAME_TEXT_MAX + 1],
		       struct errtext *why)
{
	const json_t *value = json_object_get(json, "member");
	const char *name = json_string_value(value);

	if (value == NULL) {
		errtext_set(why, "%s.member: missing", type);
		return ERR_MISSING;
	}
	if (name == NULL || !text_is_name(name)) {
		errtext_set(why, "%s.member: must be a name: 1 to %d of a-z, 0-9 and -", type,
			    NAME_TEXT_MAX);
		return ERR_VALUE;
	}
	memcpy(out, name, strlen(name) + 1);
	return 0;
}

int heartbeat_peek_member(struct bytes datagram, char out[NAME_TEXT_MAX + 1], struct errtext *why)
{
	struct bytes text, mac;
	const char *type;
	json_t *json;
	int err = split(datagram, &text, &mac, why);

	if (err == 0)
		err = frame_parse(text, &json, &type, why);
	if (err != 0)
		return err;
	if (strcmp(type, message_type_name(MESSAGE_HEARTBEAT)) != 0 &&
	    strcmp(type, message_type_name(MESSAGE_GONE)) != 0)
		err = refuse_type(MESSAGE_HEARTBEAT, type, why);
	else
		err = read_member(json, type, out, why);
	json_decref(json);
	return err;
}

static int verify(struct bytes json, struct bytes mac, struct bytes key, struct errtext *why)
{
	uint8_t want[HEARTBEAT_MAC_SIZE];
	int err = check_key(key, why);

	if (err == 0)
		err = compute_mac(key, json, want);
	if (err != 0)
		return err;
	if (!secret_is_equal((struct bytes){ want, sizeof(want) }, mac)) {
		errtext_set(why, "the MAC is wrong");
		err = ERR_AUTH;
	}
	wipe(want,
	     sizeof(want)); /* of a forged datagram it is what its sender would like to know */
	return err;
}

int heartbeat_decode(struct bytes datagram, struct bytes key, enum message_type expected,
		     struct message *out, struct errtext *why)
{
	struct bytes json, mac;
	struct message m;
	int err = split(datagram, &json, &mac, why);

	if (err == 0)
		err = verify(json, mac, key, why);
	if (err == 0)
		err = message_decode(json, &m, why);
	if (err != 0)
		return err;
	if (m.type != expected && !(expected == MESSAGE_HEARTBEAT && m.type == MESSAGE_GONE)) {
		err = refuse_type(expected, message_type_name(m.type), why);
		message_free(&m);
		return err;
	}
	*out = m;
	return 0;
}

struct heartbeat_window heartbeat_window_init(uint64_t boot_id)
{
	return (struct heartbeat_window){ .boot_id = boot_id };
}

int heartbeat_window_accept(struct heartbeat_window *w, const struct msg_heartbeat *hb,
			    struct errtext *why)
{
	if (hb->boot_id != w->boot_id) {
		errtext_set(why, "boot_id %016" PRIx64 " instead of %016" PRIx64, hb->boot_id,
			    w->boot_id);
		return ERR_MISMATCH;
	}
	if (hb->seq <= w->seq) {
		errtext_set(why, "seq %" PRIu64 " after %" PRIu64, hb->seq, w->seq);
		return ERR_REPLAY;
	}
	w->seq = hb->seq;
	return 0;
}

uint64_t heartbeat_sent_next(struct heartbeat_sent *s)
{
	return ++s->seq;
}

int heartbeat_sent_accept(struct heartbeat_sent *s, const struct msg_ack *ack, struct errtext *why)
{
	if (ack->seq > s->seq) {
		errtext_set(why, "an ack of %" PRIu64 ", sent were %" PRIu64, ack->seq, s->seq);
		return ERR_VALUE;
	}
	if (ack->seq <= s->acked) {
		errtext_set(why, "an ack of %" PRIu64 " after %" PRIu64, ack->seq, s->acked);
		return ERR_REPLAY;
	}
	s->acked = ack->seq;
	return 0;
}
