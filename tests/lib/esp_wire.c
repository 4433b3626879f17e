/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/esp_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/inner.h"

int wire_setup(void **state)
{
	struct esp_pair *p = calloc(1, sizeof(*p));

	esp_pair_open(p);
	*state = p;
	return 0;
}

int wire_teardown(void **state)
{
	esp_pair_close(*state);
	free(*state);
	return 0;
}

void wire_expect(const char *what, enum esp_verdict got, enum esp_verdict want)
{
	if (got != want)
		fail_msg("%s: got \"%s\", want \"%s\"", what, esp_verdict_name(got),
			 esp_verdict_name(want));
}

enum esp_verdict wire_send(struct esp_set *from, struct bytes inner, struct wire *w)
{
	struct endpoint local, remote;
	struct bytes packet;
	enum esp_verdict v = esp_outbound(from, WIRE_NOW, inner, w->octets, sizeof(w->octets),
					  &packet, &local, &remote);

	w->len = v == ESP_OK ? packet.len : 0;
	return v;
}

enum esp_verdict wire_take_octets(struct esp_set *to, const uint8_t *octets, size_t len)
{
	struct endpoint from = endpoint_of("192.0.2.101:4500");
	uint8_t *copy = malloc(len), *out = malloc(len);
	struct bytes inner;
	enum esp_verdict v;
	uint64_t id;
	bool moved;

	if (len > 0)
		memcpy(copy, octets, len);
	v = esp_inbound(to, WIRE_NOW, &from, (struct bytes){ copy, len }, out, &inner, &id, &moved);
	free(copy);
	free(out);
	return v;
}

enum esp_verdict wire_take(struct esp_set *to, const struct wire *w)
{
	return wire_take_octets(to, w->octets, w->len);
}

struct wire wire_from_peer(const struct esp_pair *p, uint8_t seed)
{
	uint8_t buf[WIRE_MAX];
	size_t len = inner_build_udp(PAIR_PEER_V4, PAIR_WEB_V4, 100, seed, buf, sizeof(buf));
	struct wire w;

	wire_expect("send", wire_send(p->peer, (struct bytes){ buf, len }, &w), ESP_OK);
	return w;
}
