/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/control/frame.h"
#include "common/control/message.h"

/* The example lines of the protocol's document are what this code reads and writes. */
#define DOCUMENT "docs/control-protocol.md"

static uint8_t buf[FRAME_MAX];

/* Returns the type of the example. */
static enum message_type check_example(const char *line)
{
	struct bytes view = { (const uint8_t *)line, strlen(line) }, out;
	struct errtext why = { "" };
	struct message m;
	enum message_type type;

	if (message_decode(view, &m, &why) != 0)
		fail_msg("%s%s", line, why.text);
	type = m.type;
	assert_int_not_equal(type, MESSAGE_UNKNOWN);
	if (message_encode(&m, buf, sizeof(buf), &out, &why) != 0)
		fail_msg("%s%s", line, why.text);
	assert_int_equal(out.len, view.len);
	assert_memory_equal(out.ptr, view.ptr, view.len);
	message_free(&m);
	return type;
}

static void test_examples(void **state)
{
	bool is_shown[MESSAGE_UNKNOWN] = { false };
	FILE *file = fopen(DOCUMENT, "r");
	char *line = NULL;
	size_t cap = 0;

	(void)state;
	if (file == NULL)
		skip(); /* not run from the top of the tree */
	while (getline(&line, &cap, file) > 0) {
		if (strncmp(line, "{\"type\"", 7) == 0)
			is_shown[check_example(line)] = true;
	}
	free(line);
	fclose(file);
	for (size_t i = 0; i < MESSAGE_UNKNOWN; i++) {
		if (!is_shown[i])
			fail_msg("no example of %s", message_type_name((enum message_type)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_examples) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
