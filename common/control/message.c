/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/message.h"

#include <jansson.h>

#include "common/control/frame.h"
#include "common/control/message_fields.h"

/* What surrounds the entries of a frame: type, id, reset or next, brackets and the line feed. */
#define LIST_OVERHEAD 128

/* The field that every message may have. */
struct envelope {
	uint64_t id;
};
static const struct field envelope_rows[] = {
	{ .name = "id",
	  .kind = FIELD_UINT,
	  .is_optional = true,
	  .offset = offsetof(struct envelope, id),
	  .size = sizeof(uint64_t),
	  .min = 1,
	  .max = MSG_INT_MAX },
};
static const struct field_table envelope_table = { envelope_rows, 1, sizeof(struct envelope) };

static enum message_type find_type(const char *name)
{
	enum message_type type = (enum message_type)0;

	while (type < MESSAGE_UNKNOWN && strcmp(message_type_name(type), name) != 0)
		type++;
	return type;
}

/* m is zeroed; its memory is freed by the caller if this fails. */
static int read_message(const json_t *json, const char *type, struct message *m,
			struct errtext *why)
{
	struct field_place place = { NULL, type, 0 };
	struct envelope envelope = { 0 };
	const struct message_kind *kind;
	int err;

	m->type = find_type(type);
	kind = message_kind_of(m->type);
	err = field_read(&envelope_table, json, &place, &m->memory, &envelope, why);
	if (err != 0)
		return err;
	m->id = envelope.id;
	if (kind == NULL) {
		m->unknown = arena_copy_text(&m->memory, type);
		return m->unknown != NULL ? 0 : ERR_NO_MEMORY;
	}
	err = field_read(kind->table, json, &place, &m->memory, (uint8_t *)m + kind->offset, why);
	if (err == 0 && kind->check != NULL)
		err = kind->check(m, &place, why);
	return err;
}

int message_decode(struct bytes line, struct message *out, struct errtext *why)
{
	struct message m = { .type = MESSAGE_UNKNOWN };
	const char *type;
	json_t *json;
	int err;

	if (line.len > 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	err = frame_parse(line, &json, &type, why);
	if (err != 0)
		return err;
	err = read_message(json, type, &m, why);
	json_decref(json);
	if (err != 0)
		arena_free(&m.memory);
	else
		*out = m;
	return err;
}

void message_free(struct message *m)
{
	arena_free(&m->memory);
}

static int write_message(const struct message *m, const struct message_kind *kind, json_t *json,
			 struct errtext *why)
{
	struct field_place place = { NULL, message_type_name(m->type), 0 };
	struct envelope envelope = { m->id };
	int err;

	if (json_object_set_new(json, "type", json_string(place.name)) != 0)
		return ERR_NO_MEMORY;
	err = field_write(&envelope_table, &envelope, &place, json, why);
	if (err == 0)
		err =
		    field_write(kind->table, (const uint8_t *)m + kind->offset, &place, json, why);
	if (err == 0 && kind->check != NULL)
		err = kind->check(m, &place, why);
	return err;
}

int message_encode(const struct message *m, uint8_t *buf, size_t cap, struct bytes *out,
		   struct errtext *why)
{
	const struct message_kind *kind = message_kind_of(m->type);
	json_t *json;
	int err;

	if (kind == NULL) {
		errtext_set(why, "type: not one that can be sent");
		return ERR_VALUE;
	}
	json = json_object();
	err = write_message(m, kind, json, why);
	if (err == 0) {
		err = frame_write(json, buf, cap, out);
		if (err != 0)
			errtext_set(why, "%s: %s", message_type_name(m->type), err_text(err));
	}
	field_wipe_keys(kind->table, json);
	json_decref(json);
	return err;
}

/* How many elements of a list, each written by the rows of table, fit in so many octets. */
static size_t fit_in(size_t room, const struct field_table *table, const void *list, size_t n,
		     size_t max)
{
	const uint8_t *element = list;
	size_t i = 0;

	for (; i < n && i < max; i++, element += table->size) {
		struct field_place place = { NULL, "entries", 0 };
		json_t *json = json_object();
		size_t size = 0;

		if (field_write(table, element, &place, json, NULL) == 0)
			size = json_dumpb(json, NULL, 0, JSON_COMPACT) + 1; /* and a comma */
		json_decref(json);
		if (size > room)
			break;
		room -= size;
	}
	return i;
}

/* In a frame of their own. */
static size_t fit(const struct field_table *table, const void *list, size_t n, size_t max)
{
	return fit_in(FRAME_MAX - LIST_OVERHEAD, table, list, n, max);
}

size_t message_fit_peers(const struct msg_peer *entries, size_t n)
{
	return fit(&message_peer_table, entries, n, MSG_PEERS_MAX);
}

size_t message_fit_sas(const struct msg_sa *entries, size_t n)
{
	return fit(&message_sa_table, entries, n, MSG_SAS_MAX);
}

bool message_fits_revocations(const struct msg_revocation *items, size_t n)
{
	return fit_in(FRAME_MAX / 4, &message_revocation_table, items, n, MSG_REVOCATIONS_MAX) == n;
}
