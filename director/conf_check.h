/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_CONF_CHECK_H
#define DIRECTOR_CONF_CHECK_H

#include "common/conf/schema.h"

/*
 * The rules between fields of director.yaml: members and addresses are unique, pins name members,
 * and whoever asks can be redirected. conf is a struct director_conf; ctx is not used.
 */
void director_conf_check(struct conf_check *check, const void *conf, const void *ctx);

#endif
