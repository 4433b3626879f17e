/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state/state_json.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>

#define KEY_TEXT_MAX (4 * ((KEY_MAX + 2) / 3)) /* of base64 */

/* ---- what is allowed ------------------------------------------------------- */

static bool is_new_ip(const struct ownership_state *s, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (ip_is_equal(&s->records[k].ip, &s->records[i].ip))
			return false;
	}
	return true;
}

static bool is_new_key(const struct agent_state *s, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(s->keys[k].id, s->keys[i].id) == 0)
			return false;
	}
	return true;
}

bool state_is_valid(const struct agent_state *s)
{
	const struct ownership_state *own = &s->ownership;

	if (s->number < 1 || s->number > MSG_NUMBER_MAX || own->max_epoch > MSG_INT_MAX ||
	    own->n > KEEPER_ADDRESSES_MAX || s->n_keys > MESH_KEYS_MAX)
		return false;
	for (size_t i = 0; i < own->n; i++) {
		if (ip_size(&own->records[i].ip) == 0 || !is_new_ip(own, i) ||
		    own->records[i].epoch > own->max_epoch)
			return false;
	}
	for (size_t i = 0; i < s->n_keys; i++) {
		if (!text_is_name(s->keys[i].id) || !is_new_key(s, i) ||
		    s->keys[i].key.len < MESH_KEY_MIN || s->keys[i].key.len > KEY_MAX)
			return false;
	}
	return true;
}

/* ---- reading --------------------------------------------------------------- */

static int read_record(json_t *json, struct ownership_record *out)
{
	const char *address;
	json_int_t epoch;
	int is_ours;

	if (json_unpack(json, "{s:s, s:I, s:b !}", "address", &address, "epoch", &epoch, "ours",
			&is_ours) != 0 ||
	    epoch < 0)
		return ERR_VALUE;
	out->epoch = (uint64_t)epoch;
	out->is_ours = is_ours != 0;
	return ip_parse(address, &out->ip);
}

/* Only the one form that is written: decoded and encoded again it has to be the same. */
static int decode_key(const char *text, struct key *out)
{
	size_t len = strlen(text), padding;
	uint8_t octets[KEY_TEXT_MAX];
	unsigned char again[KEY_TEXT_MAX + 1];
	int n, err = ERR_VALUE;

	if (len == 0 || len % 4 != 0 || len > KEY_TEXT_MAX)
		return ERR_VALUE;
	padding = (size_t)(text[len - 1] == '=') + (size_t)(text[len - 2] == '=');
	n = EVP_DecodeBlock(octets, (const unsigned char *)text, (int)len);
	if (n == (int)(len / 4 * 3) && (size_t)n - padding <= KEY_MAX) {
		out->len = (size_t)n - padding;
		memcpy(out->data, octets, out->len);
		EVP_EncodeBlock(again, out->data, (int)out->len);
		err = secret_is_equal((struct bytes){ again, strlen((char *)again) },
				      (struct bytes){ (const uint8_t *)text, len })
			  ? 0
			  : ERR_VALUE;
	}
	wipe(octets, sizeof(octets));
	wipe(again, sizeof(again));
	return err;
}

static int read_key(json_t *json, struct state_key *out)
{
	const char *id, *text;

	if (json_unpack(json, "{s:s, s:s !}", "id", &id, "key", &text) != 0 ||
	    strlen(id) >= sizeof(out->id))
		return ERR_VALUE;
	memcpy(out->id, id, strlen(id) + 1);
	return decode_key(text, &out->key);
}

static int read_lists(const json_t *addresses, const json_t *keys, struct agent_state *out)
{
	int err = 0;

	if (!json_is_array(addresses) || json_array_size(addresses) > KEEPER_ADDRESSES_MAX ||
	    !json_is_array(keys) || json_array_size(keys) > MESH_KEYS_MAX)
		return ERR_VALUE;
	out->ownership.n = json_array_size(addresses);
	out->n_keys = json_array_size(keys);
	for (size_t i = 0; i < out->ownership.n && err == 0; i++)
		err = read_record(json_array_get(addresses, i), &out->ownership.records[i]);
	for (size_t i = 0; i < out->n_keys && err == 0; i++)
		err = read_key(json_array_get(keys, i), &out->keys[i]);
	return err;
}

static int read_format_2(json_t *json, struct agent_state *out)
{
	json_t *addresses, *keys;
	const char *cluster;
	json_int_t format, number, max_epoch;

	if (json_unpack(json, "{s:I, s:s, s:I, s:I, s:o, s:o !}", "format", &format, "cluster",
			&cluster, "number", &number, "max_epoch", &max_epoch, "addresses",
			&addresses, "keys", &keys) != 0 ||
	    max_epoch < 0)
		return ERR_VALUE;
	out->ownership.max_epoch = (uint64_t)max_epoch;
	return read_lists(addresses, keys, out);
}

int state_from_json(const json_t *json, struct agent_state *out)
{
	json_t *root = (json_t *)(uintptr_t)json; /* json_unpack() only reads */
	struct agent_state state = { .number = 0 };
	json_int_t format, number;
	const char *cluster;
	int err = 0;

	if (json_unpack(root, "{s:I, s:s, s:I}", "format", &format, "cluster", &cluster, "number",
			&number) != 0)
		return ERR_VALUE;
	if (format > STATE_FORMAT)
		return ERR_UNSUPPORTED;
	if (format < 1 || number < 1 || number > MSG_NUMBER_MAX ||
	    strlen(cluster) >= sizeof(state.cluster))
		return ERR_VALUE;
	state.format = (uint8_t)format;
	state.number = (uint8_t)number;
	memcpy(state.cluster, cluster, strlen(cluster) + 1);
	if (format == 2)
		err = read_format_2(root, &state);
	if (err == 0 && !state_is_valid(&state))
		err = ERR_VALUE;
	if (err == 0)
		*out = state;
	state_wipe(&state);
	return err;
}

/* ---- writing --------------------------------------------------------------- */

static json_t *records_to_json(const struct ownership_state *own)
{
	json_t *list = json_array();
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < own->n && list != NULL; i++) {
		const struct ownership_record *r = &own->records[i];
		json_t *item = json_pack("{s:s, s:I, s:b}", "address", ip_format(&r->ip, text),
					 "epoch", (json_int_t)r->epoch, "ours", (int)r->is_ours);

		if (json_array_append_new(list, item) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *keys_to_json(const struct agent_state *state)
{
	json_t *list = json_array();
	unsigned char text[KEY_TEXT_MAX + 1];

	for (size_t i = 0; i < state->n_keys && list != NULL; i++) {
		const struct key *key = &state->keys[i].key;
		json_t *item;

		EVP_EncodeBlock(text, key->data, (int)key->len);
		item = json_pack("{s:s, s:s}", "id", state->keys[i].id, "key", (char *)text);
		if (json_array_append_new(list, item) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	wipe(text, sizeof(text));
	return list;
}

/* "o" takes the lists over, also when it fails. */
json_t *state_to_json(const struct agent_state *state)
{
	return json_pack("{s:i, s:s, s:i, s:I, s:o, s:o}", "format", STATE_FORMAT, "cluster",
			 state->cluster, "number", (int)state->number, "max_epoch",
			 (json_int_t)state->ownership.max_epoch, "addresses",
			 records_to_json(&state->ownership), "keys", keys_to_json(state));
}

void state_json_free(json_t *json)
{
	const json_t *keys = json_object_get(json, "keys");

	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_object_get(json_array_get(keys, i), "key");

		/* jansson hands out what it owns as const; nobody reads it any more. */
		if (json_is_string(key))
			wipe((void *)(uintptr_t)json_string_value(key), json_string_length(key));
	}
	json_decref(json);
}
