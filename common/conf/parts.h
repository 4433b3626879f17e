/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_PARTS_H
#define CONF_PARTS_H

#include "common/base/ip.h"
#include "common/base/log.h"
#include "common/conf/schema.h"

/* Mappings that several programs have in their files, with the rows that fill them. */

/* Files in PEM, absolute. */
struct conf_tls {
	char *ca;
	char *certificate;
	char *key;
};
extern const struct conf_row conf_tls_rows[];

/* Where the director is, and its name as in its certificate. */
struct conf_director {
	struct endpoint address;
	char *name;
};
extern const struct conf_row conf_director_rows[];

struct conf_log {
	enum log_level level;
};
extern const struct conf_row conf_log_rows[];

#endif
