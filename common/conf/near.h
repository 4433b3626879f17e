/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_NEAR_H
#define CONF_NEAR_H

#include "common/conf/schema.h"

/*
 * The row whose name is a few slips of the keyboard away from text (letters left out, put in,
 * changed or swapped) or begins with its words; NULL if none is near.
 */
const struct conf_row *conf_row_near(const struct conf_row *rows, const char *text);

#endif
