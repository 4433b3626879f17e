/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include "agent/ownership/ownership.h"
#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/base/secret.h"
#include "common/base/text.h"

#include <stdint.h>

/*
 * What a member has to know when it starts while no director can be reached: the number that its
 * SPIs begin with, which service addresses are its own and under which epochs, and the keys that
 * other members' claim notices are verified with. One small JSON file, replaced as a whole and on
 * the disk before it counts; mode 0600, because of the keys.
 */
#define STATE_FORMAT 2

struct state_key {
	char id[NAME_TEXT_MAX + 1]; /* a name */
	struct key key;             /* MESH_KEY_MIN to KEY_MAX octets */
};

struct agent_state {
	char cluster[64];
	uint8_t number; /* 1-191; 0: never had a director */
	uint8_t
	    format; /* of the file that it comes from; 0: there was none. Not for state_save() */
	struct ownership_state ownership;
	size_t n_keys;
	struct state_key keys[MESH_KEYS_MAX];
};

/*
 * No file is fine: then all is zero. A file of format 1 has number and cluster only. ERR_IO,
 * ERR_VALUE (damaged), ERR_UNSUPPORTED (written by a newer version), with the reason in why.
 * The caller wipes out.
 */
MUST_USE int state_load(const char *dir, struct agent_state *out, struct errtext *why);

/*
 * Returns when it is on the disk, which may take long: for a worker thread. Uses nothing but its
 * arguments, and they must not change meanwhile; one call at a time for a folder. ERR_VALUE for
 * what state_load() would refuse, ERR_IO, ERR_NO_MEMORY.
 */
MUST_USE int state_save(const char *dir, const struct agent_state *state, struct errtext *why);

/*
 * For a file of format 1, from when a member held its home addresses without being told to: they
 * count as its own, under no epoch, so that any claim is newer. Else nothing.
 */
void state_take_homes(struct agent_state *state, const struct ownership_conf *conf);

/* Wipes the keys. */
void state_wipe(struct agent_state *state);

#endif
