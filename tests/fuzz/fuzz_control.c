/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/control/frame.h"
#include "common/control/heartbeat.h"
#include "common/control/message.h"

/*
 * Input: one octet with the size of the pieces that a stream comes in, then the stream. Each of its
 * lines, and the whole as a heartbeat, unsealed and sealed, go to the decoders. Whatever decodes
 * must encode, and decode again to the same octets.
 */
#define INPUT_MAX (FRAME_MAX + 16)

static uint8_t once[FRAME_MAX], twice[FRAME_MAX];
static const uint8_t key_octets[HEARTBEAT_KEY_SIZE] = { 7 };
static const struct bytes key = { key_octets, sizeof(key_octets) };

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

/*
 * The encoded form may be longer than what came in (an address has shorter forms than the one it is
 * written in), so a full frame need not fit again; and that is the only way to fail.
 */
static void check_message(const struct message *m)
{
	struct message again;
	struct bytes first, second;
	struct errtext why;
	int err;

	if (m->type == MESSAGE_UNKNOWN) {
		require(frame_is_type(m->unknown));
		return;
	}
	err = message_encode(m, once, sizeof(once), &first, &why);
	if (err == ERR_TOO_LONG || err == ERR_NO_SPACE)
		return;
	require(err == 0);
	require(message_decode(first, &again, &why) == 0);
	require(again.type == m->type && again.id == m->id);
	require(message_encode(&again, twice, sizeof(twice), &second, &why) == 0);
	require(bytes_is_equal(first, second));
	if (m->type == MESSAGE_PEER)
		require(message_fit_peers(m->peers.entries, m->peers.n_entries) <=
			m->peers.n_entries);
	if (m->type == MESSAGE_SAS_PART)
		require(message_fit_sas(m->sas_part.entries, m->sas_part.n_entries) <=
			m->sas_part.n_entries);
	message_free(&again);
}

static void check_line(struct bytes line)
{
	struct message m;
	struct errtext why;

	if (message_decode(line, &m, &why) == 0) {
		check_message(&m);
		message_free(&m);
	} else {
		struct bytes reason = { (const uint8_t *)why.text, strlen(why.text) };

		require(reason.len > 0 && text_is_plain(reason));
	}
}

static void check_stream(struct bytes stream, size_t step)
{
	struct frame_reader *r = frame_reader_new();
	struct errtext why;
	int err = 0;

	while (stream.len > 0 && err == 0) {
		size_t n = step < stream.len ? step : stream.len;
		struct bytes input = { stream.ptr, n }, line = { stream.ptr, 0 };

		while (err == 0 && line.ptr != NULL) {
			err = frame_reader_next(r, &input, &line, &why);
			if (err == 0 && line.ptr != NULL)
				check_line(line);
		}
		stream.ptr += n;
		stream.len -= n;
	}
	frame_reader_free(r);
}

static void check_heartbeat(const struct message *m, const char *member)
{
	struct heartbeat_window w = heartbeat_window_init(m->heartbeat.boot_id);
	struct errtext why;

	require(m->type == MESSAGE_HEARTBEAT && strcmp(m->heartbeat.member, member) == 0);
	require(heartbeat_window_accept(&w, &m->heartbeat, &why) == 0);
	require(heartbeat_window_accept(&w, &m->heartbeat, &why) == ERR_REPLAY);
}

static void check_datagram(struct bytes datagram)
{
	char member[NAME_TEXT_MAX + 1];
	struct errtext why;
	struct message m;

	if (heartbeat_peek_member(datagram, member, &why) == 0)
		require(text_is_name(member));
	if (heartbeat_decode(datagram, key, MESSAGE_HEARTBEAT, &m, &why) == 0) {
		if (m.type == MESSAGE_GONE)
			require(strcmp(m.gone.member, member) == 0);
		else
			check_heartbeat(&m, member);
		check_message(&m);
		message_free(&m);
	}
	if (heartbeat_decode(datagram, key, MESSAGE_ACK, &m, &why) == 0) {
		require(heartbeat_peek_member(datagram, member, &why) == ERR_MISMATCH);
		message_free(&m);
	}
}

static void check_sealed(struct bytes json)
{
	uint8_t buf[HEARTBEAT_JSON_MAX + 32];

	if (json.len > HEARTBEAT_JSON_MAX)
		return;
	memcpy(buf, json.ptr, json.len);
	require(HMAC(EVP_sha256(), key.ptr, (int)key.len, json.ptr, json.len, buf + json.len,
		     NULL) != NULL);
	check_datagram((struct bytes){ buf, json.len + HEARTBEAT_MAC_SIZE });
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct bytes rest;

	json_object_seed(1); /* so that a run repeats */
	if (size < 2 || size > INPUT_MAX)
		return 0;
	rest = (struct bytes){ input + 1, size - 1 };
	check_stream(rest, (size_t)input[0] + 1);
	check_datagram(rest);
	check_sealed(rest);
	return 0;
}
