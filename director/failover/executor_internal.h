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
};

uint64_t executor_now_ms(void);

/* For the fence; ctx is the executor. */
void executor_take_fenced(void *ctx, uint64_t ticket, int err, const char *why);

#endif
