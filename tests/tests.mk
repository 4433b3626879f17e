# SPDX-License-Identifier: Apache-2.0
#
# make check       every test; ends with "N passed, N failed, N skipped"
# make check-unit  the unit tests only
# make fuzz        each fuzzer for FUZZ_TIME seconds on top of its corpus
# make format      apply clang-format

.PHONY: check-unit fuzz fuzzers format check-format
FUZZ_TIME ?= 30

check-unit: $(UNIT)
	@for test in $^; do $$test || exit 1; done

fuzzers:
	@$(MAKE) VARIANT=fuzz $(FUZZERS)

fuzz: fuzzers
	@for f in $(FUZZERS); do \
		corpus=tests/fuzz/corpus/$$(basename $$f); mkdir -p build/fuzz/new/$$(basename $$f) $$corpus; \
		$$f -max_total_time=$(FUZZ_TIME) build/fuzz/new/$$(basename $$f) $$corpus || exit 1; done

C_FILES := $(sort $(wildcard $(foreach d,common director agent cli tests,$(d)/*.[ch] $(d)/*/*.[ch] $(d)/*/*/*.[ch])))
format:
	clang-format -i $(C_FILES)
check-format:
	clang-format --dry-run -Werror $(C_FILES)
