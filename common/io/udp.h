/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_UDP_H
#define IO_UDP_H

#include <uv.h>

#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/base/ip.h"

/*
 * A UDP socket on a libuv loop, read and written in batches (recvmmsg, sendmmsg). One socket has
 * one address family; it may be bound to an address, or to none and learn for each datagram which
 * of our addresses it was sent to. UDP loses datagrams: so does this, and counts them.
 */
struct udp;

/* Zero means the default. */
struct udp_options {
	bool reuseport;      /* several sockets share the port (SO_REUSEPORT) */
	bool freebind;       /* the address need not be there yet (IP_FREEBIND, IPV6_FREEBIND) */
	bool pktinfo;        /* learn and choose the local address; for sockets bound to none */
	int rcvbuf;          /* octets; as far as the kernel allows */
	size_t datagram_max; /* longer ones are dropped; 16384 */
};

struct udp_counters {
	uint64_t received;
	uint64_t sent;
	uint64_t dropped_long;   /* input: longer than datagram_max */
	uint64_t dropped_source; /* input: no usable source address or port */
	uint64_t dropped_full;   /* output: the kernel's buffer is full */
	uint64_t dropped_error;  /* output: refused by the kernel, such as no route */
};

/*
 * A datagram. local: our address that it was sent to, port included (IP_NONE if the socket is bound
 * to no address and pktinfo is off). All is borrowed until the call returns.
 */
typedef void (*udp_receive_fn)(void *ctx, const struct endpoint *remote,
			       const struct endpoint *local, struct bytes data);

/*
 * Opens and binds a socket; local with the address 0.0.0.0 or :: is bound to none. Returns 0,
 * ERR_NO_MEMORY, or ERR_IO with the reason in why. options may be NULL.
 */
MUST_USE int udp_open(uv_loop_t *loop, const struct endpoint *local,
		      const struct udp_options *options, udp_receive_fn on_receive, void *ctx,
		      struct udp **out, struct errtext *why);

/*
 * Sends a copy of data to an address of the socket's family. from: our address to send from, for a
 * socket with pktinfo; NULL or IP_NONE leaves it to the socket or the kernel. Between udp_cork()
 * and udp_uncork(), and inside on_receive, it waits for its batch. Losses are only counted.
 */
void udp_send(struct udp *u, const struct ip *from, const struct endpoint *to, struct bytes data);

/* Around many udp_send() at once. May be nested. */
void udp_cork(struct udp *u);
void udp_uncork(struct udp *u);

/* The address bound to, with the port that the kernel chose. */
struct endpoint udp_local(const struct udp *u);
const struct udp_counters *udp_counters(const struct udp *u);

/* For more socket options. It stays the property of u. */
int udp_descriptor(const struct udp *u);

/* No on_receive from now on; frees u from the loop. Allowed inside on_receive. NULL is fine. */
void udp_close(struct udp *u);

#endif
