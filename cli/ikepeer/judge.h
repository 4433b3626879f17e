/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_JUDGE_H
#define CLI_IKEPEER_JUDGE_H

#include "cli/ikepeer/probing.h"

/* From what a probe saw to its exit code, as monitoring plugins have them. Pure. */
enum probe_status {
	PROBE_OK = 0,
	PROBE_WARNING = 1,
	PROBE_CRITICAL = 2,
	PROBE_UNKNOWN = 3,
};

/* What IKE_AUTH came to, where there were credentials. */
struct probe_auth {
	bool is_done; /* it was tried, to an end */
	bool is_up;
	enum ike_reason reason; /* if not is_up */
	uint16_t notify;        /* the gateway's, or 0 */
	struct endpoint gateway;
	char identity[ID_TEXT_MAX];
	bool has_child;
	struct ts_list local, remote; /* of the Child SA */
	uint64_t took_us;             /* redirects and all */
};

struct probe_result {
	bool is_resume;
	size_t n_legs;
	const struct probe_leg *legs;
	bool has_credentials;
	struct probe_auth auth; /* has_credentials */
	uint32_t warning_ms;    /* 0: none */
	uint32_t critical_ms;   /* 0: none */
};

/* why: one line that says so. */
#define JUDGE_TEXT_MAX 512
enum probe_status probe_judge(const struct probe_result *r, char why[JUDGE_TEXT_MAX]);

const char *probe_status_name(enum probe_status status);
const char *probe_answer_name(enum probe_answer answer);

#endif
