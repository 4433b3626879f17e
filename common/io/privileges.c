/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/privileges.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cap-ng.h>

int privileges_harden(struct errtext *why)
{
	static const struct rlimit no_core = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &no_core) != 0) {
		errtext_set(why, "cannot turn off core dumps: %s", strerror(errno));
		return ERR_IO;
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		errtext_set(why, "cannot protect the process: %s", strerror(errno));
		return ERR_IO;
	}
	return 0;
}

static int find_user(const char *user, struct passwd *out, struct errtext *why)
{
	const struct passwd *found;

	errno = 0;
	found = getpwnam(user);
	if (found == NULL) {
		errtext_set(why, "there is no user '%s'%s%s", user, errno != 0 ? ": " : "",
			    errno != 0 ? strerror(errno) : "");
		return ERR_CONFIG;
	}
	if (found->pw_uid == 0) {
		errtext_set(why, "'%s' is root: give a user without privileges", user);
		return ERR_CONFIG;
	}
	*out = *found;
	return 0;
}

/* The set to keep, in libcap-ng's own (per thread) state. */
static int choose_capabilities(const int *keep, size_t count, struct errtext *why)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = capng_capability_to_name((unsigned int)keep[i]);

		if (capng_have_capability(CAPNG_PERMITTED, (unsigned int)keep[i]) == 0) {
			errtext_set(why, "the capability %s is needed, and not there",
				    name != NULL ? name : "?");
			return ERR_IO;
		}
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < count; i++)
		capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
			     (unsigned int)keep[i]);
	return 0;
}

static int change(const struct passwd *user, struct errtext *why)
{
	int status;

	if (geteuid() == user->pw_uid && getuid() == user->pw_uid) {
		status = capng_apply(CAPNG_SELECT_CAPS);
	} else if (geteuid() != 0) {
		errtext_set(why, "cannot become '%s': not started as root", user->pw_name);
		return ERR_IO;
	} else {
		capng_flags_t flags = (capng_flags_t)(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING |
						      CAPNG_CLEAR_AMBIENT);

		status = capng_change_id((int)user->pw_uid, (int)user->pw_gid, flags);
	}
	if (status != 0) {
		errtext_set(why, "cannot become '%s' with fewer capabilities (step %d)",
			    user->pw_name, -status);
		return ERR_IO;
	}
	return 0;
}

/* Whoever trusts a drop that did not happen runs a parser as root. */
static int check_dropped(const struct passwd *user, const int *keep, size_t count,
			 struct errtext *why)
{
	uid_t real, effective, saved;
	bool is_good;

	if (getresuid(&real, &effective, &saved) != 0)
		return ERR_IO;
	is_good = real == user->pw_uid && effective == user->pw_uid && saved == user->pw_uid &&
		  setresuid((uid_t)-1, 0, (uid_t)-1) != 0;
	if (capng_get_caps_process() != 0)
		is_good = false;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool is_kept = false;

		for (size_t i = 0; i < count; i++)
			is_kept = is_kept || (unsigned int)keep[i] == cap;
		if ((capng_have_capability(CAPNG_PERMITTED, cap) != 0) != is_kept ||
		    capng_have_capability(CAPNG_INHERITABLE, cap) != 0)
			is_good = false;
	}
	if (!is_good) {
		errtext_set(why, "privileges are still there after becoming '%s'", user->pw_name);
		return ERR_IO;
	}
	return 0;
}

int privileges_drop(const char *user, const int *keep, size_t count, struct errtext *why)
{
	struct passwd target;
	int err = find_user(user, &target, why);

	if (err != 0)
		return err;
	if (capng_get_caps_process() != 0) {
		errtext_set(why, "cannot read the capabilities of the process");
		return ERR_IO;
	}
	err = choose_capabilities(keep, count, why);
	if (err == 0)
		err = change(&target, why);
	if (err == 0)
		err = check_dropped(&target, keep, count, why);
	/* Last: a change of user makes the process dumpable again as the kernel sees fit. */
	return err != 0 ? err : privileges_harden(why);
}
