/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TUN_TUN_H
#define TUN_TUN_H

#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"

/*
 * The TUN device where inner packets leave and enter the kernel's IP stack: opening it, which needs
 * CAP_NET_ADMIN, and moving packets on a libuv loop, which needs nothing. It knows nothing of ESP.
 * The device lives as long as its descriptor: when the program dies, the device and the routes
 * through it are gone. Routes and addresses are somebody else's.
 */

/*
 * Creates the device, sets its MTU (of inner packets) and brings it up. Returns 0 and a descriptor
 * that is not inherited and does not block, to be given to tun_start() or closed. On error why says
 * what to do:
 *   ERR_VALUE   no name for a device
 *   ERR_EXISTS  there is a device of that name: somebody else's, so it is left alone
 *   ERR_IO      no /dev/net/tun, no permission, or the kernel refuses
 */
MUST_USE int tun_open(const char *name, uint16_t mtu, int *fd, struct errtext *why);

/* Called from the loop, never from inside a call into this header. Any may close the device. */
struct tun_events {
	void (*packet)(void *ctx, struct bytes packet); /* borrowed until it returns */
	void (*drained)(void *ctx); /* after a batch of packets: time to flush; may be NULL */
	void (*lost)(void *ctx);    /* the device was deleted: only tun_close() makes sense now */
	void *ctx;
};

struct tun_counters {
	uint64_t packets_read, octets_read;
	uint64_t packets_written, octets_written;
	uint64_t write_full;   /* dropped: the kernel's queue was full */
	uint64_t write_errors; /* dropped: not an IP packet, or the device is down */
};

struct tun;

/*
 * Starts to read. Takes ownership of fd on success. At most TUN_BATCH packets are read per turn of
 * the loop, so that timers and sockets get theirs. ERR_NO_MEMORY, ERR_IO.
 */
#define TUN_BATCH 64
MUST_USE int tun_start(uv_loop_t *loop, int fd, const struct tun_events *events, struct tun **out);

/* One IPv4 or IPv6 packet into the kernel's stack. ERR_IO: dropped, and counted. Never waits. */
MUST_USE int tun_write(struct tun *t, struct bytes packet);

/* Valid until closed() is called. */
const struct tun_counters *tun_counters(const struct tun *t);

/*
 * No event follows. The device goes and t is freed in the close callback of libuv, after which
 * closed is called with the ctx of the events; it may be NULL.
 */
void tun_close(struct tun *t, void (*closed)(void *ctx));

#endif
