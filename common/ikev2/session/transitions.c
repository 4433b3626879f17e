/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

/*
 * The transition table: which protected messages a state takes. What is not listed is dropped and
 * changes nothing. Rows without a handler belong to the role, responder or initiator.
 */
static const struct transition {
	enum sa_state state;
	uint8_t exchange;
	bool is_response;
	exchange_handler *handler;
} transitions[] = {
	{ SA_HALF_OPEN, EXCHANGE_IKE_AUTH, false, NULL },
	{ SA_AUTH_SENT, EXCHANGE_IKE_AUTH, true, NULL },
	{ SA_ESTABLISHED, EXCHANGE_INFORMATIONAL, false, informational_request },
	{ SA_ESTABLISHED, EXCHANGE_INFORMATIONAL, true, tasks_response },
	{ SA_ESTABLISHED, EXCHANGE_CREATE_CHILD_SA, false, create_child_request },
	{ SA_ESTABLISHED, EXCHANGE_CREATE_CHILD_SA, true, tasks_response },
	{ SA_HEIR, EXCHANGE_INFORMATIONAL, false, informational_request },
	{ SA_HEIR, EXCHANGE_CREATE_CHILD_SA, false, create_child_request },
	{ SA_REPLACED, EXCHANGE_INFORMATIONAL, false, informational_request },
	{ SA_REPLACED, EXCHANGE_INFORMATIONAL, true, tasks_response },
	{ SA_REPLACED, EXCHANGE_CREATE_CHILD_SA, false, create_child_refuse },
	{ SA_REPLACED, EXCHANGE_CREATE_CHILD_SA, true, tasks_response },
	{ SA_CLOSING, EXCHANGE_INFORMATIONAL, false, informational_request },
	{ SA_CLOSING, EXCHANGE_INFORMATIONAL, true, tasks_response },
	{ SA_CLOSING, EXCHANGE_CREATE_CHILD_SA, false, create_child_refuse },
};

exchange_handler *transition_find(const struct ike_core *c, enum sa_state state,
				  const struct ike_header *h)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		const struct transition *t = &transitions[i];

		if (t->state == state && t->exchange == h->exchange &&
		    t->is_response == ike_header_is_response(h))
			return t->handler != NULL ? t->handler : c->role->take_setup;
	}
	return NULL;
}
