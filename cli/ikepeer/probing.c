/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/probing.h"

#include <stdlib.h>

#include "common/ikev2/redirect.h"
#include "common/ikev2/session/payloads.h"

#define NONCE_SIZE  32
#define MESSAGE_MAX 2048
#define TICKET_SIZE 160 /* about what a real one has */
#define NO_TICKET   "ikepeer: no ticket"
#define CHANGES_MAX 3 /* cookies and groups asked for, one after another */

struct probing {
	struct probing_conf conf;
	struct crypto *crypto;
	const struct rng *rng;
	uint64_t end_us;
	size_t n_legs;
	struct probe_leg legs[PROBE_LEGS_MAX];

	/* of the leg that is under way */
	struct path path;
	uint64_t spi;
	uint8_t ni[NONCE_SIZE];
	struct kex *kex;
	uint16_t group;
	uint8_t cookie[COOKIE_MAX];
	size_t cookie_len;
	struct ip from; /* who redirected us */
	unsigned int n_changes;
	uint64_t sent_us;
	size_t message_len;
	uint8_t message[MESSAGE_MAX];
};

static struct probe_leg *leg_of(struct probing *p)
{
	return &p->legs[p->n_legs - 1];
}

/* ---- the request ---- */

static void put_redirect(const struct probing *p, struct payload_writer *chain)
{
	struct notify n = { .type = NOTIFY_REDIRECTED_FROM };
	struct gateway gw = { p->from.family == IP_V6 ? GATEWAY_IPV6 : GATEWAY_IPV4,
			      ip_bytes(&p->from) };

	if (!p->conf.shows_redirect)
		return;
	chain_put_notify(chain, NOTIFY_REDIRECT_SUPPORTED, (struct bytes){ NULL, 0 });
	if (p->from.family == IP_NONE)
		return;
	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(chain->w, &n);
	redirect_encode(chain->w, &gw, (struct bytes){ NULL, 0 });
	payload_close(chain);
}

static void put_common(struct probing *p, struct payload_writer *chain)
{
	uint8_t hash[NATD_SIZE];
	struct bytes data = { hash, sizeof(hash) };

	if (natd_compute(p->crypto, p->spi, 0, &p->path.local, hash) != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_NAT_DETECTION_SOURCE_IP, data);
	if (natd_compute(p->crypto, p->spi, 0, &p->path.remote, hash) != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_NAT_DETECTION_DESTINATION_IP, data);
	chain_put_notify(chain, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, (struct bytes){ NULL, 0 });
	put_redirect(p, chain);
}

static void put_ticket(struct payload_writer *chain)
{
	uint8_t ticket[TICKET_SIZE] = NO_TICKET;

	chain_put_notify(chain, NOTIFY_TICKET_OPAQUE, (struct bytes){ ticket, sizeof(ticket) });
}

/* As the leg has it now: with its cookie and its group. */
static int write_message(struct probing *p)
{
	struct wr w = wr_init(p->message, sizeof(p->message));
	struct ike_header h = {
		.spi_i = p->spi,
		.version = IKE_VERSION,
		.exchange = p->conf.is_resume ? EXCHANGE_IKE_SESSION_RESUME : EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct payload_writer chain = message_open(&w, &h);
	struct bytes nonce = { p->ni, sizeof(p->ni) }, message;
	struct sa_payload offer;
	int err;

	if (p->cookie_len > 0)
		chain_put_notify(&chain, NOTIFY_COOKIE, (struct bytes){ p->cookie, p->cookie_len });
	if (p->conf.is_resume) {
		payload_put(&chain, PAYLOAD_NONCE, nonce);
		put_ticket(&chain);
	} else {
		sa_offer_ike(&offer, p->conf.suites, p->conf.n_suites, (struct bytes){ NULL, 0 });
		chain_put_sa(&chain, &offer);
		chain_put_ke(&chain, p->group, kex_public(p->kex));
		payload_put(&chain, PAYLOAD_NONCE, nonce);
	}
	put_common(p, &chain);
	message_close(&chain);
	err = wr_finish(&w, &message);
	p->message_len = err == 0 ? message.len : 0;
	return err;
}

/* ---- steps ---- */

static struct probing_step over(struct probing *p)
{
	p->message_len = 0;
	return (struct probing_step){ .is_over = true, .due_us = UINT64_MAX };
}

static struct probing_step wait_on(const struct probing *p)
{
	uint64_t repeat = p->sent_us + PROBE_REPEAT_US;

	return (struct probing_step){ .due_us = repeat < p->end_us ? repeat : p->end_us };
}

static struct probing_step send_message(struct probing *p, uint64_t now_us)
{
	struct probing_step step;

	leg_of(p)->n_sent++;
	p->sent_us = now_us;
	step = wait_on(p);
	step.path = p->path;
	step.message = (struct bytes){ p->message, p->message_len };
	return step;
}

static int make_kex(struct probing *p, uint16_t wanted)
{
	const struct kex_group *group = wanted == 0 ? p->conf.suites[0].kex : NULL;
	struct kex *kex;
	int err;

	for (size_t i = 0; group == NULL && i < p->conf.n_suites; i++) {
		const struct kex_group *offered = p->conf.suites[i].kex;

		if (offered != NULL && offered->id == wanted)
			group = offered;
	}
	if (group == NULL)
		return ERR_NOT_FOUND;
	err = kex_generate(p->crypto, group->id, p->rng, &kex);
	if (err != 0)
		return err;
	kex_free(p->kex);
	p->kex = kex;
	p->group = (uint16_t)group->id;
	return 0;
}

/* At this gateway, from the start. */
static int begin_leg(struct probing *p, uint64_t now_us, const struct ip *gateway,
		     const struct ip *from, struct probing_step *step)
{
	int err;

	p->path = p->conf.path;
	p->path.remote.ip = *gateway;
	p->from = *from;
	p->cookie_len = p->n_changes = 0;
	p->legs[p->n_legs++] = (struct probe_leg){ .gateway = *gateway };
	err = rng_fill(p->rng, p->ni, sizeof(p->ni));
	if (err == 0)
		err = rng_u64(p->rng, &p->spi);
	if (err == 0 && !p->conf.is_resume)
		err = make_kex(p, 0);
	if (err == 0)
		err = write_message(p);
	if (err == 0)
		*step = send_message(p, now_us);
	return err;
}

int probing_begin(struct probing *p, uint64_t now_us, struct probing_step *step)
{
	const struct ip nobody = { .family = IP_NONE };

	p->end_us = now_us + p->conf.timeout_us;
	return begin_leg(p, now_us, &p->conf.path.remote.ip, &nobody, step);
}

struct probing_step probing_due(struct probing *p, uint64_t now_us)
{
	if (p->message_len == 0 || now_us >= p->end_us)
		return over(p);
	if (now_us < p->sent_us + PROBE_REPEAT_US)
		return wait_on(p);
	leg_of(p)->n_repeated++;
	return send_message(p, now_us);
}

/* ---- the answer ---- */

struct answer {
	uint16_t notify; /* COOKIE, REDIRECT, TICKET_NACK or an error; 0: none of them */
	struct bytes data;
};

static void read_notifies(const struct payload_list *list, struct probe_leg *leg,
			  struct answer *out)
{
	*out = (struct answer){ .notify = 0 };
	leg->n_notifies = 0;
	leg->has_nat_detection = false;
	for (size_t i = 0; i < list->n; i++) {
		struct notify n;

		if (list->items[i].type != PAYLOAD_NOTIFY ||
		    notify_decode(list->items[i].body, &n) != 0)
			continue;
		if (leg->n_notifies < PROBE_NOTIFIES_MAX)
			leg->notifies[leg->n_notifies++] = n.type;
		leg->has_nat_detection |= n.type == NOTIFY_NAT_DETECTION_SOURCE_IP ||
					  n.type == NOTIFY_NAT_DETECTION_DESTINATION_IP;
		if (n.type == NOTIFY_COOKIE || n.type == NOTIFY_REDIRECT ||
		    n.type == NOTIFY_TICKET_NACK || (notify_is_error(n.type) && out->notify == 0))
			*out = (struct answer){ n.type, n.data };
	}
}

static struct probing_step once_more(struct probing *p, uint64_t now_us)
{
	if (p->n_changes++ >= CHANGES_MAX || write_message(p) != 0)
		return wait_on(p);
	return send_message(p, now_us);
}

static struct probing_step take_cookie(struct probing *p, uint64_t now_us, struct bytes data)
{
	struct bytes cookie;

	if (cookie_decode(data, &cookie) != 0)
		return wait_on(p);
	memcpy(p->cookie, cookie.ptr, cookie.len);
	p->cookie_len = cookie.len;
	leg_of(p)->has_cookie = true;
	return once_more(p, now_us);
}

static struct probing_step conclude(struct probing *p, uint64_t now_us, enum probe_answer answer)
{
	leg_of(p)->answer = answer;
	leg_of(p)->rtt_us = now_us - p->sent_us;
	return over(p);
}

static struct probing_step take_redirect(struct probing *p, uint64_t now_us, struct bytes data)
{
	struct probe_leg *leg = leg_of(p);
	struct probing_step step;
	struct gateway gw;
	struct ip from = leg->gateway;
	struct id_body name = { ID_FQDN, { NULL, 0 } };

	/* With another nonce it is somebody else's, RFC 5685, 3. */
	if (redirect_decode(data, (struct bytes){ p->ni, sizeof(p->ni) }, &gw) != 0)
		return wait_on(p);
	name.data = gw.id;
	if (gw.type == GATEWAY_FQDN || ip_from_bytes(gw.id, &leg->target_ip) != 0)
		id_format(&name, leg->target);
	else
		ip_format(&leg->target_ip, leg->target);
	step = conclude(p, now_us, PROBE_REDIRECT);
	if (p->conf.is_following && p->n_legs < PROBE_LEGS_MAX &&
	    leg->target_ip.family == p->conf.path.remote.ip.family &&
	    begin_leg(p, now_us, &leg->target_ip, &from, &step) != 0)
		step = over(p);
	return step;
}

static struct probing_step take_notify(struct probing *p, uint64_t now_us, const struct answer *in)
{
	uint16_t group;

	switch (in->notify) {
	case NOTIFY_COOKIE:
		return take_cookie(p, now_us, in->data);
	case NOTIFY_REDIRECT:
		return take_redirect(p, now_us, in->data);
	case NOTIFY_TICKET_NACK:
		return conclude(p, now_us, PROBE_NACK);
	case NOTIFY_INVALID_KE_PAYLOAD:
		if (!p->conf.is_resume && invalid_ke_decode(in->data, &group) == 0 &&
		    group != p->group && make_kex(p, group) == 0) {
			leg_of(p)->group = group;
			return once_more(p, now_us);
		}
		break;
	default:
		break;
	}
	leg_of(p)->notify = in->notify;
	return conclude(p, now_us, PROBE_ERROR);
}

static struct probing_step take_acceptance(struct probing *p, uint64_t now_us,
					   const struct payload_list *list)
{
	struct bytes body, nonce;
	struct sa_payload sa;
	struct ike_suite suite;

	if (payload_get(list, PAYLOAD_NONCE, &body) != 0 || nonce_decode(body, &nonce) != 0)
		return wait_on(p); /* no answer to our question */
	if (!p->conf.is_resume && payload_get(list, PAYLOAD_SA, &body) == 0 &&
	    sa_decode(body, &sa) == 0 &&
	    sa_match_ike(&sa, p->conf.suites, p->conf.n_suites, &suite) == 0)
		ike_suite_format(&suite, leg_of(p)->suite);
	return conclude(p, now_us, PROBE_ACCEPTED);
}

struct probing_step probing_take(struct probing *p, uint64_t now_us, const struct path *path,
				 struct bytes message)
{
	uint8_t exchange = p->conf.is_resume ? EXCHANGE_IKE_SESSION_RESUME : EXCHANGE_IKE_SA_INIT;
	struct payload_list list;
	struct answer answer;
	struct ike_header h;
	uint8_t critical;

	if (p->message_len == 0)
		return over(p);
	if (!ip_is_equal(&path->remote.ip, &p->path.remote.ip) ||
	    ike_header_decode(message, &h) != 0 || h.spi_i != p->spi || h.exchange != exchange ||
	    h.message_id != 0 || !ike_header_is_response(&h) ||
	    payload_list_decode(
		h.next_payload,
		(struct bytes){ message.ptr + IKE_HEADER_SIZE, message.len - IKE_HEADER_SIZE },
		&list, &critical) != 0)
		return wait_on(p);
	read_notifies(&list, leg_of(p), &answer);
	if (answer.notify != 0)
		return take_notify(p, now_us, &answer);
	return take_acceptance(p, now_us, &list);
}

/* ---- the object ---- */

struct probing *probing_new(const struct probing_conf *conf, struct crypto *crypto,
			    const struct rng *rng)
{
	struct probing *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conf = *conf;
	p->crypto = crypto;
	p->rng = rng;
	return p;
}

void probing_free(struct probing *p)
{
	if (p == NULL)
		return;
	kex_free(p->kex);
	wipe(p, sizeof(*p));
	free(p);
}

size_t probing_legs(const struct probing *p, const struct probe_leg **legs)
{
	*legs = p->legs;
	return p->n_legs;
}
