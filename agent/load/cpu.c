/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/load/cpu.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* user nice system idle iowait irq softirq steal; guest times are part of user and nice. */
#define FIELDS 8
#define IDLE   3
#define IOWAIT 4

int cpu_parse(const char *text, struct cpu_sample *out)
{
	uint64_t f[FIELDS] = { 0 };
	struct cpu_sample s = { 0, 0 };

	/* Not "cpu0": the blank of a scanf format would match nothing too. */
	if (strncmp(text, "cpu ", 4) != 0 ||
	    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
	    sscanf(text,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7]) < IDLE + 1)
		return ERR_VALUE;
	for (size_t i = 0; i < FIELDS; i++) {
		s.total += f[i];
		if (i != IDLE && i != IOWAIT)
			s.busy += f[i];
	}
	*out = s;
	return 0;
}

double cpu_share(const struct cpu_sample *before, const struct cpu_sample *now)
{
	if (now->total <= before->total || now->busy < before->busy)
		return 0;
	return (double)(now->busy - before->busy) / (double)(now->total - before->total);
}

int cpu_read(struct cpu_sample *out)
{
	char text[256];
	int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return ERR_IO;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return ERR_IO;
	text[len] = '\0';
	return cpu_parse(text, out);
}
