/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TICKETS_H
#define AGENT_TICKETS_H

#include "agent/conf.h"
#include "common/base/log.h"
#include "common/control/message.h"
#include "common/ikev2/responder/responder.h"

/*
 * What this member knows of the cluster's keys for tickets and crash detection tokens, and of
 * tickets that were taken back: from the director's messages to the office and the responder's
 * secrets. No socket, no file: keys are in memory only, so that a member that starts while no
 * director is reachable gives and takes no tickets until one is.
 */
struct tickets;

/* lg is borrowed and may be NULL. NULL: no memory. */
struct tickets *tickets_new(const struct agent_conf_tickets *conf, const struct logger *lg);
void tickets_free(struct tickets *t); /* wipes; NULL is fine */

/* Borrowed; NULL if the configuration wants no tickets. */
struct ticket_office *tickets_office(const struct tickets *t);

/* All that there is from now on. What cannot be used is said in the log and left out. */
void tickets_take_keys(struct tickets *t, const struct msg_key *keys, size_t n);
void tickets_take_revocations(struct tickets *t, const struct msg_revocation *items, size_t n);

/* False: it was left out, and nobody should count on it. True of keys for other uses. */
bool tickets_holds(const struct tickets *t, const struct msg_key *key);

/* The secrets of that member, from 1 to MSG_NUMBER_MAX. */
const struct qcd_secrets *tickets_qcd(const struct tickets *t, uint8_t number);

/*
 * Adds the names of the ticket keys that are held to those of a hello; returns how many there are
 * then, at most cap. Names live until the next tickets_take_keys().
 */
size_t tickets_key_names(const struct tickets *t, const char **names, size_t n, size_t cap);

#endif
