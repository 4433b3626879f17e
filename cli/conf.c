/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/conf.h"

#include "common/conf/types.h"

#define FILE_MAX   (64 * 1024)
#define VALUES_MAX 4096

static const struct conf_row rows[] = {
	{
	    .name = "director",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_director_rows,
	    CONF_AT(struct clusteradm_conf, director),
	    .help = "The director to talk to.",
	},
	{
	    .name = "tls",
	    .type = &conf_type_map,
	    .flags = CONF_REQUIRED,
	    .rows = conf_tls_rows,
	    CONF_AT(struct clusteradm_conf, tls),
	    .help = "Files in PEM; the certificate is an administrator's or a monitor's.",
	},
	{ .name = NULL },
};

const struct conf_schema clusteradm_conf_schema = {
	.rows = rows,
	.size = sizeof(struct clusteradm_conf),
	.file = { .max_size = FILE_MAX },
	.max_values = VALUES_MAX,
};

int clusteradm_conf_load(const char *path, struct conf_errors *errs, struct clusteradm_conf **out)
{
	void *conf;
	int err = conf_load_file(&clusteradm_conf_schema, path, NULL, errs, &conf);

	if (err == 0)
		*out = conf;
	return err;
}

int clusteradm_conf_parse(const struct conf_source *source, struct conf_errors *errs,
			  struct clusteradm_conf **out)
{
	void *conf;
	int err = conf_load(&clusteradm_conf_schema, source, NULL, errs, &conf);

	if (err == 0)
		*out = conf;
	return err;
}

void clusteradm_conf_free(struct clusteradm_conf *conf)
{
	conf_free(&clusteradm_conf_schema, conf);
}

int clusteradm_conf_dump(const struct clusteradm_conf *conf, FILE *out)
{
	return conf_dump(&clusteradm_conf_schema, conf, out);
}
