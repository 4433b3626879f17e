/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

const char *err_text(int err)
{
#define ERR_CASE(name, number, text) \
	case number:                 \
		return text;
	switch (err) {
		ERR_LIST(ERR_CASE)
	case 0:
		return "no error";
	default:
		return "unknown error";
	}
#undef ERR_CASE
}
