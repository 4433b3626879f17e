/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONF_CHECK_H
#define AGENT_CONF_CHECK_H

#include "common/conf/schema.h"

/*
 * The rules between fields of agent.yaml: addresses and connections are unique, links are given
 * where they are needed, both ends of a connection speak the same family. conf is a struct
 * agent_conf without its peers; ctx is not used.
 */
void agent_conf_check(struct conf_check *check, const void *conf, const void *ctx);

#endif
