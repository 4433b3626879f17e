# SPDX-License-Identifier: Apache-2.0
#
# make deps        install what building and the demo need (Debian 12)
# make deps-check  the same for every test and for lint

.PHONY: deps deps-check

# As PKGS in the Makefile; node-llhttp carries the C source of llhttp.
DEPS_BUILD := gcc libc6-dev pkg-config libuv1-dev libssl-dev libjansson-dev libyaml-dev \
              libsqlite3-dev libmnl-dev libcap-ng-dev node-llhttp uthash-dev scdoc
# The peers are strongSwan with userspace ESP (kernel-libipsec is in libcharon-extra-plugins).
DEPS_DEMO  := python3 iproute2 iputils-ping tcpdump charon-systemd strongswan-swanctl \
              libcharon-extra-plugins libstrongswan-standard-plugins libstrongswan-extra-plugins
DEPS_CHECK := clang libclang-rt-dev llvm libcmocka-dev python3-pytest procps nftables openssl \
              valgrind clang-format clang-tidy cppcheck shellcheck pyflakes3
# What libreswan needs, which itself is only unpacked (it conflicts with strongSwan), and its kernel.
DEPS_INTEROP := user-mode-linux kmod libnss3-tools libcurl3-nss libevent-pthreads-2.1-7 \
                libldap-2.5-0 libldns3 libunbound8

# SKIP_DEPS=1: they are there, however they came (another distribution, no network).
ifneq ($(SKIP_DEPS),1)
INSTALL_PACKAGES := scripts/install-packages.sh
else
INSTALL_PACKAGES := :
endif

deps:
	@$(INSTALL_PACKAGES) $(DEPS_BUILD) $(DEPS_DEMO)

deps-check:
	@$(INSTALL_PACKAGES) $(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_CHECK) $(DEPS_INTEROP)
