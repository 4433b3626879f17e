/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PKI_H
#define CLI_PKI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * "clusteradm pki": makes the CA of a cluster and the certificates of its directors, members and
 * operators, in a folder of this machine. It speaks to no director.
 *
 * argv[0] is "pki", and what follows is its own: a subcommand, options and arguments, whose order
 * getopt may change. json asks for JSON on out, as --json among the options does. Errors and
 * warnings go to err as text. Returns the exit code: 0 done, 1 refused or failed, 2 usage.
 */
int pki_command(int argc, char **argv, bool json, FILE *out, FILE *err);

/*
 * "pki list" at a given time of the wall clock. Certificates that end in less than PKI_WARN_DAYS
 * are pointed out. Returns 1 if a file of the folder cannot be read as a certificate of a cluster.
 */
#define PKI_WARN_DAYS 30
int pki_list(const char *dir, int64_t now_s, bool json, FILE *out, FILE *err);

#endif
