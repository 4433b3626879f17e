/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/state/state_json.h"

#define FILE_NAME "agent.json"
#define FILE_MAX  16384 /* all addresses and keys take about half of it */

/* ERR_VALUE if it is longer than any that is written. */
static int read_all(int fd, char buf[FILE_MAX], size_t *len)
{
	ssize_t n;

	do {
		n = read(fd, buf + *len, FILE_MAX - *len);
		if (n > 0)
			*len += (size_t)n;
	} while (n > 0 && *len < FILE_MAX);
	if (n < 0)
		return ERR_IO;
	return *len < FILE_MAX ? 0 : ERR_VALUE;
}

static int read_file(const char *path, char buf[FILE_MAX], size_t *len, struct errtext *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		errtext_set(why, "cannot open %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	err = read_all(fd, buf, len);
	if (err == ERR_IO)
		errtext_set(why, "cannot read %s: %s", path, strerror(errno));
	close(fd);
	return err;
}

static int parse(const char *text, size_t len, struct agent_state *out)
{
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	int err = json != NULL ? state_from_json(json, out) : ERR_VALUE;

	state_json_free(json);
	return err;
}

int state_load(const char *dir, struct agent_state *out, struct errtext *why)
{
	char path[PATH_MAX], buf[FILE_MAX];
	size_t len;
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
	err = read_file(path, buf, &len, why);
	if (err == 0) {
		memset(out, 0, sizeof(*out));
		if (len > 0)
			err = parse(buf, len, out);
	}
	wipe(buf, sizeof(buf));
	if (err != 0 && err != ERR_IO)
		errtext_set(why, "%s is %s: remove it, the director will tell again", path,
			    err == ERR_UNSUPPORTED ? "from a newer version" : "damaged");
	return err;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return ERR_IO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
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
	if (fd < 0 || write_all(fd, text, len) != 0 || fsync(fd) != 0)
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
	json_t *json;
	char *text;
	int err = ERR_NO_MEMORY;

	if (!state_is_valid(state)) {
		errtext_set(why, "a state that could not be read again is not written");
		return ERR_VALUE;
	}
	json = state_to_json(state);
	text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
	if (text != NULL) {
		err = replace_file(dir, text, why);
		wipe(text, strlen(text));
	} else {
		errtext_set(why, "out of memory");
	}
	free(text);
	state_json_free(json);
	return err;
}

void state_take_homes(struct agent_state *state, const struct ownership_conf *conf)
{
	struct ownership_state *own = &state->ownership;

	if (state->format != 1)
		return;
	for (size_t i = 0; i < conf->n && own->n < KEEPER_ADDRESSES_MAX; i++) {
		if (!conf->addresses[i].is_home)
			continue;
		own->records[own->n++] =
		    (struct ownership_record){ .ip = conf->addresses[i].ip, .is_ours = true };
	}
}

void state_wipe(struct agent_state *state)
{
	for (size_t i = 0; i < MESH_KEYS_MAX; i++)
		key_wipe(&state->keys[i].key);
}
