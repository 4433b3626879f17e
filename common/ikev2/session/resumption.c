/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/resumption.h"

#include <string.h>

int resumption_set_id(const struct id_body *id, uint8_t *type, uint8_t *octets, size_t *len)
{
	if (id->data.len > ID_TEXT_MAX)
		return ERR_TOO_LONG;
	*type = id->type;
	*len = id->data.len;
	if (id->data.len > 0)
		memcpy(octets, id->data.ptr, id->data.len);
	return 0;
}

void resumption_wipe(struct resumption *r)
{
	wipe(r, sizeof(*r));
}
