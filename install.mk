# SPDX-License-Identifier: Apache-2.0
#
# make install     programs, examples and man pages into DESTDIR and PREFIX

.PHONY: install
INSTALL := install
EXAMPLES := $(patsubst etc/%,%,$(sort $(wildcard etc/*.yaml etc/*/*.yaml)))

# Daemons go to sbin. The examples hold secrets that everybody knows: they are for reading.
install: programs
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) $(OUT)/waypost-director $(OUT)/waypost-agent $(DESTDIR)$(PREFIX)/sbin
	$(INSTALL) $(OUT)/clusteradm $(OUT)/ikepeer $(DESTDIR)$(PREFIX)/bin
	set -e; for f in $(EXAMPLES); do \
		$(INSTALL) -D -m 644 etc/$$f $(DESTDIR)$(PREFIX)/share/waypost/examples/$$f; done
