#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check-man.sh PROGRAMS PAGES: every option of the schemas and of the command lines is in its page
set -eu
programs=$1
pages=$2
missing=0

require() { # PAGE TEXT
	if ! grep -qF -- "$2" "$pages/$1.scd"; then
		echo "$1 does not have $2" >&2
		missing=1
	fi
}

require_schema() { # SCHEMA PAGE
	for option in $("$programs/tools/confdoc" --names "$1"); do
		require "$2" "*$option* ("
	done
}

require_command() { # PAGE COMMAND...
	page=$1
	shift
	for option in $("$@" --help | grep -oE -- '--[a-z-]+' | sort -u); do
		require "$page" "*$option*"
	done
}

require_schema director waypost-director.yaml.5
require_schema agent waypost-agent.yaml.5
require_schema peers waypost-agent.yaml.5
require_schema clusteradm clusteradm.yaml.5
require_command waypost-director.8 "$programs/waypost-director"
require_command waypost-agent.8 "$programs/waypost-agent"
require_command clusteradm.8 "$programs/clusteradm"
require_command clusteradm.8 "$programs/clusteradm" pki
require_command ikepeer.1 "$programs/ikepeer"
require_command ikepeer.1 "$programs/ikepeer" up
require_command ikepeer.1 "$programs/ikepeer" probe
[ "$missing" = 0 ] && echo "the manual pages have every option"
