/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CPU_H
#define AGENT_CPU_H

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * How busy the processors are, from the first line of /proc/stat: the share of time between two
 * samples in which they did something. Steal counts as busy: another guest has that time.
 */
struct cpu_sample {
	uint64_t busy;
	uint64_t total;
};

/* ERR_VALUE if text does not begin with the line "cpu ...". Terminated text. */
MUST_USE int cpu_parse(const char *text, struct cpu_sample *out);

/* 0-1; 0 if no time passed. */
double cpu_share(const struct cpu_sample *before, const struct cpu_sample *now);

/* Reads /proc/stat. ERR_IO. */
MUST_USE int cpu_read(struct cpu_sample *out);

#endif
