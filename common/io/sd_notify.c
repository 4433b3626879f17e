/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/sd_notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINES_MAX 512

/* A path, or a name in the abstract namespace that is written with '@' for the first octet 0. */
static int parse_socket(const char *text, struct sockaddr_un *out, socklen_t *len)
{
	size_t size = strlen(text);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((text[0] != '/' && text[0] != '@') || size < 2 || size >= sizeof(out->sun_path))
		return ERR_VALUE;
	memcpy(out->sun_path, text, size);
	if (text[0] == '@')
		out->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	return 0;
}

int sd_notify_send(const char *lines)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t len;
	ssize_t sent;
	int fd;

	if (text == NULL)
		return 0;
	if (parse_socket(text, &address, &len) != 0)
		return ERR_IO;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_IO;
	sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
		      (struct sockaddr *)&address, len);
	close(fd);
	return sent < 0 ? ERR_IO : 0;
}

/* A line break in a status would begin another assignment. */
static int send_status(const char *before, const char *status)
{
	char lines[LINES_MAX];
	size_t start = strlen(before);

	snprintf(lines, sizeof(lines), "%s%s", before, status);
	for (char *c = lines + start; *c != '\0'; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	return sd_notify_send(lines);
}

int sd_notify_ready(const char *status)
{
	return send_status("READY=1\nSTATUS=", status);
}

int sd_notify_status(const char *status)
{
	return send_status("STATUS=", status);
}

int sd_notify_stopping(void)
{
	return sd_notify_send("STOPPING=1");
}

int sd_notify_watchdog(void)
{
	return sd_notify_send("WATCHDOG=1");
}

uint64_t sd_notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long value;
	char *end;

	if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	value = strtoull(usec, &end, 10);
	if (errno != 0 || end == usec || *end != '\0')
		return 0;
	return value / 1000;
}
