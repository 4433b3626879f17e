/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "agent/ownership/ownership.h"
#include "director/failover/coordinator.h"
#include "tests/sim/net.h"

/* ---- fault.c, chaos.c ---- */

void fault_power(struct sim *s, size_t host, bool is_on);
void fault_suspend(struct sim *s, size_t host, bool is_suspended);
void fault_start(struct sim *s, size_t host);
void fault_restart_later(struct sim *s, size_t host);
void fault_able(struct sim *s, size_t host, bool is_able);
/* Members of the two sets no longer reach each other; the director (witness) is SIM_DIRECTOR. */
void fault_cut(struct sim *s, enum net_kind kind, uint32_t from, uint32_t to, int by);
void fault_noise(struct sim *s, uint32_t loss_ppm, uint32_t dup_ppm, uint32_t delay_ms,
		 uint32_t spread_ms);
/* Everything works again; hosts whose bit is set in off stay off. */
void fault_heal(struct sim *s, uint32_t off);
void chaos_conf(struct sim *s);
void chaos_begin(struct sim *s, uint64_t from, uint64_t until);

/* ---- check.c, settled.c ---- */

struct epoch_use {
	uint64_t epoch;
	uint64_t id; /* of the order, with the director's life */
};

struct checks {
	uint32_t holders[SIM_ADDRESSES_MAX];
	bool is_moved[SIM_ADDRESSES_MAX]; /* by the operator, or failback */
	uint64_t overlap_at[SIM_ADDRESSES_MAX][SIM_MEMBERS_MAX][SIM_MEMBERS_MAX];
	struct epoch_use *used;
	size_t n_used, cap_used;
	uint64_t claims, probes, notices, failovers;
	bool is_quiet;
	uint64_t quiet_at, settled_at;
};

__attribute__((format(printf, 3, 4))) void sim_fail(struct sim *s, const char *invariant,
						    const char *fmt, ...);
void check_step(struct sim *s);
void check_kernel(struct sim *s, size_t host, size_t address, const char *why);
/* Its keeper has heard main. */
void check_heard_main(struct sim *s, size_t host);
void check_use(struct sim *s, size_t host, size_t address, const char *what);
void check_order(struct sim *s, const struct coordinator_action *action);
void check_asked(struct sim *s, size_t host, const struct ownership_action *action);
void check_notice(struct sim *s, size_t host, const struct mesh_msg *notice, bool was_held,
		  uint64_t epoch);
void check_reset(struct sim *s);
/* True: all is as it should be; else why says what is not. */
bool settled(struct sim *s, char why[256]);

#endif
