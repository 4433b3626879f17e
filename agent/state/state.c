/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME  "agent.json"
#define FILE_MAX   4096
#define NUMBER_MAX 191

static int read_file(const char *path, char buf[FILE_MAX], size_t *len, struct errtext *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		errtext_set(why, "cannot open %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	n = read(fd, buf, FILE_MAX);
	close(fd);
	if (n < 0) {
		errtext_set(why, "cannot read %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	*len = (size_t)n;
	return 0;
}

static int parse(json_t *json, struct agent_state *out)
{
	const char *cluster;
	json_int_t format, number;
	struct agent_state state = { .number = 0 };

	if (json_unpack(json, "{s:I, s:s, s:I}", "format", &format, "cluster", &cluster, "number",
			&number) != 0)
		return ERR_VALUE;
	if (format > STATE_FORMAT)
		return ERR_UNSUPPORTED;
	if (number < 1 || number > NUMBER_MAX || strlen(cluster) >= sizeof(state.cluster))
		return ERR_VALUE;
	state.number = (uint8_t)number;
	memcpy(state.cluster, cluster, strlen(cluster) + 1);
	*out = state;
	return 0;
}

int state_load(const char *dir, struct agent_state *out, struct errtext *why)
{
	char path[PATH_MAX], buf[FILE_MAX];
	json_error_t error;
	json_t *json;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
	err = read_file(path, buf, &len, why);
	if (err != 0)
		return err;
	memset(out, 0, sizeof(*out));
	if (len == 0)
		return 0;
	json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &error);
	err = json != NULL ? parse(json, out) : ERR_VALUE;
	json_decref(json);
	if (err != 0)
		errtext_set(why, "%s is %s: remove it, the director will tell again", path,
			    err == ERR_UNSUPPORTED ? "from a newer version" : "damaged");
	return err;
}

/* Written beside, made durable, put in place, and that made durable too. */
static int replace_file(const char *dir, const char *text, struct errtext *why)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	size_t len = strlen(text);
	int fd, dir_fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
	snprintf(tmp, sizeof(tmp), "%s/%s.tmp", dir, FILE_NAME);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
		err = ERR_IO;
	if (fd >= 0 && close(fd) != 0)
		err = ERR_IO;
	if (err == 0 && rename(tmp, path) != 0)
		err = ERR_IO;
	dir_fd = err == 0 ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (err == 0 && (dir_fd < 0 || fsync(dir_fd) != 0))
		err = ERR_IO;
	if (err != 0)
		errtext_set(why, "cannot write %s: %s", path, strerror(errno));
	if (dir_fd >= 0)
		close(dir_fd);
	return err;
}

int state_save(const char *dir, const struct agent_state *state, struct errtext *why)
{
	json_t *json = json_pack("{s:i, s:s, s:i}", "format", STATE_FORMAT, "cluster",
				 state->cluster, "number", (int)state->number);
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
	int err = ERR_NO_MEMORY;

	if (text != NULL)
		err = replace_file(dir, text, why);
	else
		errtext_set(why, "out of memory");
	free(text);
	json_decref(json);
	return err;
}
