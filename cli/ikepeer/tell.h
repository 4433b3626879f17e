/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_TELL_H
#define CLI_IKEPEER_TELL_H

#include "cli/ikepeer/report.h"

/*
 * The events of "up" as lines: which there are, and what they hold. ikepeer(1) has the list.
 */
struct teller {
	const struct report *report;
	uint64_t (*now_ms)(void); /* the clock of the initiator */
	bool is_attempting;       /* an IKE SA is being set up */
	bool has_child;           /* of the attempt: told when the IKE SA is */
	struct ts_list local, remote;
	uint32_t spi_in, spi_out;
};

void tell_connect(struct teller *t, const struct ip *gateway, bool is_resume);
void tell_redirect(struct teller *t, const struct ip *to);

/* PEER_*, CHILD_*, TICKET; what is of no interest is not told. */
void tell_action(struct teller *t, const struct action *a);
void tell_wait(const struct report *r, uint64_t ms);
void tell_end(const struct report *r, int status);

#endif
