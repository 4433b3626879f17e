/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/tun/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"

static int refuse(struct errtext *why, const char *name, const char *what)
{
	errtext_set(why, "device %s: %s: %s", name, what, strerror(errno));
	return ERR_IO;
}

/* '%' would make the kernel choose a number, '/' is for paths. */
static bool is_device_name(const char *name)
{
	size_t len = strnlen(name, IFNAMSIZ);

	return len > 0 && len < IFNAMSIZ && strpbrk(name, "%/: \t\n") == NULL &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int open_clone(int *out, struct errtext *why)
{
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0) {
		*out = fd;
		return 0;
	}
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		errtext_set(why, "there is no " TUN_PATH ": load the kernel module (modprobe tun), "
				 "or give the device to the container (--device " TUN_PATH ")");
		break;
	case EACCES:
	case EPERM:
		errtext_set(why, "no permission to open " TUN_PATH ": start as root, or allow the "
				 "device (c 10:200 rwm) to the service or container");
		break;
	default:
		errtext_set(why, "cannot open " TUN_PATH ": %s", strerror(errno));
	}
	return ERR_IO;
}

static int create(int fd, const char *name, struct errtext *why)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL) };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return 0;
	switch (errno) {
	case EBUSY:
		errtext_set(why,
			    "device %s exists already: is another agent running? If not, "
			    "remove it (ip link del %s) or configure another name",
			    name, name);
		return ERR_EXISTS;
	case EPERM:
		errtext_set(why, "no permission to create device %s: CAP_NET_ADMIN is needed",
			    name);
		return ERR_IO;
	default:
		return refuse(why, name, "cannot create");
	}
}

/*
 * Without a link-local address the kernel sends no router solicitations into the tunnel. Where
 * there is no IPv6, or /proc is read-only, it stays as it is.
 */
static void quiet_ipv6(const char *name)
{
	char path[64 + IFNAMSIZ];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		errno = 0;
	close(fd);
}

static int configure(int sock, const char *name, uint16_t mtu, struct errtext *why)
{
	struct ifreq ifr = { .ifr_mtu = mtu };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(sock, SIOCSIFMTU, &ifr) != 0) {
		char what[32];

		snprintf(what, sizeof(what), "cannot set MTU %u", (unsigned int)mtu);
		return refuse(why, name, what);
	}
	quiet_ipv6(name);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr) != 0)
		return refuse(why, name, "cannot read its flags");
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) != 0)
		return refuse(why, name, "cannot bring it up");
	return 0;
}

static int set_up(const char *name, uint16_t mtu, struct errtext *why)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (sock < 0)
		return refuse(why, name, "no socket for configuring it");
	err = configure(sock, name, mtu, why);
	close(sock);
	return err;
}

int tun_open(const char *name, uint16_t mtu, int *fd, struct errtext *why)
{
	int clone, err;

	if (!is_device_name(name)) {
		errtext_set(why, "\"%s\" is no name for a network device (1 to %d characters)",
			    name, IFNAMSIZ - 1);
		return ERR_VALUE;
	}
	err = open_clone(&clone, why);
	if (err != 0)
		return err;
	err = create(clone, name, why);
	if (err == 0)
		err = set_up(name, mtu, why);
	if (err != 0) {
		close(clone);
		return err;
	}
	*fd = clone;
	return 0;
}
