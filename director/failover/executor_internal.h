/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_EXECUTOR_INTERNAL_H
#define DIRECTOR_EXECUTOR_INTERNAL_H

#include "director/failover/executor.h"
#include "director/failover/fence.h"
#include "director/store/store_addresses.h"

/* What the two files of the executor share. */
struct executor {
	struct executor_resources res;
	struct executor_events events;
	struct coordinator *coordinator;
	struct control *control; /* NULL before it is attached */
	struct fence *fence;     /* NULL: no script */
	bool is_stopped;
	bool has_warned[PLACEMENT_MAX_MEMBERS]; /* of what its addresses cannot do */
};

uint64_t executor_now_ms(void);

/* limits.c */
void executor_warn_of_limits(const struct executor *e);
void executor_warn_of_no_link(struct executor *e, size_t member, const struct msg_hello *hello);

/* For the fence; ctx is the executor. */
void executor_take_fenced(void *ctx, uint64_t ticket, int err, const char *why);

#endif
