/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_GLOB_H
#define CONF_GLOB_H

#include "common/base/bytes.h"

/*
 * Patterns of identities: '*' stands for any characters, also none and also dots; every other
 * character for itself, letters in either case. Time is at most the product of both lengths.
 */
bool glob_is_match(const char *pattern, const char *text);

#endif
