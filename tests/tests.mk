# SPDX-License-Identifier: Apache-2.0
#
# make check       every test; ends with "N passed, N failed, N skipped"
# make check-unit  the unit tests only (VARIANT=asan: under ASan and UBSan)
# make check-asan  the unit tests under ASan and UBSan, counted
# make check-sim   the simulations only
# make check-net   the network tests only (root; ARGS="-k redirect -x" goes to pytest)
# make check-interop  the tests with libreswan only (root; ARGS as above)
# make demo        a cluster at work on this machine (KEEP=1 leaves it running)
# make demo-stop   end what KEEP=1 left
# make fuzz        each fuzzer for FUZZ_TIME seconds on top of its corpus
# make soak        hours: long fuzzing and simulation, then the network tests again and again, also under ASan
# make bench       figures: tests/tools/bench_*.c, scripts in tests/bench
# make lint        clang-format, clang-tidy, cppcheck, shellcheck, pyflakes
# make format      apply clang-format

.PHONY: check check-unit check-asan check-sim check-net check-interop demo demo-stop fuzz fuzzers soak bench \
        lint format check-format check-tidy check-cppcheck check-scripts
FUZZ_TIME ?= 30
SOAK_FUZZ_TIME ?= 1800
SOAK_ROUNDS ?= 20
SOAK_SIM_TIME ?= 7200

# Debian's, whatever python3 is first on the PATH; -B: nothing is written into the source tree.
PYTHON := /usr/bin/python3 -B
# After "deps" the flags from pkg-config are others than when this make began: a new one is needed.
SUBMAKE = $(MAKE) --no-print-directory
SUDO   := $(if $(filter 0,$(shell id -u)),,sudo)
PYTEST := $(PYTHON) -m pytest -c tests/pytest.ini

# ---- tests -----------------------------------------------------------------

check: deps-check
	@$(PYTHON) tests/run.py

check-unit: $(UNIT)
	@for test in $^; do $$test || exit 1; done

check-asan: deps-check
	@$(PYTHON) tests/run.py asan

check-sim: deps-check
	@$(PYTHON) tests/run.py sim

check-net: programs tools
	+@$(SUBMAKE) VARIANT=asan programs tools
	@$(SUDO) env WAYPOST_BUILD=$(OUT) $(PYTEST) tests/net $(ARGS)

# Without the libraries of the tests: who runs the demo need not have cmocka.
ADDRWATCH := $(OUT)/tools/addrwatch
$(ADDRWATCH): $(OUT)/obj/tests/tools/addrwatch.o $(OUT)/obj/tests/lib/captures.o $(LIB_COMMON) ; $(link)

check-interop: programs
	@$(SUDO) env WAYPOST_BUILD=$(OUT) $(PYTEST) tests/interop $(ARGS)

demo: deps
	+@$(SUBMAKE) all $(ADDRWATCH)
	@$(SUDO) env WAYPOST_BUILD=$(OUT) $(PYTHON) tests/demo.py $(if $(filter 1,$(KEEP)),--keep)

demo-stop:
	@$(SUDO) $(PYTHON) tests/demo.py --stop

# What is preloaded into a program under test.
PRELOADS := $(patsubst tests/preload/%.c,$(OUT)/tools/%.so,$(sort $(wildcard tests/preload/*.c)))
tools: $(PRELOADS)
$(OUT)/tools/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CPPFLAGS_ALL) -std=c11 -O2 -g $(WARN) -fPIC -shared -o $@ $<

# ---- fuzzing, long runs, figures -------------------------------------------

fuzzers:
	@$(SUBMAKE) VARIANT=fuzz $(FUZZERS)

fuzz: fuzzers
	@for f in $(FUZZERS); do \
		corpus=tests/fuzz/corpus/$$(basename $$f); mkdir -p build/fuzz/new/$$(basename $$f) $$corpus; \
		$$f -max_total_time=$(FUZZ_TIME) build/fuzz/new/$$(basename $$f) $$corpus || exit 1; done

soak:
	+@$(SUBMAKE) fuzz FUZZ_TIME=$(SOAK_FUZZ_TIME)
	+@$(SUBMAKE) VARIANT=asan build/asan/sim/failover
	build/asan/sim/failover --seeds 100000000:2000
	+@$(SUBMAKE) build/release/sim/failover
	build/release/sim/failover --seconds $(SOAK_SIM_TIME) --seeds $$(date +%s)000000:1
	+@for variant in asan release; do \
		for round in $$(seq $(SOAK_ROUNDS)); do \
			echo "== $$variant, round $$round of $(SOAK_ROUNDS)"; \
			FAILOVER_SEED=$$(date +%s) $(SUBMAKE) VARIANT=$$variant check-net || exit 1; \
		done; \
	done

# A bench prints its own figures: bench_*.c in tests/tools, scripts in tests/bench.
BENCHES := $(filter $(OUT)/tools/bench_%,$(TOOLS)) \
           $(sort $(wildcard tests/bench/bench_*.py tests/bench/bench_*.sh))
bench: programs tools
	@for b in $(BENCHES); do echo "== $$b"; WAYPOST_BUILD=$(OUT) $$b || exit 1; done

# ---- lint ------------------------------------------------------------------

C_FILES := $(sort $(wildcard $(foreach d,common director agent cli tests,$(d)/*.[ch] $(d)/*/*.[ch] $(d)/*/*/*.[ch])))
C_SOURCES := $(filter %.c,$(C_FILES))
SHELL_SCRIPTS := .ci/run $(sort $(wildcard scripts/*.sh tests/*/*.sh)) \
                 tests/tools/uml-run tests/tools/guest-commands
PYTHON_FILES := $(sort $(wildcard tests/*.py tests/*/*.py))
JOBS := $(shell nproc)

lint: check-format check-tidy check-cppcheck check-scripts

format:
	clang-format -i $(C_FILES)
check-format:
	clang-format --dry-run -Werror $(C_FILES)
# One file per run: with several, clang-tidy 14 takes every va_list for uninitialized.
check-tidy:
	@printf '%s\n' $(C_SOURCES) | xargs -P $(JOBS) -I FILE sh -c \
		'clang-tidy --quiet FILE -- $(CPPFLAGS_ALL) -std=c11 2>/dev/null'
# uninitvar: it does not see through the loops of uthash; clang's analyzer looks for the same.
check-cppcheck:
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=uninitvar -j $(JOBS) -I. --include=tests/cppcheck.h \
		$(filter-out tests/unit/% tests/fuzz/%,$(C_SOURCES))
check-scripts:
	shellcheck $(SHELL_SCRIPTS)
	pyflakes3 $(PYTHON_FILES)
