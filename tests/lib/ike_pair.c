/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/tasks.h"
#include "common/ikev2/sk.h"
#include "common/ikev2/ticket/office.h"
#include "tests/lib/ike_pair.h"

#define PSK "correct horse battery"

static struct ts_list prefix_of(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return (struct ts_list){ 1, { ts_from_prefix(&prefix) } };
}

static struct id_body fqdn(const char *name)
{
	return (struct id_body){ ID_FQDN, { (const uint8_t *)name, strlen(name) } };
}

void pair_start(struct ike_pair *p, uint64_t seed)
{
	/* Of the link's packets only the first n are ever looked at: they are most of it. */
	memset(p, 0, offsetof(struct ike_pair, link.packets));
	p->crypto = crypto_new();
	assert_non_null(p->crypto);
	for (int k = 0; k < 3; k++) {
		p->seed[k].state = seed * 3 + (uint64_t)k;
		p->rng[k] = rng_seeded(&p->seed[k]);
	}
	p->now = 1000;
	for (int k = 0; k < 2; k++) {
		p->connection[k] = (struct policy_connection){ .name = "sites", .n_suites = 1 };
		assert_int_equal(esp_suite_parse("aes256gcm16", &p->connection[k].suites[0]), 0);
	}
	p->connection[RESPONDER].local = p->connection[INITIATOR].remote = prefix_of("10.1.0.0/25");
	p->connection[RESPONDER].remote = prefix_of("10.1.0.128/25");
	p->connection[INITIATOR].local = prefix_of("10.1.0.201/32");
	p->gateway = (struct policy_peer){
		.id = fqdn("gw.example"),
		.psk = { (const uint8_t *)PSK, sizeof(PSK) - 1 },
		.connection = &p->connection[INITIATOR],
	};
	p->rconf = (struct responder_conf){
		.member = 7,
		.shards = 1,
		.id = fqdn("gw.example"),
		.n_suites = 1,
		.half_open_max = 100,
		.cookie_above = 100,
		.half_open_timeout_ms = 30000,
	};
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &p->rconf.suites[0]), 0);
	p->iconf = (struct initiator_conf){
		.id = fqdn("alice.example"),
		.n_suites = 1,
		.setup_timeout_ms = 120000,
		.follow_redirects = true,
	};
	p->iconf.suites[0] = p->rconf.suites[0];
	assert_int_equal(endpoint_parse("192.0.2.101:500", &p->path.local), 0);
	assert_int_equal(endpoint_parse("192.0.2.21:500", &p->path.remote), 0);
	p->link.delay_min_ms = p->link.delay_max_ms = 10;
}

/* PAIR_LOG=1 in the environment shows what both ends do. */
static void print_line(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	const struct pair_end *e = ctx;

	(void)level;
	(void)group;
	print_message("%llu %s: %s\n", (unsigned long long)*e->now,
		      e->is_responder ? "responder" : "initiator", line);
}

void pair_give_tickets(struct ike_pair *p)
{
	const struct ticket_office_conf conf = { .lifetime_s = PAIR_TICKET_S, .used_max = 100 };
	const struct ticket_key key = { .id = 77,
					.secret = { 1, 2, 3 },
					.not_before_s = PAIR_UNIX_S - 1000,
					.not_after_s = PAIR_UNIX_S + 1000000,
					.may_issue = true };
	struct ticket_ring ring = { .n = 0 };

	p->office = ticket_office_new(&conf);
	assert_non_null(p->office);
	assert_int_equal(ticket_ring_add(&ring, &key), 0);
	ticket_office_set_ring(p->office, &ring);
	p->rconf.tickets = p->office;
	p->iconf.want_ticket = true;
}

static void open_gateway(struct ike_pair *p)
{
	const struct qcd_secrets secrets = { .n = 2, .secrets = { { 1 }, { 2 } } };

	p->r = responder_new(&p->rconf, p->policy, p->crypto, &p->rng[RESPONDER],
			     getenv("PAIR_LOG") != NULL ? &p->lg[RESPONDER] : NULL);
	assert_non_null(p->r);
	if (p->office == NULL)
		return;
	responder_set_time(p->r, p->now, PAIR_UNIX_S + p->now / 1000);
	assert_int_equal(responder_set_qcd(p->r, p->rconf.member, &secrets), 0);
}

void pair_replace_gateway(struct ike_pair *p)
{
	struct pair_end *e = &p->end[RESPONDER];

	responder_free(p->r);
	e->n_down += (int)(e->n_up - e->n_down);
	e->n_children = 0;
	open_gateway(p);
}

void pair_open(struct ike_pair *p)
{
	const struct policy_peer alice = {
		.id = fqdn("alice.example"),
		.psk = p->gateway.psk,
		.connection = &p->connection[RESPONDER],
	};

	const bool is_verbose = getenv("PAIR_LOG") != NULL;

	for (int side = 0; side < 2; side++) {
		p->end[side].now = &p->now;
		p->end[side].is_responder = side == RESPONDER;
		p->lg[side] = (struct logger){ LOG_LEVEL_DEBUG, print_line, &p->end[side] };
	}
	p->policy = policy_new(&alice, 1);
	assert_non_null(p->policy);
	open_gateway(p);
	p->i = initiator_new(&p->iconf, p->crypto, &p->rng[INITIATOR],
			     is_verbose ? &p->lg[INITIATOR] : NULL);
	assert_non_null(p->i);
	p->traffic_due = p->now;
}

void pair_stop(struct ike_pair *p)
{
	responder_free(p->r);
	initiator_free(p->i);
	policy_free(p->policy);
	ticket_office_free(p->office);
	crypto_free(p->crypto);
}

struct ike_core *pair_core(struct ike_pair *p, enum pair_side side)
{
	return side == RESPONDER ? &p->r->core : &p->i->core;
}

/* ---- the link ---- */

static uint64_t draw(struct ike_pair *p)
{
	uint64_t value;

	assert_int_equal(rng_u64(&p->rng[2], &value), 0);
	return value;
}

static void put_on_link(struct ike_pair *p, const struct pair_packet *packet)
{
	struct pair_link *l = &p->link;
	uint64_t spread = l->delay_max_ms - l->delay_min_ms + 1;

	if (l->n == PAIR_LINK_MAX)
		return;
	l->packets[l->n] = *packet;
	l->packets[l->n++].due_ms = p->now + l->delay_min_ms + draw(p) % spread;
}

static void send_packet(struct ike_pair *p, struct pair_packet *packet)
{
	struct pair_link *l = &p->link;

	if (!packet->is_esp && ++l->n_ike == l->drop_nth)
		return;
	if (l->is_deaf[packet->to] || ip_is_equal(&packet->path.local.ip, &l->deaf) ||
	    draw(p) % 1000000 < l->loss_ppm)
		return;
	put_on_link(p, packet);
	if (draw(p) % 1000000 < l->double_ppm)
		put_on_link(p, packet);
}

static void send_ike(struct ike_pair *p, enum pair_side side, const struct action *a)
{
	struct pair_packet packet = {
		.to = side == RESPONDER ? INITIATOR : RESPONDER,
		.path = { a->path.remote, a->path.local },
		.len = a->message.len,
	};

	assert_true(a->message.len <= sizeof(packet.octets));
	memcpy(packet.octets, a->message.ptr, a->message.len);
	p->end[side].n_sent++;
	if (packet.octets[18] != EXCHANGE_IKE_SA_INIT && packet.len > p->end[side].longest)
		p->end[side].longest = packet.len;
	send_packet(p, &packet);
}

/* ---- the data planes ---- */

static struct pair_child *find_child(struct pair_end *e, uint64_t id)
{
	for (size_t k = 0; k < e->n_children; k++) {
		if (e->children[k].id == id)
			return &e->children[k];
	}
	return NULL;
}

static void add_child(struct pair_end *e, const struct esp_child *in)
{
	struct pair_child *child = &e->children[e->n_children++];

	assert_true(e->n_children <= PAIR_CHILDREN_MAX);
	assert_null(find_child(e, in->id) != child ? find_child(e, in->id) : NULL);
	*child = (struct pair_child){
		.id = in->id,
		.spi_in = in->spi_in,
		.spi_out = in->spi_out,
		.local = in->local,
		.remote = in->remote,
		.ts_local = in->ts_local,
		.ts_remote = in->ts_remote,
		.is_outbound = !in->is_inbound_only,
		.order = ++e->order,
	};
	memcpy(child->key_in, in->key_in.ptr, in->key_in.len);
	memcpy(child->key_out, in->key_out.ptr, in->key_out.len);
}

static void remove_child(struct pair_end *e, uint64_t id)
{
	struct pair_child *child = find_child(e, id);

	if (child != NULL)
		*child = e->children[--e->n_children];
}

static void turn_child(struct pair_end *e, uint64_t id, bool is_on)
{
	struct pair_child *child = find_child(e, id);

	assert_non_null(child);
	child->is_outbound = is_on;
	child->order = ++e->order;
}

static void send_esp(struct ike_pair *p, enum pair_side side)
{
	struct pair_end *e = &p->end[side];
	struct pair_packet packet = { .to = side == RESPONDER ? INITIATOR : RESPONDER,
				      .is_esp = true };
	struct pair_child *newest = NULL;

	for (size_t k = 0; k < e->n_children; k++) {
		struct pair_child *child = &e->children[k];

		if (child->is_outbound && (newest == NULL || child->order > newest->order))
			newest = child;
	}
	if (newest == NULL)
		return;
	newest->packets_out++;
	packet.spi = newest->spi_out;
	packet.path = (struct path){ newest->remote, newest->local };
	memcpy(packet.key, newest->key_out, sizeof(packet.key));
	e->esp_sent++;
	send_packet(p, &packet);
}

static void take_esp(struct ike_pair *p, const struct pair_packet *packet)
{
	struct pair_end *e = &p->end[packet->to];

	for (size_t k = 0; k < e->n_children; k++) {
		struct pair_child *child = &e->children[k];

		if (child->spi_in != packet->spi)
			continue;
		assert_memory_equal(child->key_in, packet->key, sizeof(packet->key));
		child->packets_in++;
		e->esp_received++;
		core_child_heard(pair_core(p, packet->to), p->now, child->id, NULL);
		return;
	}
	e->esp_homeless++;
}

/* ---- the ends ---- */

void pair_take_action(struct ike_pair *p, enum pair_side side, const struct action *a)
{
	struct pair_end *e = &p->end[side];

	switch (a->type) {
	case ACTION_SEND:
		send_ike(p, side, a);
		break;
	case ACTION_KEEPALIVE:
		e->n_keepalive++;
		break;
	case ACTION_CHILD_ADD:
		if (e->data_plane_err == 0)
			add_child(e, &a->child);
		if (!e->is_slow)
			core_child_result(pair_core(p, side), p->now, a->child_id,
					  e->data_plane_err);
		break;
	case ACTION_CHILD_REMOVE:
		remove_child(e, a->child_id);
		break;
	case ACTION_CHILD_MOVE:
		find_child(e, a->child_id)->remote = a->path.remote;
		break;
	case ACTION_CHILD_OUTBOUND:
		turn_child(e, a->child_id, a->is_outbound);
		break;
	case ACTION_PEER_UP:
		e->n_up++;
		e->peer = a->peer;
		break;
	case ACTION_PEER_CHANGED:
		e->n_changed++;
		if (a->peer.old_spi != 0 && a->peer.old_spi != e->peer.spi && e->n_up == 1)
			fail_msg("a rekey of an IKE SA that was not there");
		e->peer = a->peer;
		break;
	case ACTION_PEER_DOWN:
		e->n_down++;
		e->reason = a->reason;
		break;
	case ACTION_PEER_FAILED:
		e->n_failed++;
		e->reason = a->reason;
		e->notify = a->notify;
		break;
	case ACTION_TICKET:
		e->n_tickets++;
		e->ticket = *a->resumption;
		break;
	case ACTION_TICKET_GONE:
		e->n_gone++;
		if (e->ticket.spi == a->peer.spi)
			resumption_wipe(&e->ticket);
		break;
	}
}

void pair_data_plane_lost(struct ike_pair *p, enum pair_side side, uint64_t child_id)
{
	remove_child(&p->end[side], child_id);
}

static void drain(struct ike_pair *p)
{
	for (int side = 0; side < 2; side++) {
		struct action a;

		while (actions_next(pair_core(p, (enum pair_side)side), &a))
			pair_take_action(p, (enum pair_side)side, &a);
	}
}

static size_t first_on_link(const struct ike_pair *p)
{
	size_t first = 0;

	for (size_t k = 1; k < p->link.n; k++) {
		if (p->link.packets[k].due_ms < p->link.packets[first].due_ms)
			first = k;
	}
	return first;
}

static void deliver(struct ike_pair *p, size_t index)
{
	struct pair_packet packet = p->link.packets[index];
	struct bytes message = { packet.octets, packet.len };

	p->link.packets[index] = p->link.packets[--p->link.n];
	if (packet.is_esp)
		take_esp(p, &packet);
	else if (packet.to == RESPONDER)
		responder_datagram(p->r, p->now, &packet.path, message);
	else
		initiator_datagram(p->i, p->now, &packet.path, message);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The next thing that happens, not after end. */
static void step(struct ike_pair *p, uint64_t end)
{
	size_t first = first_on_link(p);
	uint64_t link = p->link.n > 0 ? p->link.packets[first].due_ms : UINT64_MAX;
	uint64_t expiry = earlier(responder_next_expiry(p->r), initiator_next_expiry(p->i));
	uint64_t traffic = p->traffic_ms > 0 ? p->traffic_due : UINT64_MAX;
	uint64_t next = earlier(earlier(link, expiry), earlier(traffic, end));

	if (next > p->now)
		p->now = next;
	if (link <= p->now) {
		deliver(p, first);
	} else if (expiry <= p->now) {
		responder_expire(p->r, p->now);
		initiator_expire(p->i, p->now);
	} else if (traffic <= p->now) {
		p->traffic_due = p->now + p->traffic_ms;
		send_esp(p, RESPONDER);
		send_esp(p, INITIATOR);
	}
	drain(p);
}

void pair_run(struct ike_pair *p, uint64_t ms)
{
	uint64_t end = p->now + ms;
	size_t steps = 0;

	while (p->now < end) {
		step(p, end);
		assert_true(++steps < 10000000);
	}
}

void pair_connect(struct ike_pair *p)
{
	assert_int_equal(initiator_connect(p->i, p->now, &p->gateway, &p->path, 1), 0);
	drain(p);
}

void pair_resume(struct ike_pair *p)
{
	struct pair_end *e = &p->end[INITIATOR];

	assert_int_equal(initiator_resume(p->i, p->now, &p->gateway, &p->path, 1, &e->ticket), 0);
	assert_int_equal(e->ticket.ticket_len, 0);
	drain(p);
}

void pair_gateway_asks(struct ike_pair *p, uint8_t first, struct bytes chain)
{
	struct ike_core *c = pair_core(p, RESPONDER);
	struct pair_packet packet = { .to = INITIATOR };
	struct wr w = wr_init(packet.octets, sizeof(packet.octets));
	struct ike_sa *sa = c->by_spi, *other;
	struct bytes message;
	struct ike_header h = { .version = IKE_VERSION, .exchange = EXCHANGE_INFORMATIONAL };

	for (other = sa; other != NULL; other = other->hh_spi.next) {
		if (other->state == SA_ESTABLISHED)
			sa = other;
	}
	h.spi_i = sa->spi_i;
	h.spi_r = sa->spi_r;
	h.flags = sa->is_initiator ? IKE_FLAG_INITIATOR : 0;
	h.message_id = sa->tx_next++;
	sk_seal(&w, p->crypto, sa->suite.encr,
		key_bytes(sa->is_initiator ? &sa->keys.ei : &sa->keys.er), sa->next_iv++, &h, first,
		chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	packet.len = message.len;
	packet.path = (struct path){ sa->path.remote, sa->path.local };
	send_packet(p, &packet);
}

void pair_establish(struct ike_pair *p)
{
	pair_open(p);
	pair_connect(p);
	for (int k = 0; k < 100 && (p->end[0].n_up == 0 || p->end[1].n_up == 0); k++)
		pair_run(p, 10);
	assert_int_equal(p->end[RESPONDER].n_up, 1);
	assert_int_equal(p->end[INITIATOR].n_up, 1);
}

const char *pair_op_name(enum pair_op op)
{
	static const char *const names[OP_COUNT] = { "nothing",      "rekey child",  "rekey IKE",
						     "create child", "delete child", "delete IKE" };

	return names[op];
}

static void newest_peer(void *ctx, const struct peer_info *peer)
{
	*(struct peer_info *)ctx = *peer;
}

bool pair_do(struct ike_pair *p, enum pair_side side, enum pair_op op)
{
	struct ike_core *c = pair_core(p, side);
	struct peer_info peer = { .spi = 0 };
	bool is_done = false;

	core_each_peer(c, newest_peer, &peer);
	switch (op) {
	case OP_REKEY_CHILD:
		is_done = core_rekey_child(c, p->now, peer.child);
		break;
	case OP_REKEY_IKE:
		is_done = core_rekey_ike(c, p->now, peer.spi);
		break;
	case OP_CREATE_CHILD:
		is_done = core_create_child(c, p->now, peer.spi);
		break;
	case OP_DELETE_CHILD:
		is_done = core_delete_child(c, p->now, peer.child);
		break;
	case OP_DELETE_IKE:
		is_done = core_delete_ike(c, p->now, peer.spi, REASON_STOPPED);
		break;
	case OP_NONE:
	case OP_COUNT:
		break;
	}
	drain(p);
	return is_done;
}

/* ---- checks ---- */

size_t pair_count_sas(struct ike_pair *p, enum pair_side side)
{
	return HASH_CNT(hh_spi, pair_core(p, side)->by_spi);
}

size_t pair_count_established(struct ike_pair *p, enum pair_side side)
{
	return pair_core(p, side)->n_established;
}

static void check_children(struct ike_pair *p, enum pair_side side)
{
	struct pair_end *e = &p->end[side];
	struct pair_end *other = &p->end[side == RESPONDER ? INITIATOR : RESPONDER];
	struct ike_core *c = pair_core(p, side);

	assert_int_equal(HASH_COUNT(c->by_child), e->n_children);
	assert_int_equal(e->n_children, other->n_children);
	for (size_t k = 0; k < e->n_children; k++) {
		const struct pair_child *mine = &e->children[k], *theirs = NULL;
		const struct child *child = child_find(c, mine->id);

		assert_non_null(child);
		assert_int_equal(child->state, CHILD_INSTALLED);
		assert_int_equal(child->sa->state, SA_ESTABLISHED);
		assert_false(child->is_redundant);
		for (size_t n = 0; n < other->n_children; n++) {
			if (other->children[n].spi_out == mine->spi_in)
				theirs = &other->children[n];
		}
		assert_non_null(theirs);
		assert_int_equal(theirs->spi_in, mine->spi_out);
		assert_memory_equal(mine->key_in, theirs->key_out, ENCR_KEY_MAX);
		assert_memory_equal(mine->key_out, theirs->key_in, ENCR_KEY_MAX);
		assert_true(ts_is_within(&mine->ts_local, &theirs->ts_remote));
		assert_true(ts_is_within(&theirs->ts_remote, &mine->ts_local));
		assert_true(ts_is_within(&mine->ts_remote, &theirs->ts_local));
		assert_true(ts_is_within(&theirs->ts_local, &mine->ts_remote));
	}
}

static void check_ike_sas(struct ike_pair *p)
{
	struct ike_core *r = pair_core(p, RESPONDER), *i = pair_core(p, INITIATOR);

	assert_int_equal(r->n_half_open + i->n_half_open, 0);
	assert_int_equal(HASH_CNT(hh_spi, r->by_spi), r->n_established);
	assert_int_equal(HASH_CNT(hh_spi, i->by_spi), i->n_established);
	assert_int_equal(r->n_established, i->n_established);
	for (const struct ike_sa *sa = r->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		uint64_t spi = sa->is_initiator ? sa->spi_r : sa->spi_i;
		const struct ike_sa *other = ike_sa_find(i, spi);

		assert_non_null(other);
		assert_int_equal(sa->state, SA_ESTABLISHED);
		assert_int_equal(other->state, SA_ESTABLISHED);
		assert_int_equal(other->spi_i, sa->spi_i);
		assert_int_equal(other->spi_r, sa->spi_r);
		assert_memory_equal(&other->keys, &sa->keys, sizeof(sa->keys));
		assert_true(other->is_initiator != sa->is_initiator);
		assert_true(sa->is_gateway);
		assert_false(other->is_gateway);
		assert_int_equal(sa->own_spi >> 56, 7);
		assert_null(sa->current);
		assert_null(sa->tasks);
		assert_null(other->current);
		assert_null(other->tasks);
	}
}

void pair_check(struct ike_pair *p)
{
	check_ike_sas(p);
	check_children(p, RESPONDER);
	check_children(p, INITIATOR);
	for (int side = 0; side < 2; side++)
		assert_int_equal(p->end[side].n_up - p->end[side].n_down,
				 pair_count_established(p, (enum pair_side)side));
}

void pair_describe(struct ike_pair *p)
{
	for (int side = 0; side < 2; side++) {
		const struct ike_core *c = pair_core(p, (enum pair_side)side);

		print_message("%s at %llu ms:\n", side == RESPONDER ? "responder" : "initiator",
			      (unsigned long long)p->now);
		for (const struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
			print_message("  %016llx %s, task %d, waiting %d, due in %lld\n",
				      (unsigned long long)sa->own_spi, ike_sa_state_name(sa->state),
				      sa->current != NULL ? (int)sa->current->type : -1,
				      sa->tasks != NULL ? (int)sa->tasks->type : -1,
				      (long long)(sa->timer.due_ms - p->now));
			for (const struct child *k = sa->children; k != NULL; k = k->next)
				print_message("    %08x/%08x state %d%s%s\n", k->spi_in, k->spi_out,
					      (int)k->state, k->is_outbound ? " out" : "",
					      k->is_redundant ? " redundant" : "");
		}
	}
}
