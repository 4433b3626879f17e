/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/ticket/ticket.h"

#include "common/wire/rd.h"
#include "common/wire/wr.h"

#define VERSION       1
#define RESERVED_SIZE 3
#define HEADER_SIZE   (1 + RESERVED_SIZE + 8 + TICKET_ID_SIZE)
#define PAD_TO        64
#define PLAIN_MAX     (TICKET_MAX_SIZE - HEADER_SIZE - AEAD_ICV_MAX)
#define CIPHER        "aes256gcm16"

#define FLAG_GATEWAY_R    0x01
#define FLAG_REDIRECTABLE 0x02
#define FLAGS             (FLAG_GATEWAY_R | FLAG_REDIRECTABLE)

/* Its key is for one ticket only: any IV is the first. */
static const uint8_t iv[AEAD_IV_SIZE];

static int derive(struct crypto *c, const struct ticket_key *key, struct bytes salt,
		  struct key *out)
{
	static const char label[] = "waypost ticket 1";
	const struct bytes parts[] = { { (const uint8_t *)label, sizeof(label) - 1 }, salt };
	const struct bytes secret = { key->secret, sizeof(key->secret) };
	const struct encr_alg *cipher = encr_by_name(CIPHER);
	int err;

	_Static_assert(KEY_MAX >= PRF_MAX_SIZE, "room for the whole output");
	err = prf_compute(c, PRF_HMAC_SHA2_512, secret, parts, 2, out->data);
	out->len = (size_t)cipher->key_size + cipher->salt_size;
	return err;
}

/* ---- the fields ---- */

static void write_octets(struct wr *w, struct bytes octets)
{
	size_t field = wr_open_len16(w);

	wr_bytes(w, octets);
	wr_close_len16(w, field, 0);
}

static struct bytes read_octets(struct rd *r)
{
	uint16_t len = rd_u16(r);

	return rd_bytes(r, len);
}

static void write_id(struct wr *w, const struct id_body *id)
{
	if (id->data.len > ID_TEXT_MAX)
		wr_fail(w, ERR_VALUE);
	wr_u8(w, id->type);
	write_octets(w, id->data);
}

static void write_fields(struct wr *w, const struct ticket *t)
{
	uint8_t flags = (uint8_t)((t->is_gateway_r ? FLAG_GATEWAY_R : 0) |
				  (t->is_redirectable ? FLAG_REDIRECTABLE : 0));

	wr_u64(w, t->issued_s);
	wr_u64(w, t->expires_s);
	wr_u64(w, t->auth_s);
	write_id(w, &t->idi);
	write_id(w, &t->idr);
	wr_u8(w, t->auth_method);
	write_octets(w, (struct bytes){ (const uint8_t *)t->connection, strlen(t->connection) });
	wr_u64(w, t->policy);
	wr_u16(w, (uint16_t)t->suite.encr->id);
	wr_u16(w, t->suite.encr->key_bits);
	wr_u16(w, (uint16_t)t->suite.prf->id);
	wr_u16(w, (uint16_t)t->suite.kex->id);
	write_octets(w, key_bytes(&t->sk_d));
	wr_u64(w, t->spi_i);
	wr_u64(w, t->spi_r);
	wr_u8(w, flags);
	wr_u8(w, t->ledger.count);
	for (size_t i = 0; i < TICKET_REDIRECTS_MAX; i++)
		wr_u64(w, t->ledger.times_s[i]);
}

/* Copies the identity to where it stays; at most ID_TEXT_MAX octets. */
static int read_id(struct rd *r, uint8_t *to, struct id_body *out)
{
	struct bytes octets;

	out->type = rd_u8(r);
	octets = read_octets(r);
	if (octets.len > ID_TEXT_MAX)
		return ERR_VALUE;
	if (octets.len > 0)
		memcpy(to, octets.ptr, octets.len);
	out->data = (struct bytes){ to, octets.len };
	return 0;
}

static int read_suite(struct rd *r, struct ike_suite *out)
{
	uint16_t encr = rd_u16(r), bits = rd_u16(r);

	out->encr = encr_find(encr, bits);
	out->prf = prf_find(rd_u16(r));
	out->kex = kex_find(rd_u16(r));
	return out->encr != NULL && out->prf != NULL && out->kex != NULL ? 0 : ERR_UNSUPPORTED;
}

static int read_connection(struct rd *r, char out[NAME_TEXT_MAX + 1])
{
	struct bytes name = read_octets(r);

	if (name.len == 0 || name.len > NAME_TEXT_MAX || memchr(name.ptr, '\0', name.len) != NULL)
		return ERR_VALUE;
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
	return text_is_name(out) ? 0 : ERR_VALUE;
}

static int read_fields(struct rd *r, struct ticket *t)
{
	struct bytes sk_d;
	uint8_t flags;
	int err;

	t->issued_s = rd_u64(r);
	t->expires_s = rd_u64(r);
	t->auth_s = rd_u64(r);
	if ((err = read_id(r, t->octets, &t->idi)) != 0 ||
	    (err = read_id(r, t->octets + ID_TEXT_MAX, &t->idr)) != 0)
		return err;
	t->auth_method = rd_u8(r);
	if ((err = rd_finish(r)) == ERR_TRUNCATED || (err = read_connection(r, t->connection)) != 0)
		return err;
	t->policy = rd_u64(r);
	if ((err = read_suite(r, &t->suite)) != 0)
		return err;
	sk_d = read_octets(r);
	if (sk_d.len != prf_size(t->suite.prf->id))
		return ERR_VALUE;
	t->sk_d.len = sk_d.len;
	memcpy(t->sk_d.data, sk_d.ptr, sk_d.len);
	t->spi_i = rd_u64(r);
	t->spi_r = rd_u64(r);
	flags = rd_u8(r);
	t->is_gateway_r = (flags & FLAG_GATEWAY_R) != 0;
	t->is_redirectable = (flags & FLAG_REDIRECTABLE) != 0;
	t->ledger.count = rd_u8(r);
	for (size_t i = 0; i < TICKET_REDIRECTS_MAX; i++)
		t->ledger.times_s[i] = rd_u64(r);
	if ((flags & ~FLAGS) != 0)
		return ERR_UNSUPPORTED;
	return rd_finish(r);
}

void ledger_add(struct redirect_ledger *l, uint64_t now_s)
{
	memmove(&l->times_s[1], &l->times_s[0], sizeof(l->times_s) - sizeof(l->times_s[0]));
	l->times_s[0] = now_s;
	if (l->count < UINT8_MAX)
		l->count++;
}

/* ---- sealing ---- */

void ticket_wipe(struct ticket *t)
{
	wipe(t, sizeof(*t));
}

bool ticket_is_in_time(const struct ticket *t, uint64_t now_s)
{
	return now_s < t->expires_s && t->issued_s <= now_s + TICKET_SKEW_S;
}

/* Length (2) | fields | zeros up to a multiple of PAD_TO. */
static int write_plain(const struct ticket *t, uint8_t out[PLAIN_MAX], size_t *len)
{
	struct wr w = wr_init(out, PLAIN_MAX);
	size_t field = wr_open_len16(&w);
	struct bytes written;
	int err;

	write_fields(&w, t);
	wr_close_len16(&w, field, 0);
	err = wr_finish(&w, &written);
	if (err != 0)
		return err == ERR_NO_SPACE ? ERR_VALUE : err;
	*len = (written.len + PAD_TO - 1) / PAD_TO * PAD_TO;
	if (*len > PLAIN_MAX)
		return ERR_VALUE;
	memset(out + written.len, 0, *len - written.len);
	return 0;
}

static bool is_complete(const struct ticket *t)
{
	return t->issued_s != 0 && t->expires_s > t->issued_s && t->auth_s != 0 &&
	       text_is_name(t->connection) && t->suite.encr != NULL && t->suite.prf != NULL &&
	       t->suite.kex != NULL && t->sk_d.len == prf_size(t->suite.prf->id);
}

int ticket_seal(struct crypto *c, const struct rng *rng, const struct ticket_key *key,
		struct ticket *t, uint8_t out[TICKET_MAX_SIZE], size_t *len)
{
	static const uint8_t reserved[RESERVED_SIZE];
	struct wr w = wr_init(out, HEADER_SIZE);
	AUTO_KEY sealing = { .len = 0 };
	uint8_t plain[PLAIN_MAX];
	size_t plain_len = 0;
	struct bytes header;
	int err;

	if (!is_complete(t))
		return ERR_VALUE;
	if ((err = rng_fill(rng, t->id, sizeof(t->id))) != 0)
		return err;
	wr_u8(&w, VERSION);
	wr_bytes(&w, (struct bytes){ reserved, sizeof(reserved) });
	wr_u64(&w, key->id);
	wr_bytes(&w, (struct bytes){ t->id, sizeof(t->id) });
	err = wr_finish(&w, &header);
	if (err == 0)
		err = derive(c, key, (struct bytes){ t->id, sizeof(t->id) }, &sealing);
	if (err == 0)
		err = write_plain(t, plain, &plain_len);
	if (err == 0)
		err = aead_seal(c, encr_by_name(CIPHER), key_bytes(&sealing), iv, header,
				(struct bytes){ plain, plain_len }, out + HEADER_SIZE);
	wipe(plain, sizeof(plain));
	if (err == 0)
		*len = HEADER_SIZE + plain_len + AEAD_ICV_MAX;
	return err;
}

/* ---- opening ---- */

struct header {
	uint64_t key_id;
	struct bytes salt;
	struct bytes all;    /* authenticated with ... */
	struct bytes cipher; /* ... this */
};

static int read_header(struct bytes ticket, struct header *out)
{
	struct rd r = rd_init(ticket);
	uint8_t version = rd_u8(&r);
	struct bytes reserved = rd_bytes(&r, RESERVED_SIZE);

	out->key_id = rd_u64(&r);
	out->salt = rd_bytes(&r, TICKET_ID_SIZE);
	if (ticket.len < TICKET_MIN_SIZE)
		return ERR_TRUNCATED;
	if (ticket.len > TICKET_MAX_SIZE)
		return ERR_TOO_LONG;
	if (version != VERSION || (reserved.ptr[0] | reserved.ptr[1] | reserved.ptr[2]) != 0)
		return ERR_UNSUPPORTED;
	out->all = (struct bytes){ ticket.ptr, HEADER_SIZE };
	out->cipher = rd_rest(&r);
	return 0;
}

int ticket_key_id(struct bytes ticket, uint64_t *id)
{
	struct header h;
	int err = read_header(ticket, &h);

	if (err == 0)
		*id = h.key_id;
	return err;
}

static int read_plain(struct bytes plain, struct ticket *out)
{
	struct rd r = rd_init(plain);
	struct rd fields = rd_sub_len16(&r, 0);
	int err = read_fields(&fields, out);
	struct bytes padding = rd_rest(&r);

	if (err == 0)
		err = rd_finish(&r);
	for (size_t i = 0; err == 0 && i < padding.len; i++)
		err = padding.ptr[i] == 0 ? 0 : ERR_VALUE;
	if (err == 0 && !is_complete(out))
		err = ERR_VALUE;
	return err;
}

int ticket_open(struct crypto *c, const struct ticket_key *key, struct bytes ticket,
		struct ticket *out)
{
	AUTO_KEY sealing = { .len = 0 };
	uint8_t plain[PLAIN_MAX];
	struct header h;
	int err = read_header(ticket, &h);

	if (err == 0 && h.key_id != key->id)
		err = ERR_NOT_FOUND;
	if (err == 0)
		err = derive(c, key, h.salt, &sealing);
	if (err == 0)
		err = aead_open(c, encr_by_name(CIPHER), key_bytes(&sealing), iv, h.all, h.cipher,
				plain);
	if (err != 0)
		return err;
	memset(out, 0, sizeof(*out));
	err = read_plain((struct bytes){ plain, h.cipher.len - AEAD_ICV_MAX }, out);
	memcpy(out->id, h.salt.ptr, sizeof(out->id));
	out->key_id = h.key_id;
	wipe(plain, sizeof(plain));
	if (err != 0)
		ticket_wipe(out);
	return err;
}
