/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/errtext.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"

void errtext_set(struct errtext *e, const char *fmt, ...)
{
	char raw[ERRTEXT_MAX];
	va_list args;

	if (e == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text_clean((struct bytes){ (const uint8_t *)raw, strlen(raw) }, e->text, sizeof(e->text));
}
