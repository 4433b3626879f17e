/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_DEVICE_H
#define CLI_IKEPEER_DEVICE_H

#include "common/base/errtext.h"
#include "common/ikev2/body.h"

/*
 * The TUN device of a tunnel with its address and routes. Whatever the tunnel's state, packets for
 * the other side go to the device: none leaves in clear while the tunnel is down. All of it is gone
 * when the descriptor is closed, however the program ends.
 */

/*
 * The inner address: the first selector's if it stands for a single host, else IP_NONE (somebody
 * behind us has one).
 */
struct ip device_address(const struct ts_list *local);

/*
 * Makes the device. address: put on it, unless IP_NONE, and the source of what is sent to remote,
 * for which there are routes then. Needs CAP_NET_ADMIN. ERR_VALUE, ERR_EXISTS, ERR_IO with the
 * reason in why.
 */
struct device_conf {
	const char *name;
	struct ip address;
	bool has_routes;
	const struct ts_list *remote;
};
MUST_USE int device_open(const struct device_conf *conf, int *fd, struct errtext *why);

#endif
