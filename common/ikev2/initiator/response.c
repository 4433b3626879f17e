/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

/* What answers to IKE_SA_INIT and IKE_SESSION_RESUME say. */

static void check_nat(struct initiator *i, const struct request *res, const struct notify *n,
		      struct init_response *out)
{
	bool is_source = n->type == NOTIFY_NAT_DETECTION_SOURCE_IP;
	const struct endpoint *ep = is_source ? &res->path->remote : &res->path->local;
	uint8_t want[NATD_SIZE];
	bool is_right =
	    natd_compute(i->core.crypto, res->header.spi_i, res->header.spi_r, ep, want) == 0 &&
	    bytes_is_equal(n->data, (struct bytes){ want, sizeof(want) });

	if (is_source) {
		out->has_nat_source = true;
		out->is_nat_source_right |= is_right;
	} else {
		out->has_nat_destination = true;
		out->is_nat_destination_right |= is_right;
	}
}

static void read_notify(struct initiator *i, const struct request *res, const struct notify *n,
			struct init_response *out)
{
	switch (n->type) {
	case NOTIFY_NAT_DETECTION_SOURCE_IP:
	case NOTIFY_NAT_DETECTION_DESTINATION_IP:
		check_nat(i, res, n, out);
		break;
	case NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED:
		out->has_fragmentation = i->conf.fragment_size > 0;
		break;
	case NOTIFY_CHILDLESS_IKEV2_SUPPORTED:
		out->is_childless_possible = true;
		break;
	case NOTIFY_COOKIE:
	case NOTIFY_REDIRECT:
		out->notify = n->type;
		out->data = n->data;
		break;
	case NOTIFY_TICKET_NACK:
		if (res->header.exchange == EXCHANGE_IKE_SESSION_RESUME)
			out->notify = n->type;
		break;
	default:
		if (notify_is_error(n->type) && out->notify == 0) {
			out->notify = n->type;
			out->data = n->data;
		}
	}
}

int response_decode(struct initiator *i, const struct request *res, const struct payload_list *list,
		    struct init_response *out)
{
	struct bytes sa, ke, nonce;
	int err;

	memset(out, 0, sizeof(*out));
	for (size_t k = 0; k < list->n; k++) {
		struct notify n;

		if (list->items[k].type == PAYLOAD_NOTIFY &&
		    notify_decode(list->items[k].body, &n) == 0)
			read_notify(i, res, &n, out);
	}
	if (out->notify != 0)
		return 0;
	if (res->header.exchange == EXCHANGE_IKE_SESSION_RESUME)
		return (err = payload_get(list, PAYLOAD_NONCE, &nonce)) != 0
			   ? err
			   : nonce_decode(nonce, &out->nr);
	if ((err = payload_get(list, PAYLOAD_SA, &sa)) != 0 ||
	    (err = payload_get(list, PAYLOAD_KE, &ke)) != 0 ||
	    (err = payload_get(list, PAYLOAD_NONCE, &nonce)) != 0 ||
	    (err = sa_decode(sa, &out->sa)) != 0 || (err = ke_decode(ke, &out->ke)) != 0)
		return err;
	return nonce_decode(nonce, &out->nr);
}

/*
 * RFC 7296, 2.23: a hash that is not right means a NAT, or a gateway that wants to encapsulate.
 * Both ends go on at 4500 then.
 */
void response_detect_nat(struct ike_sa *sa, const struct init_response *in)
{
	sa->is_peer_behind_nat = in->has_nat_source && !in->is_nat_source_right;
	sa->is_behind_nat = in->has_nat_destination && !in->is_nat_destination_right;
	if (sa->is_peer_behind_nat || sa->is_behind_nat) {
		sa->path.local.port = IKE_NATT_PORT;
		sa->path.remote.port = IKE_NATT_PORT;
	}
}
