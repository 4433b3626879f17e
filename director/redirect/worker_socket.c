/* SPDX-License-Identifier: Apache-2.0 */
#include "director/redirect/worker_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "director/redirect/worker.h"

#define RCVBUF (4 << 20)

static const char *explain_bind(int error)
{
	switch (error) {
	case EACCES:
		return " (ports below 1024 take CAP_NET_BIND_SERVICE)";
	case EADDRNOTAVAIL:
		return " (no interface has this address)";
	case EADDRINUSE:
		return " (another director or IKE daemon runs here)";
	default:
		return "";
	}
}

int worker_open_socket(const struct logger *lg, const struct endpoint *local, bool is_shared)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = endpoint_to_sockaddr(local, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, size = RCVBUF;
	char text[ENDPOINT_TEXT_MAX];

	if (fd < 0 ||
	    (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
	    (sa.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)&sa, sa_len) != 0) {
		log_error(lg, LG_FRONT, "cannot listen on UDP %s: %s%s",
			  endpoint_format(local, text), strerror(errno), explain_bind(errno));
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	/* The privileged form first: the other is capped by net.core.rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) != 0)
		log_debug(lg, LG_FRONT, "receive buffer stays at its default");
	return fd;
}

int worker_check_ports(const struct front_conf *conf, const struct logger *lg)
{
	for (size_t i = 0; i < conf->n_addresses * WORKER_PORTS; i++) {
		const struct endpoint local = { conf->addresses[i / WORKER_PORTS],
						i % WORKER_PORTS == 0 ? conf->port_ike
								      : conf->port_natt };
		int fd = worker_open_socket(lg, &local, false);

		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}
