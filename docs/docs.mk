# SPDX-License-Identifier: Apache-2.0
#
# make man         the manual pages, into build/man
# make check-man   every option of configuration and command line is in its page

.PHONY: man check-man install-docs
CONFDOC    := $(OUT)/tools/confdoc
MAN        := $(patsubst docs/man/%.scd,build/man/%,$(sort $(wildcard docs/man/*.scd)))
UNITS      := $(sort $(wildcard etc/systemd/*.service))
SYSUSERS   := $(sort $(wildcard etc/sysusers.d/*.conf))

man: $(MAN)

# Without the libraries of the tests: who installs need not have them.
$(CONFDOC): $(OUT)/obj/tests/tools/confdoc.o $(LIB_DIRECTOR) $(LIB_AGENT) $(LIB_CLI) $(LIB_COMMON) ; $(link)

# The options in section 5 come from the tables that the programs read by: see confdoc.c.
build/man/%: docs/man/%.scd $(CONFDOC)
	@mkdir -p $(@D)
	$(call say,MAN,$@)$(CONFDOC) <$< >$@.scd && scdoc <$@.scd >$@

check-man: man programs
	@scripts/check-man.sh $(OUT) build/man

install: install-docs
install-docs: $(MAN)
	set -e; for f in $(MAN); do \
		$(INSTALL) -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/}; done
	set -e; for f in $(notdir $(UNITS)); do \
		$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib/systemd/system; \
		sed 's#=/usr/sbin/#=$(PREFIX)/sbin/#' etc/systemd/$$f \
			>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$f; \
		chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/$$f; done
	set -e; for f in $(notdir $(SYSUSERS)); do \
		$(INSTALL) -D -m 644 etc/sysusers.d/$$f $(DESTDIR)$(PREFIX)/lib/sysusers.d/$$f; done
