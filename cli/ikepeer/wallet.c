/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/wallet.h"

#include <jansson.h>
#include <stdlib.h>

#define VERSION 1

void wallet_drop(struct wallet *t, uint64_t spi)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->items[i].spi != spi && kept != i)
			t->items[kept] = t->items[i];
		kept += t->items[i].spi != spi;
	}
	for (size_t i = kept; i < t->n; i++)
		resumption_wipe(&t->items[i]);
	t->n = kept;
}

void wallet_put(struct wallet *t, const struct resumption *r)
{
	wallet_drop(t, r->spi);
	if (t->n == WALLET_MAX)
		wallet_drop(t, t->items[0].spi);
	t->items[t->n++] = *r;
}

const struct resumption *wallet_best(const struct wallet *t, uint64_t now_ms)
{
	for (size_t i = t->n; i > 0; i--) {
		if (resumption_is_good(&t->items[i - 1], now_ms))
			return &t->items[i - 1];
	}
	return NULL;
}

void wallet_wipe(struct wallet *t)
{
	wipe(t, sizeof(*t));
}

/* ---- text ---- */

static json_t *to_hex(const uint8_t *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * RESUMPTION_TICKET_MAX + 1];
	json_t *out;

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[octets[i] >> 4];
		text[2 * i + 1] = digits[octets[i] & 15];
	}
	text[2 * len] = '\0';
	out = json_string(text);
	wipe(text, sizeof(text));
	return out;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* True if there is such text and it fits. */
static bool from_hex(const json_t *object, const char *name, uint8_t *out, size_t cap, size_t *len)
{
	const char *text = json_string_value(json_object_get(object, name));
	size_t n = text != NULL ? strlen(text) : 1;

	if (n % 2 != 0 || n / 2 > cap)
		return false;
	for (size_t i = 0; i < n / 2; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	*len = n / 2;
	return true;
}

/* Jansson does not wipe what it frees: the process ends with no core and is not to be traced. */
int ticket_to_text(const struct resumption *r, uint64_t now_ms, uint64_t wall_s,
		   char out[TICKET_TEXT_MAX])
{
	char suite[SUITE_TEXT_MAX];
	uint64_t left_s = r->expires_ms > now_ms ? (r->expires_ms - now_ms) / 1000 : 0;
	json_int_t expires_s = (json_int_t)wall_s + (json_int_t)left_s;
	json_t *json = json_pack(
	    "{s:i, s:I, s:s, s:i, s:i, s:o, s:i, s:o, s:o, s:o}", "version", VERSION, "expires_s",
	    expires_s, "suite", ike_suite_format(&r->suite, suite), "auth_method",
	    (int)r->auth_method, "idi_type", (int)r->idi_type, "idi", to_hex(r->idi, r->idi_len),
	    "idr_type", (int)r->idr_type, "idr", to_hex(r->idr, r->idr_len), "sk_d",
	    to_hex(r->sk_d.data, r->sk_d.len), "ticket", to_hex(r->ticket, r->ticket_len));
	size_t len = json != NULL ? json_dumpb(json, out, TICKET_TEXT_MAX - 1, JSON_COMPACT) : 0;

	json_decref(json);
	if (len == 0 || len >= TICKET_TEXT_MAX)
		return ERR_NO_MEMORY;
	out[len] = '\0';
	return 0;
}

static bool read_octet(const json_t *json, const char *name, uint8_t *out)
{
	const json_t *value = json_object_get(json, name);
	json_int_t n = json_integer_value(value);

	*out = (uint8_t)n;
	return json_is_integer(value) && n >= 0 && n <= UINT8_MAX;
}

static bool read_fields(const json_t *json, struct resumption *out)
{
	const char *suite = json_string_value(json_object_get(json, "suite"));

	return json_integer_value(json_object_get(json, "version")) == VERSION && suite != NULL &&
	       ike_suite_parse(suite, &out->suite) == 0 &&
	       read_octet(json, "auth_method", &out->auth_method) &&
	       read_octet(json, "idi_type", &out->idi_type) &&
	       read_octet(json, "idr_type", &out->idr_type) &&
	       from_hex(json, "idi", out->idi, sizeof(out->idi), &out->idi_len) &&
	       from_hex(json, "idr", out->idr, sizeof(out->idr), &out->idr_len) &&
	       from_hex(json, "sk_d", out->sk_d.data, sizeof(out->sk_d.data), &out->sk_d.len) &&
	       from_hex(json, "ticket", out->ticket, sizeof(out->ticket), &out->ticket_len) &&
	       out->ticket_len > 0 && out->sk_d.len > 0;
}

int ticket_from_text(const char *text, uint64_t now_ms, uint64_t wall_s, struct resumption *out)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_int_t expires_s = json_integer_value(json_object_get(json, "expires_s"));
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (!read_fields(json, out) || expires_s <= 0)
		err = ERR_VALUE;
	else if ((uint64_t)expires_s <= wall_s)
		err = ERR_TIMEOUT;
	else
		out->expires_ms = now_ms + ((uint64_t)expires_s - wall_s) * 1000;
	json_decref(json);
	if (err != 0)
		resumption_wipe(out);
	return err;
}
