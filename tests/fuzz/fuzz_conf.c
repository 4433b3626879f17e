/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/conf.h"
#include "cli/conf.h"
#include "director/conf.h"

/*
 * Input: one letter for the file (d, a, p or c), then its text. What is refused must be refused
 * with a reason; what loads must dump to text that loads and dumps to the same.
 */
static const char peers_text[] = "peers:\n- {id: p1.peers.example.net, psk: 12345678}\n"
				 "- {id: '192.0.2.1', psk: 12345678}\n";
static const char agent_text[] = "member: m1\n"
				 "director: {address: '192.0.2.10:7400', name: d1}\n"
				 "tls: {ca: a, certificate: b, key: c}\n"
				 "home: [{address: 192.0.2.21, link: eth0}]\n"
				 "ike: {id: gw.example.net}\n"
				 "connections:\n"
				 "- name: sites\n"
				 "  remote-id: ['*.net', '#*']\n"
				 "  local-ts: [10.1.0.0/25, '2001:db8::/64']\n"
				 "  remote-ts: [10.2.0.0/15, '2001:db8:1::/48']\n"
				 "  inside: {link: eth1}\n"
				 "- name: others\n"
				 "  remote-id: ['*']\n"
				 "  local-ts: [10.1.0.0/25]\n"
				 "  remote-ts: [10.0.0.0/8]\n"
				 "  inside: {mode: route}\n"
				 "peers-file: peers.yaml\n";

static void take_line(void *ctx, const char *line)
{
	size_t *n = ctx;

	for (; *line != '\0'; line++) {
		if ((uint8_t)*line < ' ')
			abort();
	}
	(*n)++;
}

static struct conf_source source_of(const void *text, size_t len)
{
	return (struct conf_source){ .name = "f", .folder = "/etc", .text = { text, len } };
}

union loaded {
	struct director_conf *director;
	struct agent_conf *agent;
	struct clusteradm_conf *cli;
};

static int parse(char kind, struct bytes text, struct conf_errors *errs, union loaded *out)
{
	struct conf_source source = source_of(text.ptr, text.len);
	struct conf_source agent = source_of(agent_text, sizeof(agent_text) - 1);
	struct conf_source peers = source_of(peers_text, sizeof(peers_text) - 1);

	switch (kind) {
	case 'd':
		return director_conf_parse(&source, errs, &out->director);
	case 'a':
		return agent_conf_parse(&source, &peers, errs, &out->agent);
	case 'p':
		return agent_conf_parse(&agent, &source, errs, &out->agent);
	default:
		return clusteradm_conf_parse(&source, errs, &out->cli);
	}
}

static char *dump(char kind, union loaded conf, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	int err = kind == 'd'   ? director_conf_dump(conf.director, out)
		  : kind == 'c' ? clusteradm_conf_dump(conf.cli, out)
				: agent_conf_dump(conf.agent, out);

	if (err != 0)
		abort();
	fclose(out);
	return text;
}

static void release(char kind, union loaded conf)
{
	if (kind == 'd')
		director_conf_free(conf.director);
	else if (kind == 'c')
		clusteradm_conf_free(conf.cli);
	else
		agent_conf_free(conf.agent);
}

/* A dump of peers is in comments: only the agent's part loads again. */
static void check_dump(char kind, union loaded conf)
{
	size_t n = 0, len, len_again;
	struct conf_errors errs = { take_line, &n, 0 };
	char *first = dump(kind, conf, &len), *second;
	union loaded again;

	if (kind != 'p') {
		if (parse(kind, (struct bytes){ (uint8_t *)first, len }, &errs, &again) != 0)
			abort();
		second = dump(kind, again, &len_again);
		if (len != len_again || memcmp(first, second, len) != 0)
			abort();
		free(second);
		release(kind, again);
	}
	free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	size_t n = 0;
	struct conf_errors errs = { take_line, &n, 0 };
	union loaded conf;
	char kind;
	int err;

	if (size == 0 || strchr("dapc", input[0]) == NULL || input[0] == '\0')
		return -1;
	kind = (char)input[0];
	err = parse(kind, (struct bytes){ input + 1, size - 1 }, &errs, &conf);
	if ((err == 0) != (n == 0))
		abort();
	if (err == 0) {
		check_dump(kind, conf);
		release(kind, conf);
	}
	return 0;
}
