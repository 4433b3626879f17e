/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_SD_NOTIFY_H
#define IO_SD_NOTIFY_H

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * Tells the service manager how the program is doing (sd_notify(3), Type=notify), without
 * libsystemd. Without NOTIFY_SOCKET in the environment all of it does nothing and succeeds: the
 * program then runs by hand or in a test.
 */

/* Sends lines such as "READY=1\nSTATUS=...". Returns 0 or ERR_IO, which is no reason to stop. */
int sd_notify_send(const char *lines);

/* Up and serving; status is shown by systemctl, on one line. */
int sd_notify_ready(const char *status);
int sd_notify_status(const char *status);
int sd_notify_stopping(void);

/* Still alive; to be said more often than every sd_notify_watchdog_ms(). */
int sd_notify_watchdog(void);

/* How long the service manager waits for that; 0: it does not. */
uint64_t sd_notify_watchdog_ms(void);

#endif
