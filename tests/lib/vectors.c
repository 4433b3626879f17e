/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/hex.h"

static void take_name(struct vector *v, const char *line)
{
	size_t len = strcspn(line + 1, "]");

	assert_true(len < sizeof(v->name));
	memcpy(v->name, line + 1, len);
	v->name[len] = '\0';
	v->len = 0;
}

size_t vectors_load(const char *path, struct vector *out, size_t max)
{
	FILE *file = fopen(path, "r");
	char line[256];
	size_t n = 0;

	if (file == NULL)
		fail_msg("%s: not there; tests run in the top folder", path);
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (line[0] == '[') {
			assert_true(n < max);
			take_name(&out[n++], line);
			continue;
		}
		assert_true(n > 0);
		struct vector *v = &out[n - 1];

		v->len += test_unhex(line, v->octets + v->len, sizeof(v->octets) - v->len).len;
	}
	fclose(file);
	return n;
}
