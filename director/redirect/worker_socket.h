/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_WORKER_SOCKET_H
#define DIRECTOR_WORKER_SOCKET_H

#include "common/base/ip.h"
#include "common/base/log.h"

/* The sockets of the front end's workers. */
#define WORKER_PORTS 2 /* of each address: for IKE, and for IKE and ESP behind NATs */

/* A descriptor or ERR_IO. Workers share their ports, but not with another program of this user. */
int worker_open_socket(const struct logger *lg, const struct endpoint *local, bool is_shared);

#endif
