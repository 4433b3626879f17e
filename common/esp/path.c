/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/packet.h"
#include "common/esp/set.h"

/* Opens the packet into out and takes its number; *plain is what was sealed. */
static enum esp_verdict open_packet(struct esp_set *set, struct esp_sa *sa, struct bytes packet,
				    uint32_t seq, uint8_t *out, struct bytes *plain)
{
	struct esp_packet p;
	struct aead *aead;
	int err;

	if (!replay_is_fresh(&sa->replay, seq))
		return ESP_REPLAY;
	if (esp_packet_decode(packet, sa->encr, &p) != 0)
		return ESP_TRUNCATED;
	if (sa_open_with(sa, set->crypto, &aead) != 0)
		return ESP_CRYPTO;
	err = aead_open_with(aead, p.iv, p.aad, p.body, out);
	if (err != 0)
		return err == ERR_AUTH ? ESP_BAD_ICV : ESP_CRYPTO;
	/* RFC 4303, 3.4.3: a right ICV moves the window, whatever is found inside. */
	replay_mark(&sa->replay, seq);
	*plain = (struct bytes){ out, p.body.len - sa->encr->icv_size };
	return ESP_OK;
}

static enum esp_verdict check_inner(const struct esp_sa *sa, struct bytes plain,
				    struct bytes *inner)
{
	struct bytes payload;
	struct flow flow;
	uint8_t next_header;

	if (esp_trailer_decode(plain, &payload, &next_header) != 0)
		return ESP_MALFORMED;
	if (next_header == ESP_NEXT_DUMMY)
		return ESP_DUMMY;
	if (flow_decode(payload, &flow) != 0)
		return ESP_MALFORMED;
	if (next_header != (flow.src.ip.family == IP_V4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6))
		return ESP_MALFORMED;
	if (!sa_is_inbound(sa, &flow))
		return ESP_SELECTOR;
	*inner = (struct bytes){ payload.ptr, flow.len };
	return ESP_OK;
}

static enum esp_verdict receive(struct esp_set *set, uint64_t now_ms, const struct endpoint *remote,
				struct bytes packet, uint8_t *out, struct bytes *inner,
				uint64_t *id, bool *moved)
{
	struct esp_header h;
	struct esp_sa *sa;
	struct bytes plain;
	enum esp_verdict v;
	uint32_t top;

	if (esp_header_decode(packet, &h) != 0)
		return ESP_TRUNCATED;
	sa = esp_set_find_spi(set, h.spi);
	if (sa == NULL)
		return ESP_UNKNOWN_SPI;
	top = sa->replay.top;
	v = open_packet(set, sa, packet, h.seq, out, &plain);
	if (v != ESP_OK)
		return v;
	sa->stats.last_in_ms = now_ms;
	v = check_inner(sa, plain, inner);
	if (v != ESP_OK)
		return v;
	sa->stats.packets_in++;
	sa->stats.octets_in += inner->len;
	*id = sa->id;
	*moved = h.seq > top && !endpoint_is_equal(remote, &sa->remote);
	return ESP_OK;
}

enum esp_verdict esp_inbound(struct esp_set *set, uint64_t now_ms, const struct endpoint *remote,
			     struct bytes packet, uint8_t *out, struct bytes *inner, uint64_t *id,
			     bool *moved)
{
	enum esp_verdict v = receive(set, now_ms, remote, packet, out, inner, id, moved);

	set->verdicts[v]++;
	return v;
}

/* Takes the next sequence number, for good: an IV is never used twice, even if sealing fails. */
static enum esp_verdict seal_packet(struct esp_set *set, struct esp_sa *sa, struct bytes inner,
				    enum esp_next_header next_header, uint8_t *out, size_t cap)
{
	struct esp_header h = { sa->spi_out, sa->stats.seq_out + 1 };
	struct esp_packet p;
	struct aead *aead;

	if (sa->stats.seq_out == UINT32_MAX)
		return ESP_SEQ_EXHAUSTED;
	if (esp_packet_encode(out, cap, sa->encr, &h, inner, (uint8_t)next_header, &p) != 0)
		return ESP_TOO_LONG;
	if (sa_seal_with(sa, set->crypto, &aead) != 0)
		return ESP_CRYPTO;
	sa->stats.seq_out++;
	if (aead_seal_with(aead, p.iv, p.aad, p.body, out + ESP_SEALED_START) != 0)
		return ESP_CRYPTO;
	return ESP_OK;
}

static enum esp_verdict send_inner(struct esp_set *set, uint64_t now_ms, struct bytes inner,
				   uint8_t *out, size_t cap, struct bytes *packet,
				   struct endpoint *local, struct endpoint *remote)
{
	struct flow flow;
	struct esp_sa *sa;
	enum esp_verdict v;

	if (flow_decode(inner, &flow) != 0)
		return ESP_MALFORMED;
	sa = index_find(&set->index, &flow);
	if (sa == NULL)
		return ESP_NO_SA;
	inner.len = flow.len;
	v = seal_packet(set, sa, inner, flow.src.ip.family == IP_V4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6,
			out, cap);
	if (v != ESP_OK)
		return v;
	sa->stats.packets_out++;
	sa->stats.octets_out += inner.len;
	sa->stats.last_out_ms = now_ms;
	*packet = (struct bytes){ out, esp_packet_size(sa->encr, inner.len) };
	*local = sa->local;
	*remote = sa->remote;
	return ESP_OK;
}

enum esp_verdict esp_outbound(struct esp_set *set, uint64_t now_ms, struct bytes inner,
			      uint8_t *out, size_t cap, struct bytes *packet,
			      struct endpoint *local, struct endpoint *remote)
{
	enum esp_verdict v = send_inner(set, now_ms, inner, out, cap, packet, local, remote);

	set->verdicts[v]++;
	return v;
}
