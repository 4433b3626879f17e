#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install-packages.sh PACKAGE...
#
# Installs those of the Debian packages that are missing. With none missing it needs no root and no
# network. No service is started, now or at the next boot.
set -eu

POLICY=/usr/sbin/policy-rc.d
SAVED=$POLICY.saved-by-waypost
DAEMON=charon-systemd # comes with a unit that apt enables; the tests start it by hand
APT=(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold)

say() { printf 'install-packages: %s\n' "$*" >&2; }

die()
{
	say "$@"
	exit 1
}

is_installed()
{
	local status
	status=$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) || return 1
	[ "$status" = installed ]
}

# While apt-get runs, policy-rc.d forbids to start services; whatever was there before comes back,
# also after a run that was killed.
restore_policy()
{
	rm -f "$POLICY"
	if [ -e "$SAVED" ]; then
		mv "$SAVED" "$POLICY"
	fi
}

forbid_services()
{
	if [ -e "$SAVED" ]; then
		restore_policy
	fi
	if [ -e "$POLICY" ]; then
		mv "$POLICY" "$SAVED"
	fi
	trap restore_policy EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
}

# Hundreds of lines that nobody reads, unless it fails.
quietly()
{
	local log status=0
	log=$(mktemp)
	DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" -eq 0 ] || tail -n 20 "$log" >&2
	rm -f "$log"
	return "$status"
}

install_missing()
{
	quietly "${APT[@]}" install --yes --no-install-recommends "$@"
}

missing=()
if command -v dpkg-query >/dev/null; then
	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || exit 0
fi
if [ ! -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
	say 'this is not Debian, or it has no apt-get. Install by hand what is in these packages,'
	say 'then run make with SKIP_DEPS=1:'
	die "$*"
fi
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || die "not root, and no sudo; as root: apt-get install ${missing[*]}"
	say "sudo for: apt-get install ${missing[*]}"
	exec sudo "$0" "$@"
fi

say "installing ${missing[*]}"
forbid_services
# Lists that are absent or too old show in a failure; only then are they fetched.
if ! install_missing "${missing[@]}"; then
	say 'trying again with fresh package lists'
	quietly "${APT[@]}" update
	install_missing "${missing[@]}"
fi
case " ${missing[*]} " in
*" $DAEMON "*)
	if command -v systemctl >/dev/null; then
		systemctl --quiet disable strongswan.service
	fi
	;;
esac
