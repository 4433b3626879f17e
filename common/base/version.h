/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* What --version prints and hello says: from the build, for people, never compared. */
extern const char waypost_version[];

#endif
