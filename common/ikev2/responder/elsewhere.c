/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/elsewhere.h"

#include "common/ikev2/header.h"

#define NOTIFY_OVERHEAD 8 /* generic header and Notify without SPI */
#define GATEWAY_SIZE    2 /* type and length */

static size_t find(const struct elsewhere *e, const struct ip *local)
{
	size_t i = 0;

	while (i < e->n && !ip_is_equal(&e->rules[i].local, local))
		i++;
	return i;
}

int elsewhere_set(struct elsewhere *e, const struct ip *local, const struct ip *target)
{
	size_t i = find(e, local);

	if (target->family == IP_NONE) {
		if (i < e->n)
			e->rules[i] = e->rules[--e->n];
		return 0;
	}
	if (target->family != local->family)
		return ERR_VALUE;
	if (i == ELSEWHERE_MAX)
		return ERR_LIMIT;
	e->rules[i].local = *local;
	e->rules[i].target = *target;
	e->n += i == e->n;
	return 0;
}

const struct ip *elsewhere_target(const struct elsewhere *e, const struct ip *local,
				  const struct redirect_support *support, size_t ni_len,
				  size_t request_len)
{
	size_t i = support->is_supported ? find(e, local) : e->n;
	const struct ip *target;
	size_t len;

	if (i == e->n)
		return NULL;
	target = &e->rules[i].target;
	len = IKE_HEADER_SIZE + NOTIFY_OVERHEAD + GATEWAY_SIZE + ip_size(target) + ni_len;
	if (len > request_len || ip_is_equal(target, &support->from) || ip_is_equal(target, local))
		return NULL;
	return target;
}

bool elsewhere_wait(struct elsewhere *e, const struct elsewhere_answer *answer)
{
	if (e->count == ELSEWHERE_WAITING_MAX)
		return false;
	e->waiting[(e->first + e->count) % ELSEWHERE_WAITING_MAX] = *answer;
	e->count++;
	return true;
}

uint64_t elsewhere_due_ms(const struct elsewhere *e)
{
	return e->count > 0 ? e->waiting[e->first].due_ms : UINT64_MAX;
}

const struct elsewhere_answer *elsewhere_take(struct elsewhere *e, uint64_t now_ms)
{
	const struct elsewhere_answer *answer = &e->waiting[e->first];

	if (elsewhere_due_ms(e) > now_ms || e->count == 0)
		return NULL;
	e->first = (e->first + 1) % ELSEWHERE_WAITING_MAX;
	e->count--;
	return answer;
}
