/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/*
 * The addresses in each host's kernel. As measured on Linux 6.1 and 6.18: one of T whole seconds
 * goes between T and T + 1.2 s after its last renewal, and its timer stands still while the host is
 * suspended.
 */
#define KERNEL_SLACK_MS 1200
#define CLOCK_BASE_MS   10000

uint64_t host_mono(const struct sim *s, const struct host *h)
{
	uint64_t asleep = h->suspended_ms + (h->is_suspended ? s->now - h->suspended_at : 0);

	return CLOCK_BASE_MS + s->now - h->booted_at - asleep;
}

uint64_t host_boot(const struct sim *s, const struct host *h)
{
	return CLOCK_BASE_MS + s->now - h->booted_at;
}

uint64_t host_real(const struct host *h, uint64_t mono_ms)
{
	if (mono_ms == SIM_NEVER)
		return SIM_NEVER;
	return mono_ms - CLOCK_BASE_MS + h->booted_at + h->suspended_ms;
}

static void expire(struct sim *s, struct event *e);

static void arm(struct sim *s, size_t host, size_t address)
{
	struct kernel_address *k = &s->hosts[host].kernel[address];

	if (k->is_armed)
		return;
	k->is_armed = true;
	sim_at(s, host_real(&s->hosts[host], k->expires_mono), expire, host, NULL, 0)->a = address;
}

static void expire(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];
	struct kernel_address *k = &h->kernel[e->a];

	k->is_armed = false;
	if (!k->is_there || h->is_suspended)
		return;
	if (host_mono(s, h) < k->expires_mono)
		arm(s, e->host, e->a);
	else
		kernel_del(s, e->host, e->a, "its lifetime is over");
}

void kernel_set(struct sim *s, size_t host, size_t address)
{
	struct host *h = &s->hosts[host];
	struct kernel_address *k = &h->kernel[address];
	bool was_there = k->is_there;

	k->is_there = true;
	k->expires_mono = host_mono(s, h) + KEEPER_VALID_S * 1000 + draw(&h->rng, KERNEL_SLACK_MS);
	if (!was_there) {
		SIM_SAY(s, host, "kernel: %s added", sim_text(s, address));
		check_kernel(s, host, address, "added");
	}
	arm(s, host, address);
}

void kernel_del(struct sim *s, size_t host, size_t address, const char *why)
{
	struct kernel_address *k = &s->hosts[host].kernel[address];

	if (!k->is_there)
		return;
	k->is_there = false;
	SIM_SAY(s, host, "kernel: %s gone, %s", sim_text(s, address), why);
	check_kernel(s, host, address, why);
}

void kernel_clear(struct sim *s, size_t host, const char *why)
{
	for (size_t a = 0; a < s->n_addresses; a++)
		kernel_del(s, host, a, why);
}

void kernel_resume(struct sim *s, size_t host)
{
	for (size_t a = 0; a < s->n_addresses; a++) {
		if (s->hosts[host].kernel[a].is_there)
			arm(s, host, a);
	}
}
