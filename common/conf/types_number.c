/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/types.h"

#define MILLION 1000000u

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits without leading zeros (an octal number to some) up to a limit; what is left of text. */
static int parse_digits(const char *text, uint64_t limit, uint64_t *value, const char **end)
{
	*value = 0;
	if (!is_digit(text[0]) || (text[0] == '0' && is_digit(text[1])))
		return ERR_VALUE;
	for (; is_digit(*text); text++) {
		*value = *value * 10 + (uint64_t)(*text - '0');
		if (*value > limit)
			*value = limit + 1;
	}
	*end = text;
	return 0;
}

static int refuse_range(const struct conf_row *row, const char *text, struct conf_why *why)
{
	return conf_why_set(why, "must be from %u to %u%s%s, not %.40s", row->min, row->max,
			    row->unit != NULL ? " " : "", row->unit != NULL ? row->unit : "", text);
}

/* ---- whole numbers ---- */

static int parse_uint(const struct conf_row *row, const char *text, const char *folder, void *value,
		      struct conf_why *why)
{
	uint64_t number;
	uint32_t out;
	const char *end;

	(void)folder;
	if (parse_digits(text, UINT32_MAX, &number, &end) != 0 || *end != '\0')
		return ERR_VALUE;
	if (number < row->min || number > row->max)
		return refuse_range(row, text, why);
	out = (uint32_t)number;
	memcpy(value, &out, sizeof(out));
	return 0;
}

static const char *format_uint(const struct conf_row *row, const void *value,
			       char out[CONF_VALUE_TEXT_MAX])
{
	uint32_t number;

	(void)row;
	memcpy(&number, value, sizeof(number));
	snprintf(out, CONF_VALUE_TEXT_MAX, "%u", number);
	return out;
}

const struct conf_type conf_type_uint = {
	.what = "a whole number",
	.size = sizeof(uint32_t),
	.parse = parse_uint,
	.format = format_uint,
};

/* ---- decimal fractions ---- */

/* ".5" as millionths; no digits at all is 0. */
static int parse_fraction(const char *text, uint64_t *millionths)
{
	uint64_t unit = MILLION;

	*millionths = 0;
	if (*text == '\0')
		return 0;
	if (*text++ != '.' || *text == '\0')
		return ERR_VALUE;
	for (; *text != '\0'; text++) {
		unit /= 10;
		if (!is_digit(*text) || unit == 0)
			return ERR_VALUE;
		*millionths += (uint64_t)(*text - '0') * unit;
	}
	return 0;
}

/* In millionths up to the end, so that neither locale nor rounding gets a say. */
static int parse_decimal(const struct conf_row *row, const char *text, const char *folder,
			 void *value, struct conf_why *why)
{
	uint64_t whole, millionths;
	const char *end;
	double out;

	(void)folder;
	if (parse_digits(text, UINT32_MAX, &whole, &end) != 0 ||
	    parse_fraction(end, &millionths) != 0)
		return ERR_VALUE;
	millionths += whole * MILLION;
	if (millionths < (uint64_t)row->min * MILLION || millionths > (uint64_t)row->max * MILLION)
		return refuse_range(row, text, why);
	out = (double)millionths / MILLION;
	memcpy(value, &out, sizeof(out));
	return 0;
}

static const char *format_decimal(const struct conf_row *row, const void *value,
				  char out[CONF_VALUE_TEXT_MAX])
{
	double number;
	uint64_t millionths;
	int len;

	(void)row;
	memcpy(&number, value, sizeof(number));
	millionths = (uint64_t)(number * MILLION + 0.5);
	len = snprintf(out, CONF_VALUE_TEXT_MAX, "%u.%06u", (unsigned int)(millionths / MILLION),
		       (unsigned int)(millionths % MILLION));
	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[--len] = '\0';
	return out;
}

const struct conf_type conf_type_decimal = {
	.what = "a number with at most six decimals",
	.size = sizeof(double),
	.parse = parse_decimal,
	.format = format_decimal,
};

/* ---- one of several words ---- */

static int refuse_choice(const struct conf_row *row, const char *text, struct conf_why *why)
{
	char names[CONF_VALUE_TEXT_MAX] = "";
	size_t used = 0;

	for (const struct conf_choice *c = row->choices; c->name != NULL; c++) {
		const char *joint = c == row->choices ? "" : c[1].name == NULL ? " or " : ", ";
		int len = snprintf(names + used, sizeof(names) - used, "%s%s", joint, c->name);

		used += len > 0 && (size_t)len < sizeof(names) - used ? (size_t)len : 0;
	}
	return conf_why_set(why, "must be %s, not '%.40s'", names, text);
}

static int parse_choice(const struct conf_row *row, const char *text, const char *folder,
			void *value, struct conf_why *why)
{
	(void)folder;
	for (const struct conf_choice *c = row->choices; c->name != NULL; c++) {
		if (strcmp(c->name, text) == 0) {
			memcpy(value, &c->value, sizeof(c->value));
			return 0;
		}
	}
	return refuse_choice(row, text, why);
}

static const char *format_choice(const struct conf_row *row, const void *value,
				 char out[CONF_VALUE_TEXT_MAX])
{
	int number;

	(void)out;
	memcpy(&number, value, sizeof(number));
	for (const struct conf_choice *c = row->choices; c->name != NULL; c++) {
		if (c->value == number)
			return c->name;
	}
	return NULL;
}

const struct conf_type conf_type_choice = {
	.what = "one of several words",
	.size = sizeof(int),
	.parse = parse_choice,
	.format = format_choice,
};
