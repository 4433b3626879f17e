/* SPDX-License-Identifier: Apache-2.0 */
#include "director/redirect/front.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/ikev2/const.h"
#include "director/redirect/worker.h"

#define WORKERS_MAX 256

struct front {
	size_t n_workers;
	struct worker *workers[WORKERS_MAX];
};

static size_t count_workers(uint32_t configured)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = configured > 0 ? configured : (size_t)(processors > 0 ? processors : 1);

	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

/* The share of one of n workers. The kernel spreads sources evenly over them; 0 stays 0. */
static uint32_t share_of(uint32_t whole, size_t n)
{
	return (uint32_t)(((uint64_t)whole + n - 1) / n);
}

static int check_addresses(const struct front_conf *conf, const struct logger *lg)
{
	static const uint8_t zeros[16];
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < conf->n_addresses; i++) {
		const struct ip *ip = &conf->addresses[i];

		if (memcmp(ip->octets, zeros, ip_size(ip)) != 0)
			continue;
		log_error(lg, LG_FRONT, "cannot listen on %s: an answer needs a definite source",
			  ip_format(ip, text));
		return ERR_VALUE;
	}
	return 0;
}

int front_start(const struct front_conf *conf, const struct logger *lg, struct front **out)
{
	const size_t n = count_workers(conf->workers);
	struct front_conf each = *conf;
	struct front *f;
	int err = check_addresses(conf, lg);

	if (err != 0)
		return err;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return ERR_NO_MEMORY;
	each.rate_per_second = share_of(conf->rate_per_second, n);
	each.rate_burst = share_of(conf->rate_burst, n);
	if (each.port_ike == 0)
		each.port_ike = IKE_PORT;
	if (each.port_natt == 0)
		each.port_natt = IKE_NATT_PORT;
	err = worker_check_ports(&each, lg);
	if (err != 0) {
		free(f);
		return err;
	}
	for (; f->n_workers < n; f->n_workers++) {
		err = worker_start(&each, lg, &f->workers[f->n_workers]);
		if (err != 0) {
			log_error(lg, LG_FRONT, "cannot start worker %zu of %zu: %s",
				  f->n_workers + 1, n, err_text(err));
			front_stop(f);
			return err;
		}
	}
	*out = f;
	return 0;
}

void front_stop(struct front *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n_workers; i++)
		worker_stop(f->workers[i]);
	free(f);
}

int front_publish(struct front *f, const struct placement_table *table,
		  const struct ticket_ring *ring)
{
	for (size_t i = 0; i < f->n_workers; i++) {
		struct snapshot *s = malloc(sizeof(*s));

		if (s == NULL)
			return ERR_NO_MEMORY;
		s->table = *table;
		s->ring = *ring;
		placement_index_build(&s->index, &s->table);
		worker_give(f->workers[i], s);
	}
	return 0;
}

void front_read_counters(const struct front *f, struct front_counters *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < f->n_workers; i++)
		worker_add_counters(f->workers[i], out);
}
