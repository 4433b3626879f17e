/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "common/base/err.h"
#include "common/conf/source.h"

/*
 * A YAML document as a tree of texts, lists and mappings, each with its place in the file. The
 * tree knows nothing of what the texts mean. It is built from libyaml's events in one pass, with
 * limits on depth and number of nodes; an alias is a reference and costs one node, whatever it
 * stands for.
 */
enum conf_kind {
	CONF_KIND_TEXT,
	CONF_KIND_LIST,
	CONF_KIND_MAP,
	CONF_KIND_ALIAS, /* what it stands for is conf_node_value() */
};

#define CONF_DEPTH_MAX   16
#define CONF_ANCHORS_MAX 64

struct conf_node {
	enum conf_kind kind;
	struct conf_pos pos;
	size_t n;               /* entries of a list, pairs of a mapping */
	char *text;             /* terminated, without NUL inside; NULL unless a text */
	struct conf_node *down; /* first entry, or first key: keys and values take turns */
	struct conf_node *next;
	struct conf_node *target; /* of an alias */
};

struct conf_tree;

/*
 * Returns 0 and a tree whose root is a mapping, or ERR_CONFIG or ERR_NO_MEMORY; then one mistake
 * has been reported.
 */
MUST_USE int conf_tree_parse(const struct conf_source *source, size_t max_nodes,
			     struct conf_errors *errs, struct conf_tree **out);

/* Wipes all texts; NULL is fine. */
void conf_tree_free(struct conf_tree *tree);

const struct conf_node *conf_tree_root(const struct conf_tree *tree);

/* The thing itself where node is an alias of it. */
const struct conf_node *conf_node_value(const struct conf_node *node);

/* "text", "list" or "mapping". */
const char *conf_kind_name(enum conf_kind kind);

#endif
