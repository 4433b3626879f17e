/* SPDX-License-Identifier: Apache-2.0 */
#include "director/conf_check.h"

#include "common/ikev2/ticket/ring.h"
#include "director/conf.h"

static void check_member_names(struct conf_check *check, const struct director_conf *conf)
{
	for (size_t i = 0; i < conf->n_members; i++) {
		const struct director_conf_member *m = &conf->members[i];
		const struct director_conf_member *first = director_conf_find_member(conf, m->name);

		if (first != m)
			conf_check_fail(check, &m->name, "there is already a member '%s'", m->name);
	}
}

static bool is_listening_on(const struct director_conf *conf, const struct ip *ip)
{
	bool is_found = ip_is_equal(&conf->control.ip, ip);

	for (size_t i = 0; i < conf->n_ike && !is_found; i++)
		is_found = ip_is_equal(&conf->ike[i], ip);
	return is_found;
}

/* The member that has a home address before the one at (member, entry), or NULL. */
static const struct director_conf_member *find_earlier_home(const struct director_conf *conf,
							    size_t member, size_t entry)
{
	const struct ip *ip = &conf->members[member].home[entry];

	for (size_t i = 0; i <= member; i++) {
		const struct director_conf_member *m = &conf->members[i];
		size_t end = i < member ? m->n_home : entry;

		for (size_t j = 0; j < end; j++) {
			if (ip_is_equal(&m->home[j], ip))
				return m;
		}
	}
	return NULL;
}

static void check_home(struct conf_check *check, const struct director_conf *conf)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < conf->n_members; i++) {
		for (size_t j = 0; j < conf->members[i].n_home; j++) {
			const struct ip *ip = &conf->members[i].home[j];
			const struct director_conf_member *other = find_earlier_home(conf, i, j);

			ip_format(ip, text);
			if (other != NULL)
				conf_check_fail(check, ip, "%s is already a home address of '%s'",
						text, other->name);
			if (is_listening_on(conf, ip))
				conf_check_fail(check, ip,
						"%s is an address of the director itself", text);
		}
	}
}

static bool has_family(const struct director_conf_member *m, uint8_t family)
{
	for (size_t i = 0; i < m->n_home; i++) {
		if (m->home[i].family == family)
			return true;
	}
	return false;
}

/* A peer is only ever redirected within its address family. */
static void check_families(struct conf_check *check, const struct director_conf *conf)
{
	for (size_t i = 0; i < conf->n_ike; i++) {
		bool is_served = false;

		for (size_t j = 0; j < conf->n_members && !is_served; j++)
			is_served = has_family(&conf->members[j], conf->ike[i].family);
		if (!is_served)
			conf_check_fail(check, &conf->ike[i],
					"no member has an IPv%u home address to redirect to",
					conf->ike[i].family);
	}
}

static void check_ike(struct conf_check *check, const struct director_conf *conf)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 1; i < conf->n_ike; i++) {
		for (size_t j = 0; j < i; j++) {
			if (ip_is_equal(&conf->ike[i], &conf->ike[j])) {
				conf_check_fail(check, &conf->ike[i], "%s is in the list twice",
						ip_format(&conf->ike[i], text));
				break;
			}
		}
	}
}

static void check_pin(struct conf_check *check, const struct director_conf *conf,
		      const struct director_conf_pin *pin)
{
	const struct director_conf_member *m = director_conf_find_member(conf, pin->member);
	char text[PREFIX_TEXT_MAX];

	if (m == NULL)
		conf_check_fail(check, &pin->member, "there is no member '%s'", pin->member);
	else if (!has_family(m, pin->prefix.ip.family))
		conf_check_fail(check, &pin->member, "member '%s' has no IPv%u home address",
				m->name, pin->prefix.ip.family);
	for (const struct director_conf_pin *p = conf->pins; p < pin; p++) {
		if (p->prefix.bits == pin->prefix.bits &&
		    ip_is_equal(&p->prefix.ip, &pin->prefix.ip)) {
			conf_check_fail(check, &pin->prefix, "%s is already pinned to '%s'",
					ip_prefix_format(&pin->prefix, text), p->member);
			break;
		}
	}
}

/* A witness must answer whatever becomes of the members. */
static void check_witness(struct conf_check *check, const struct director_conf *conf,
			  const struct ip *ip)
{
	const struct director_conf_member *m = director_conf_find_home(conf, ip);
	char text[IP_TEXT_MAX];

	ip_format(ip, text);
	if (m != NULL)
		conf_check_fail(check, ip, "%s is a home address of '%s', which may move", text,
				m->name);
	for (const struct ip *p = conf->witness; p < ip; p++) {
		if (ip_is_equal(p, ip)) {
			conf_check_fail(check, ip, "%s is in the list twice", text);
			break;
		}
	}
}

/* All that still open tickets have to fit in the ring, with one that issues and one to come. */
static void check_keys(struct conf_check *check, const struct director_conf *conf)
{
	const uint64_t most = (uint64_t)(TICKET_RING_MAX - 2) * conf->rotate_every_s;

	if (conf->ticket_lifetime_s > most)
		conf_check_fail(check, &conf->ticket_lifetime_s,
				"'ticket-lifetime-s' must be at most %d times rotate-every-s, here "
				"%llu: there is room "
				"for %d keys",
				TICKET_RING_MAX - 2, (unsigned long long)most, TICKET_RING_MAX);
}

void director_conf_check(struct conf_check *check, const void *value, const void *ctx)
{
	const struct director_conf *conf = value;

	(void)ctx;
	check_ike(check, conf);
	check_member_names(check, conf);
	check_home(check, conf);
	check_families(check, conf);
	check_keys(check, conf);
	for (size_t i = 0; i < conf->n_witness; i++)
		check_witness(check, conf, &conf->witness[i]);
	for (size_t i = 0; i < conf->n_pins; i++)
		check_pin(check, conf, &conf->pins[i]);
}
