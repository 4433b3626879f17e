/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IKECLIENT_INTERNAL_H
#define TESTS_IKECLIENT_INTERNAL_H

#include "tests/lib/ikeclient.h"

/* What the files of the test initiator share: notifies of the first request, and of its answer. */
void ikeclient_put_notifies(struct ikeclient *c, struct payload_writer *p);
MUST_USE int ikeclient_take_notify(struct ikeclient *c, struct bytes body);

#endif
