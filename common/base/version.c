/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/version.h"

#ifndef WAYPOST_VERSION
#define WAYPOST_VERSION "unknown"
#endif

const char waypost_version[] = WAYPOST_VERSION;
