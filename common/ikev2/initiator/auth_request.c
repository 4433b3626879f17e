/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

/* The IKE_AUTH request: who we are, the first Child SA, and what we want besides. */

int auth_compute(struct initiator *i, const struct ike_sa *sa, bool is_ours, struct bytes id_body,
		 uint8_t *out)
{
	const struct attempt *a = attempt_of(sa);
	const struct stored *message = is_ours ? &a->request : &a->response;
	struct bytes nonce =
	    is_ours ? (struct bytes){ a->nr, a->nr_len } : (struct bytes){ a->ni, sizeof(a->ni) };

	if (a->ticket != NULL)
		return resuming_auth(i, sa, is_ours, id_body, out);
	return auth_psk_compute(i->core.crypto, sa->suite.prf->id, sa->peer->psk,
				(struct bytes){ message->ptr, message->len }, nonce,
				key_bytes(is_ours ? &sa->keys.pi : &sa->keys.pr), id_body, out);
}

static int put_auth(struct initiator *i, struct ike_sa *sa, struct payload_writer *chain)
{
	const struct attempt *a = attempt_of(sa);
	uint8_t id_octets[4 + ID_TEXT_MAX], data[PRF_MAX_SIZE];
	struct wr w = wr_init(id_octets, sizeof(id_octets));
	struct auth_body auth = { AUTH_SHARED_KEY, { data, prf_size(sa->suite.prf->id) } };
	struct bytes id;
	int err;

	id_encode(&w, &i->conf.id);
	err = wr_finish(&w, &id);
	if (err == 0)
		err = auth_compute(i, sa, true, id, data);
	if (err != 0)
		return err;
	payload_put(chain, PAYLOAD_IDI, id);
	/* The one that it is to replace is another SA of ours. */
	if (i->conf.initial_contact && a->replaces == 0)
		chain_put_notify(chain, NOTIFY_INITIAL_CONTACT, (struct bytes){ NULL, 0 });
	payload_open(chain, PAYLOAD_AUTH);
	auth_encode(chain->w, &auth);
	payload_close(chain);
	wipe(data, sizeof(data));
	if (i->conf.want_ticket)
		chain_put_notify(chain, NOTIFY_TICKET_REQUEST, (struct bytes){ NULL, 0 });
	if (i->conf.message_id_sync)
		chain_put_notify(chain, NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED,
				 (struct bytes){ NULL, 0 });
	return 0;
}

static int put_child(struct initiator *i, struct ike_sa *sa, struct payload_writer *chain)
{
	const struct policy_connection *conn = sa->peer->connection;
	struct esp_suite suites[POLICY_MAX_SUITES];
	struct sa_payload offer;
	struct child *child;
	uint8_t spi[4];
	int err = child_new(&i->core, sa, &child);

	if (err != 0)
		return err;
	attempt_of(sa)->child_id = child->id;
	child->state = CHILD_RESERVED;
	child->is_initiator = true;
	child->local = conn->local;
	child->remote = *policy_peer_remote(sa->peer);
	/* RFC 7296, 1.2: no key exchange of its own here, so no group either. */
	for (size_t k = 0; k < conn->n_suites; k++)
		suites[k] = (struct esp_suite){ .encr = conn->suites[k].encr };
	sa_offer_esp(&offer, suites, conn->n_suites, spi32_bytes(child->spi_in, spi));
	chain_put_sa(chain, &offer);
	chain_put_ts(chain, PAYLOAD_TSI, &child->local);
	chain_put_ts(chain, PAYLOAD_TSR, &child->remote);
	return 0;
}

int auth_send(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	struct wr w;
	struct payload_writer chain = core_chain(&i->core, &w);
	int err = put_auth(i, sa, &chain);

	if (err == 0 && !(i->conf.childless && attempt_of(sa)->is_childless_possible))
		err = put_child(i, sa, &chain);
	if (err == 0)
		err = request_send(&i->core, sa, now_ms, EXCHANGE_IKE_AUTH, &chain);
	return err;
}
