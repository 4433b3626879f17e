#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# unpack-package.sh PACKAGE FOLDER
#
# Unpacks a Debian package into FOLDER without installing it, for programs that conflict with what
# is installed. Done before: needs no network. What it depends on is not its business.
set -eu

package=$1
folder=$2

say() { printf 'unpack-package: %s\n' "$*" >&2; }

stamp=$folder/.unpacked
[ ! -e "$stamp" ] || exit 0
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT

# apt-get puts it into the working directory; as another user than root, hence the warning less.
download()
{
	(cd "$work" && apt-get -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$package") \
		>"$work/log" 2>&1
}

say "downloading $package"
# Lists that are absent or too old show in a failure; only then are they fetched.
if ! download && ! { apt-get update >/dev/null 2>&1 && download; }; then
	cat "$work/log" >&2
	exit 1
fi
dpkg-deb --extract "$work"/*.deb "$work/root"
touch "$work/root/.unpacked"
rm -rf "$folder"
mv "$work/root" "$folder"
