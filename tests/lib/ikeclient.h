/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IKECLIENT_H
#define TESTS_IKECLIENT_H

#include "common/base/ip.h"
#include "common/ikev2/keys.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/payload.h"
#include "common/ikev2/body.h"
#include "common/ikev2/ticket/ticket.h"

/*
 * An IKEv2 initiator for tests: just enough to set up an IKE SA with a pre-shared key and one Child
 * SA against the responder, and open enough to do it wrong on purpose. It checks what it gets as
 * strictly as a peer would. Messages are without the non-ESP marker.
 */
#define IKECLIENT_MESSAGE_MAX 4096

struct ikeclient {
	struct crypto *crypto; /* borrowed */
	const struct rng *rng; /* borrowed */
	struct ike_suite suite;
	struct esp_suite esp;
	const char *id;            /* FQDN */
	const struct id_body *idi; /* instead of id, if not NULL */
	uint8_t auth_method;       /* 0: shared key */
	const char *psk;
	struct ts_list tsi, tsr; /* asked for; after IKE_AUTH what was granted */
	struct endpoint local, remote;
	bool with_initial_contact;
	bool with_redirect_support;
	bool with_fragmentation;
	struct ip redirected_from; /* IP_NONE: not sent */
	uint8_t leave_out[3];      /* payloads of IKE_AUTH that are not sent; 0: none */
	bool has_childless;        /* CHILDLESS_IKEV2_SUPPORTED came */
	bool with_ticket_request;  /* in IKE_AUTH */
	const struct id_body *idr; /* in IKE_AUTH, if not NULL */
	enum auth_form form;       /* of AUTH, when resumed */

	uint64_t spi_i, spi_r;
	struct kex *kex;
	uint8_t ni[32], nr[256];
	size_t nr_len;
	uint8_t cookie[64];
	size_t cookie_len;
	uint8_t message1[IKECLIENT_MESSAGE_MAX], message2[IKECLIENT_MESSAGE_MAX];
	size_t message1_len, message2_len;
	struct ike_keys keys;
	uint64_t next_iv;
	uint32_t next_id;   /* of our requests */
	uint32_t child_spi; /* ours */
	uint32_t peer_child_spi;
	struct child_keys child_keys;
	uint16_t notify; /* the last error or special notify that came, 0: none */
	struct gateway redirect;
	bool is_resumed;        /* or on the way to it */
	bool has_nat_detection; /* was in the answer to IKE_SESSION_RESUME */
	bool has_fragmentation; /* the same */
	struct key old_sk_d;    /* that the ticket stands for */
	uint8_t ticket[TICKET_MAX_SIZE];
	size_t ticket_len; /* 0: none came, or it was refused: */
	bool is_ticket_refused;
	uint32_t ticket_lifetime_s;
	uint8_t token[128]; /* QCD */
	size_t token_len;
	uint8_t redirect_octets[255];
	uint8_t buf[IKECLIENT_MESSAGE_MAX], plain[IKECLIENT_MESSAGE_MAX];
};

/* Defaults: first suites, id and psk, all of 10.1.0.201/32 to 10.1.0.0/25. Aborts on failure. */
void ikeclient_init(struct ikeclient *c, struct crypto *crypto, const struct rng *rng,
		    const char *suite, const char *esp, const char *id, const char *psk);
void ikeclient_free(struct ikeclient *c);

/* The IKE_SA_INIT request, with the cookie if one is held. View of c. */
struct bytes ikeclient_init_request(struct ikeclient *c);

/*
 * 0: keys are there. ERR_BAD_STATE: a notify came instead, c->notify says which; COOKIE is kept and
 * REDIRECT decoded (its nonce checked). Other errors: not acceptable.
 */
MUST_USE int ikeclient_take_init(struct ikeclient *c, struct bytes message);

/*
 * RFC 5723: IKE_SESSION_RESUME with the ticket that is held, under new SPIs and nonce; what is
 * asked for in Child SAs stays. Then as ikeclient_take_init().
 */
struct bytes ikeclient_resume_request(struct ikeclient *c);
MUST_USE int ikeclient_take_resume(struct ikeclient *c, struct bytes message);

/* Tickets and tokens in an opened answer: the newest of each stays. */
void ikeclient_keep_ticket(struct ikeclient *c, const struct payload_list *list);

/* An INFORMATIONAL that asks for a ticket. */
struct bytes ikeclient_ask_ticket(struct ikeclient *c);

/* A chain for IKE_AUTH in c->plain, unsealed: what mutation tests start from. */
struct bytes ikeclient_auth_chain(struct ikeclient *c, uint8_t *first);

/* Any request of ours with that inner chain, sealed with the right keys; uses up a message ID. */
struct bytes ikeclient_seal(struct ikeclient *c, uint8_t exchange, uint32_t id, uint8_t first,
			    struct bytes inner);
struct bytes ikeclient_auth_request(struct ikeclient *c);

/* An empty response of that exchange and message ID, asked for or not. */
struct bytes ikeclient_seal_answer(struct ikeclient *c, uint8_t exchange, uint32_t id);

/* 0: authenticated, with Child SA. ERR_BAD_STATE: a notify, see c->notify. */
MUST_USE int ikeclient_take_auth(struct ikeclient *c, struct bytes message);

/* Empty INFORMATIONAL, one that deletes the IKE SA, or the Child SA. */
struct bytes ikeclient_liveness(struct ikeclient *c);
struct bytes ikeclient_delete_ike(struct ikeclient *c);
struct bytes ikeclient_delete_child(struct ikeclient *c);

/* The empty answer to the responder's request message. */
struct bytes ikeclient_answer(struct ikeclient *c, struct bytes request);

/* The sealed message as another side would send it: request or response, from either role. */
struct bytes ikeclient_seal_chain(struct ikeclient *c, uint8_t exchange, bool is_response,
				  uint32_t id, const struct payload_writer *chain);

/* Opens a message of the responder; list's views are in c->plain. */
MUST_USE int ikeclient_open(struct ikeclient *c, struct bytes message, struct ike_header *h,
			    struct payload_list *list);

#endif
