/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/sim/sim.h"

/* Messages of the control channel, with all that they point to. */

static void own_text(const char **text, char *buf, size_t size)
{
	if (*text == NULL)
		return;
	strncpy(buf, *text, size - 1);
	buf[size - 1] = '\0';
	*text = buf;
}

#define OWN_LIST(letter, field, list, n)                                         \
	do {                                                                     \
		if ((n) > 0)                                                     \
			memcpy((letter)->list, (field), (n) * sizeof(*(field))); \
		(field) = (letter)->list;                                        \
	} while (0)

struct letter *letter_new(const struct message *m)
{
	struct letter *l = malloc(sizeof(*l));

	if (l == NULL)
		abort();
	l->next = NULL;
	l->is_fin = false;
	l->m = *m;
	switch (m->type) {
	case MESSAGE_HELLO:
		OWN_LIST(l, l->m.hello.addresses, addresses, m->hello.n_addresses);
		break;
	case MESSAGE_WELCOME:
		OWN_LIST(l, l->m.welcome.members, members, m->welcome.n_members);
		break;
	case MESSAGE_MEMBERS:
		OWN_LIST(l, l->m.members.members, members, m->members.n_members);
		break;
	case MESSAGE_BYE:
		own_text(&l->m.bye.reason, l->why, sizeof(l->why));
		OWN_LIST(l, l->m.bye.released, ips, m->bye.n_released);
		break;
	case MESSAGE_REFUSED: /* its code is a constant */
		own_text(&l->m.refused.why, l->why, sizeof(l->why));
		break;
	case MESSAGE_RELEASED:
		own_text(&l->m.released.why, l->why, sizeof(l->why));
		break;
	case MESSAGE_EVENT:
		own_text(&l->m.event.what, l->what, sizeof(l->what));
		own_text(&l->m.event.why, l->why, sizeof(l->why));
		break;
	case MESSAGE_PROBE:
		OWN_LIST(l, l->m.probe.references, references, m->probe.n_references);
		OWN_LIST(l, l->m.probe.witnesses, ips, m->probe.n_witnesses);
		break;
	default:
		break;
	}
	return l;
}

void letter_free(struct letter *l)
{
	free(l);
}
