# SPDX-License-Identifier: Apache-2.0
#
# make            build the programs into build/release
# make help       the other targets
#
# VARIANT=release|clang|asan|tsan|cover picks the build; each has a folder of its own.

VARIANT ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0

CC_release := gcc
CC_clang   := clang
CC_asan    := gcc
CC_tsan    := clang
CC_fuzz    := clang
CC_cover   := gcc
CC         := $(CC_$(VARIANT))
ifeq ($(CC),)
$(error VARIANT=$(VARIANT) is none of release, clang, asan, tsan, cover)
endif

OUT := build/$(VARIANT)
Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(filter 1,$(V)),,@printf '  %-6s %s\n' $(1) $(2);)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
        -Wconversion -Wundef -Wpointer-arith -Wwrite-strings -Werror
HARDEN := -fstack-protector-strong -fPIE
HARDEN_release := -D_FORTIFY_SOURCE=2
HARDEN_clang   := -D_FORTIFY_SOURCE=2
SAN_asan  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_tsan  := -fsanitize=thread
SAN_fuzz  := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
SAN_cover := --coverage
SAN       := $(SAN_$(VARIANT))

PKGS := libuv libcrypto libssl jansson yaml-0.1 sqlite3 libmnl libcap-ng
# Only where they are needed: "make deps" has to run before they are there.
ifeq ($(filter deps deps-check help clean,$(MAKECMDGOALS)),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null || \
                echo '-luv -lssl -lcrypto -ljansson -lyaml -lsqlite3 -lmnl -lcap-ng')
endif
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo 0.1.0)

CPPFLAGS_ALL := -I. -I/usr/share/include/llhttp -D_GNU_SOURCE $(PKG_CFLAGS)
CFLAGS_ALL   := -std=c11 -O2 -g -pthread $(WARN) $(HARDEN) $(HARDEN_$(VARIANT)) $(SAN) $(CFLAGS)
LDFLAGS_ALL  := -pthread -pie -Wl,-z,relro,-z,now $(SAN) $(LDFLAGS)

# ---- what there is ---------------------------------------------------------
# Every folder below common/, director/, agent/ and cli/ goes into an archive of its program;
# main_*.c files hold a main() and are linked with the archives into a program.
sources = $(filter-out %/main.c,$(sort $(wildcard $(addsuffix /*.c,$(1) $(1)/* $(1)/*/*))))
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

COMMON_SRC   := $(call sources,common)
DIRECTOR_SRC := $(call sources,director)
AGENT_SRC    := $(call sources,agent)
CLI_SRC      := $(call sources,cli)
LLHTTP_SRC   := $(addprefix /usr/share/llhttp/,llhttp.c api.c http.c)
LLHTTP_OBJ   := $(addprefix $(OUT)/obj/llhttp/,llhttp.o api.o http.o)

LIB_COMMON   := $(OUT)/libwaypost.a
LIB_DIRECTOR := $(OUT)/libdirector.a
LIB_AGENT    := $(OUT)/libagent.a
LIB_CLI      := $(OUT)/libcli.a

PROGRAMS := $(OUT)/waypost-director $(OUT)/waypost-agent $(OUT)/clusteradm $(OUT)/ikepeer
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT     := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(UNIT_SRC))
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
TOOLS    := $(patsubst tests/tools/%.c,$(OUT)/tools/%,$(TOOL_SRC))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,build/fuzz/fuzz/%,$(FUZZ_SRC))
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
TESTLIB_SRC := $(sort $(wildcard tests/lib/*.c))
LIB_TEST := $(OUT)/libtest.a

.PHONY: all help programs unit tools clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
all: programs
programs: $(PROGRAMS)
unit: $(UNIT)
tools: $(TOOLS)

help:
	@sed -n 's/^# *\(make [a-z].*\)/\1/p' $(MAKEFILE_LIST)

# ---- compile and link ------------------------------------------------------
$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# Other people's source: their warnings are not ours to mend.
$(OUT)/obj/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS_ALL) -O2 -g $(HARDEN) $(SAN) -w -c -o $@ $<

# The version is a constant of one object file, rebuilt when it changes.
$(OUT)/version.stamp: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(OUT)/obj/common/base/version.o: CPPFLAGS_ALL += -DWAYPOST_VERSION='"$(VERSION)"'
$(OUT)/obj/common/base/version.o: $(OUT)/version.stamp

define archive
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^
endef
$(LIB_COMMON): $(call objects,$(COMMON_SRC)) $(LLHTTP_OBJ) ; $(archive)
$(LIB_DIRECTOR): $(call objects,$(DIRECTOR_SRC)) ; $(archive)
$(LIB_AGENT): $(call objects,$(AGENT_SRC)) ; $(archive)
$(LIB_CLI): $(call objects,$(CLI_SRC)) ; $(archive)
$(LIB_TEST): $(call objects,$(TESTLIB_SRC)) ; $(archive)

define link
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS) -lm $(LIBS)
endef
$(OUT)/waypost-director: $(OUT)/obj/director/main.o $(LIB_DIRECTOR) $(LIB_COMMON) ; $(link)
$(OUT)/waypost-agent: $(OUT)/obj/agent/main.o $(LIB_AGENT) $(LIB_COMMON) ; $(link)
$(OUT)/clusteradm: $(OUT)/obj/cli/main.o $(LIB_CLI) $(LIB_COMMON) ; $(link)
$(OUT)/ikepeer: $(OUT)/obj/cli/ikepeer/main.o $(LIB_CLI) $(LIB_COMMON) ; $(link)

ALL_LIBS := $(LIB_TEST) $(LIB_DIRECTOR) $(LIB_AGENT) $(LIB_CLI) $(LIB_COMMON)
$(OUT)/unit/%: LIBS := -lcmocka
$(OUT)/unit/%: $(OUT)/obj/tests/unit/%.o $(ALL_LIBS) ; $(link)
$(OUT)/sim/failover: $(call objects,$(SIM_SRC)) $(LIB_DIRECTOR) $(LIB_AGENT) $(LIB_COMMON) ; $(link)
$(OUT)/tools/%: $(OUT)/obj/tests/tools/%.o $(ALL_LIBS) ; $(link)
build/fuzz/fuzz/%: LIBS := -fsanitize=fuzzer
build/fuzz/fuzz/%: build/fuzz/obj/tests/fuzz/%.o $(subst $(OUT)/,build/fuzz/,$(ALL_LIBS)) ; $(link)

clean:
	rm -rf build

include deps.mk
include install.mk
include docs/docs.mk
include tests/tests.mk

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
