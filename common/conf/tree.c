/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/tree.h"

#include <stdlib.h>
#include <yaml.h>

#include "common/base/secret.h"

#define BLOCK_NODES 128

struct block {
	struct block *next;
	size_t used;
	struct conf_node nodes[BLOCK_NODES];
};

struct conf_tree {
	struct block *blocks;
	size_t n;
	struct conf_node *root;
};

struct open_node {
	struct conf_node *node;
	struct conf_node *last; /* its latest entry */
};

struct anchor {
	char *name;
	struct conf_node *node;
};

struct builder {
	yaml_parser_t parser;
	const struct conf_source *source;
	struct conf_errors *errs;
	struct conf_tree *tree;
	size_t max_nodes;
	struct open_node open[CONF_DEPTH_MAX];
	size_t depth;
	struct anchor anchors[CONF_ANCHORS_MAX];
	size_t n_anchors;
};

static struct conf_pos pos_of(yaml_mark_t mark)
{
	return (struct conf_pos){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

#define fail(b, pos, ...) \
	(conf_errors_add((b)->errs, (b)->source->name, pos, __VA_ARGS__), ERR_CONFIG)

static int fail_memory(struct builder *b)
{
	conf_errors_add(b->errs, b->source->name, (struct conf_pos){ 0, 0 }, "out of memory");
	return ERR_NO_MEMORY;
}

/* Messages quote nothing here: any word may be part of a secret that lacks its quotes. */

/* ---- building ---- */

static struct conf_node *alloc_node(struct conf_tree *tree)
{
	struct block *block = tree->blocks;

	if (block == NULL || block->used == BLOCK_NODES) {
		block = calloc(1, sizeof(*block));
		if (block == NULL)
			return NULL;
		block->next = tree->blocks;
		tree->blocks = block;
	}
	tree->n++;
	return &block->nodes[block->used++];
}

/* Takes the name over; it is NULL if there is no anchor. */
static int add_anchor(struct builder *b, struct conf_node *node, char **name)
{
	if (*name == NULL)
		return 0;
	if (b->n_anchors == CONF_ANCHORS_MAX)
		return fail(b, node->pos, "more than %d anchors", CONF_ANCHORS_MAX);
	b->anchors[b->n_anchors++] = (struct anchor){ *name, node };
	*name = NULL;
	return 0;
}

static int add_node(struct builder *b, enum conf_kind kind, yaml_mark_t mark,
		    struct conf_node **out)
{
	struct open_node *top = b->depth > 0 ? &b->open[b->depth - 1] : NULL;
	struct conf_node *node;

	if (b->tree->n == b->max_nodes)
		return fail(b, pos_of(mark), "more than %zu values", b->max_nodes);
	node = alloc_node(b->tree);
	if (node == NULL)
		return fail_memory(b);
	node->kind = kind;
	node->pos = pos_of(mark);
	if (top == NULL) {
		b->tree->root = node;
	} else {
		*(top->last != NULL ? &top->last->next : &top->node->down) = node;
		top->last = node;
		top->node->n++;
	}
	*out = node;
	return 0;
}

static int open_node(struct builder *b, enum conf_kind kind, yaml_mark_t mark, char **anchor)
{
	struct conf_node *node;
	int err;

	if (b->depth == CONF_DEPTH_MAX)
		return fail(b, pos_of(mark), "more than %d levels of lists and mappings",
			    CONF_DEPTH_MAX);
	err = add_node(b, kind, mark, &node);
	if (err == 0)
		err = add_anchor(b, node, anchor);
	if (err == 0)
		b->open[b->depth++] = (struct open_node){ node, NULL };
	return err;
}

static void close_node(struct builder *b)
{
	struct conf_node *node = b->open[--b->depth].node;

	if (node->kind == CONF_KIND_MAP)
		node->n /= 2;
}

static int add_text(struct builder *b, yaml_event_t *event)
{
	struct conf_node *node;
	int err = add_node(b, CONF_KIND_TEXT, event->start_mark, &node);

	if (err != 0)
		return err;
	node->text = (char *)event->data.scalar.value;
	event->data.scalar.value = NULL;
	if (strlen(node->text) != event->data.scalar.length)
		return fail(b, node->pos, "a text with a NUL character in it");
	return add_anchor(b, node, (char **)&event->data.scalar.anchor);
}

static bool is_open(const struct builder *b, const struct conf_node *node)
{
	for (size_t i = 0; i < b->depth; i++) {
		if (b->open[i].node == node)
			return true;
	}
	return false;
}

static int add_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct conf_node *target = NULL, *node;
	int err;

	for (size_t i = b->n_anchors; i > 0 && target == NULL; i--) {
		if (strcmp(b->anchors[i - 1].name, name) == 0)
			target = b->anchors[i - 1].node;
	}
	if (target == NULL)
		return fail(
		    b, pos_of(event->start_mark),
		    "an alias without its anchor; a text that begins with '*' needs quotes");
	if (is_open(b, target))
		return fail(b, pos_of(event->start_mark), "an alias inside of what it stands for");
	err = add_node(b, CONF_KIND_ALIAS, event->start_mark, &node);
	if (err == 0)
		node->target = target;
	return err;
}

/* ---- libyaml's side ---- */

/* libyaml's reader gives an offset only. */
static struct conf_pos pos_of_offset(struct bytes text, size_t offset)
{
	struct conf_pos pos = { 1, 1 };

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.ptr[i] == '\n')
			pos = (struct conf_pos){ pos.line + 1, 1 };
		else if ((text.ptr[i] & 0xc0) != 0x80) /* not inside a character */
			pos.col++;
	}
	return pos;
}

static int fail_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem != NULL ? p->problem : "this is not YAML";
	const char *context = p->context != NULL ? p->context : "";

	if (p->error == YAML_MEMORY_ERROR)
		return fail_memory(b);
	if (p->error == YAML_READER_ERROR)
		return fail(b, pos_of_offset(b->source->text, p->problem_offset),
			    "this is not plain UTF-8 text: %s", problem);
	if (strcmp(context, "while scanning an alias") == 0)
		return fail(b, pos_of(p->context_mark), "a text that begins with '*' needs quotes");
	if (strcmp(context, "while scanning for the next token") == 0)
		return fail(b, pos_of(p->problem_mark),
			    "a tab where blanks are needed, or a text that needs quotes");
	if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		return fail(b, pos_of(p->problem_mark), "%s %s begun in line %zu", problem, context,
			    p->context_mark.line + 1);
	return fail(b, pos_of(p->problem_mark), "%s%s%s", problem, *context != '\0' ? " " : "",
		    context);
}

static bool has_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.tag != NULL;
	default:
		return false;
	}
}

static int take_event(struct builder *b, yaml_event_t *event)
{
	if (has_tag(event))
		return fail(b, pos_of(event->start_mark),
			    "tags are not supported; a text that begins with '!' needs quotes");
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->tree->root != NULL)
			return fail(b, pos_of(event->start_mark),
				    "a second YAML document begins here; only one is allowed");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_text(b, event);
	case YAML_ALIAS_EVENT:
		return add_alias(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(b, CONF_KIND_LIST, event->start_mark,
				 (char **)&event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return open_node(b, CONF_KIND_MAP, event->start_mark,
				 (char **)&event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_node(b);
		return 0;
	default:
		return 0;
	}
}

static int take_events(struct builder *b)
{
	bool is_done = false;
	int err = 0;

	while (err == 0 && !is_done) {
		yaml_event_t event;

		if (yaml_parser_parse(&b->parser, &event) == 0)
			return fail_syntax(b);
		err = take_event(b, &event);
		is_done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return err;
}

static bool has_byte_order_mark(struct bytes text)
{
	return (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) ||
	       (text.len >= 2 && memcmp(text.ptr, "\xfe\xff", 2) == 0) ||
	       (text.len >= 2 && memcmp(text.ptr, "\xff\xfe", 2) == 0);
}

static int parse_document(struct builder *b)
{
	const struct bytes text = b->source->text;
	const struct conf_pos start = { 1, 1 };
	int err;

	if (has_byte_order_mark(text))
		return fail(b, start, "a byte order mark; save the file as UTF-8 without one");
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, text.len > 0 ? text.ptr : (const uint8_t *)"",
				     text.len);
	err = take_events(b);
	if (err != 0)
		return err;
	if (b->tree->root == NULL)
		return fail(b, start, "there is nothing in this file");
	if (b->tree->root->kind != CONF_KIND_MAP)
		return fail(b, b->tree->root->pos, "the file must be a mapping of keys to values");
	return 0;
}

/* What libyaml has copied of the file; the texts it has already moved about are out of reach. */
static void wipe_parser(yaml_parser_t *p)
{
	wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
	wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	yaml_parser_delete(p);
}

int conf_tree_parse(const struct conf_source *source, size_t max_nodes, struct conf_errors *errs,
		    struct conf_tree **out)
{
	struct builder b = { .source = source, .errs = errs, .max_nodes = max_nodes };
	int err;

	b.tree = calloc(1, sizeof(*b.tree));
	if (b.tree == NULL || yaml_parser_initialize(&b.parser) == 0) {
		free(b.tree);
		return fail_memory(&b);
	}
	err = parse_document(&b);
	wipe_parser(&b.parser);
	for (size_t i = 0; i < b.n_anchors; i++)
		free(b.anchors[i].name);
	if (err != 0) {
		conf_tree_free(b.tree);
		return err;
	}
	*out = b.tree;
	return 0;
}

static void free_block(struct block *block)
{
	for (size_t i = 0; i < block->used; i++) {
		char *text = block->nodes[i].text;

		if (text != NULL)
			wipe(text, strlen(text));
		free(text);
	}
	free(block);
}

void conf_tree_free(struct conf_tree *tree)
{
	while (tree != NULL && tree->blocks != NULL) {
		struct block *block = tree->blocks;

		tree->blocks = block->next;
		free_block(block);
	}
	free(tree);
}

const struct conf_node *conf_tree_root(const struct conf_tree *tree)
{
	return tree->root;
}

const struct conf_node *conf_node_value(const struct conf_node *node)
{
	return node->kind == CONF_KIND_ALIAS ? node->target : node;
}

const char *conf_kind_name(enum conf_kind kind)
{
	return kind == CONF_KIND_TEXT ? "text" : kind == CONF_KIND_LIST ? "list" : "mapping";
}
