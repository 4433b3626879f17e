/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONF_H
#define CLI_CONF_H

#include "common/conf/parts.h"

/* clusteradm.yaml as a struct that does not change once it is loaded. */
struct clusteradm_conf {
	struct conf_director director;
	struct conf_tls tls;
};

/*
 * Returns 0; or ERR_CONFIG, ERR_IO or ERR_NO_MEMORY, and then at least one mistake has been
 * reported. clusteradm_conf_parse() takes text from memory.
 */
MUST_USE int clusteradm_conf_load(const char *path, struct conf_errors *errs,
				  struct clusteradm_conf **out);
MUST_USE int clusteradm_conf_parse(const struct conf_source *source, struct conf_errors *errs,
				   struct clusteradm_conf **out);

/* NULL is fine. */
void clusteradm_conf_free(struct clusteradm_conf *conf);

/* The effective values as YAML that loads again. Returns 0, ERR_IO or ERR_NO_MEMORY. */
MUST_USE int clusteradm_conf_dump(const struct clusteradm_conf *conf, FILE *out);

/* The rows, for conf_describe(). */
extern const struct conf_schema clusteradm_conf_schema;

#endif
