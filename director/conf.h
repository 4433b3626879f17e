/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_CONF_H
#define DIRECTOR_CONF_H

#include "common/conf/parts.h"

/*
 * director.yaml as a struct that does not change once it is loaded. All values are there, from the
 * file or from defaults, and are right by themselves and with each other.
 */

struct director_conf_member {
	char *name;
	struct ip *home; /* 1 to 8, no two alike in the whole cluster */
	size_t n_home;
	uint32_t weight; /* 0 to 1000; 0: gets nothing */
};

struct director_conf_pin {
	struct ip_prefix prefix; /* of peers' addresses; the longest that has an address decides */
	char *member;            /* is the name of a member with a home address of this family */
};

enum director_no_redirect {
	DIRECTOR_NO_REDIRECT_IGNORE, /* peers that show no support get no answer */
	DIRECTOR_NO_REDIRECT_REJECT, /* they get an error notify */
};

enum director_resume {
	DIRECTOR_RESUME_AUTO,     /* sent to a member where the peer understands that */
	DIRECTOR_RESUME_REDIRECT, /* always, while a member is free */
	DIRECTOR_RESUME_NACK,     /* back to IKE_SA_INIT */
};

enum director_policy {
	DIRECTOR_POLICY_STICKY,     /* the same peer to the same member */
	DIRECTOR_POLICY_LEAST_LOAD, /* the better of two drawn */
};

enum director_profile {
	DIRECTOR_PROFILE_NORMAL, /* heartbeat 1 s, suspect after 3 s */
	DIRECTOR_PROFILE_FAST,   /* heartbeat 100 ms, suspect after 300 ms */
};

enum director_failback {
	DIRECTOR_FAILBACK_AUTO,   /* addresses move home when their member was fit for a while */
	DIRECTOR_FAILBACK_MANUAL, /* when an administrator says so */
};

#define DIRECTOR_WITNESSES_MAX 4

struct director_conf {
	char *cluster;
	char *name;
	char *run_as;   /* when started as root */
	struct ip *ike; /* 1 to 16 */
	size_t n_ike;
	struct endpoint control; /* its address may be the wildcard */
	struct conf_tls tls;

	uint32_t workers; /* 0: one per core */
	enum director_no_redirect no_redirect;
	enum director_resume resume; /* what IKE_SESSION_RESUME is answered */
	uint32_t rate_limit;         /* answers per second per source prefix; 0: no limit */
	uint32_t rate_burst;

	enum director_policy policy;
	double bounded_load; /* 1 to 10 */
	double full_at;      /* above 0, at most 1 */

	struct director_conf_pin *pins;
	size_t n_pins;
	enum director_profile profile;

	enum director_failback failback;
	uint32_t hold_down_s; /* 1 to 86,400 */
	struct ip *witness;   /* hosts on the members' outside link that always answer, up to 4 */
	size_t n_witness;
	char *fence; /* a script, or NULL */

	uint32_t rotate_every_s;    /* of ticket keys: 60 to 30 days */
	uint32_t ticket_lifetime_s; /* 60 to 7 days, at most six times rotate_every_s */

	struct director_conf_member *members; /* 1 to 191 */
	size_t n_members;
	struct conf_log log;
};

/*
 * Returns 0; or ERR_CONFIG, ERR_IO or ERR_NO_MEMORY, and then at least one mistake has been
 * reported. director_conf_parse() takes text from memory.
 */
MUST_USE int director_conf_load(const char *path, struct conf_errors *errs,
				struct director_conf **out);
MUST_USE int director_conf_parse(const struct conf_source *source, struct conf_errors *errs,
				 struct director_conf **out);

/* NULL is fine. */
void director_conf_free(struct director_conf *conf);

/* The effective values as YAML that loads again. Returns 0, ERR_IO or ERR_NO_MEMORY. */
MUST_USE int director_conf_dump(const struct director_conf *conf, FILE *out);

/* The rows, for conf_describe(). */
extern const struct conf_schema director_conf_schema;

/* NULL if there is none. */
const struct director_conf_member *director_conf_find_member(const struct director_conf *conf,
							     const char *name);

/* What the profile stands for. */
uint32_t director_conf_heartbeat_ms(const struct director_conf *conf);
uint32_t director_conf_suspect_ms(const struct director_conf *conf);

/* The member that has this home address, or NULL. */
const struct director_conf_member *director_conf_find_home(const struct director_conf *conf,
							   const struct ip *ip);

#endif
