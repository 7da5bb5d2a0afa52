# Bongsu. Two commands: `make run` and `make test`; `make help` lists the rest.
#
# Everything is built below $(BUILD). A variant is a build folder of its own:
# build (what users run), build/check (fault points, for tests) and
# build/sanitize (fault points, ASan and UBSan).

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
MANDIR  ?= $(PREFIX)/share/man
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
# Where systemd looks in /usr and /usr/local; empty: no units are installed.
SYSTEMD_UNIT_DIR ?= $(PREFIX)/lib/systemd/system
SYSUSERS_DIR ?= $(PREFIX)/lib/sysusers.d
INSTALL ?= install
INSTALL_PROGRAM ?= $(INSTALL)
ifeq ($(origin CC),default)
CC := gcc
endif
MAKEFLAGS += --no-print-directory

# `make -j4 test` is honoured; without a -j, as many jobs as there are cores.
JOBS ?= $(shell nproc)
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

PROGRAMS := ingest detector indexer notifier api

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wvla \
        -Wno-unused-parameter -Wno-format-zero-length -Wundef
WERROR ?= -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection
endif
OPTIMIZE := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LINK_HARDEN := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections

ifdef FAULTS
DEFINES += -DBONGSU_FAULTS
endif
# Sanitizers tell lines, for which -g1 is enough: a sixth less to compile, objects smaller by two fifths.
ifdef FUZZ
OPTIMIZE := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
LINK_HARDEN := -pie -fsanitize=address,undefined -Wl,--as-needed
HARDEN := -fPIE
WARN := -Wall -Wno-unknown-warning-option -Wno-gnu-folding-constant
endif
ifdef SANITIZE
OPTIMIZE := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LINK_HARDEN := -pie -fsanitize=address,undefined -Wl,--as-needed
# gcc guesses lengths and paths wrongly in instrumented code; the plain build checks these
WARN += -Wno-format-truncation -Wno-maybe-uninitialized
endif

# pkg-config is asked when a recipe first needs it: set-up may come before.
DEPS_PC := $(firstword $(wildcard build/deps/usr/lib/*/pkgconfig))
PKG := PKG_CONFIG_PATH=$(DEPS_PC) pkg-config
MSGPACK = $(shell $(PKG) --exists msgpack-c && echo msgpack-c || echo msgpack)
PKGS = libczmq libzmq $(MSGPACK) jansson libmicrohttpd gnutls libcurl sqlite3 yaml-0.1 libsodium yyjson libpcre2-8 libhs zlib
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell $(PKG) --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell $(PKG) --libs $(PKGS)))$(PKG_LIBS)
ifneq ($(DEPS_PC),)
DEPS_LIB := $(DEPS_PC:build/%/pkgconfig=%)
RPATH := -Wl,-rpath,'$$ORIGIN/../$(DEPS_LIB):$$ORIGIN/../../$(DEPS_LIB):$$ORIGIN/../lib/bongsu'
endif

CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DBONGSU_VERSION='"$(VERSION)"' -I. -I$(BUILD)/gen -I/usr/include/nanopb $(DEFINES) $(OPTIMIZE) \
             -ffunction-sections -fdata-sections $(HARDEN) $(WARN) $(WERROR) -MMD -MP $(PKG_CFLAGS) $(CFLAGS)
LIBS = $(PKG_LIBS) -l:libmodsecurity.a -l:libprotobuf-nanopb.a -lm -lpthread

PROTO_SRC := $(wildcard proto/*.c proto/*/*.c proto/*/*/*.c)
# No fuzz target looks at the others.
PARTS     := $(if $(FUZZ),ingest detector,$(PROGRAMS) ctl)
PART_SRC  := $(foreach p,$(PARTS),$(filter-out $(p)/main.c,$(wildcard $(p)/*.c $(p)/*/*.c)))
SUPPORT_SRC := $(wildcard tests/support/*.c)
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIB := $(BUILD)/libbongsu.a
BINS := $(PROGRAMS:%=$(BUILD)/bin/bongsu-%) $(BUILD)/bin/bongsu
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
PIPELINE_TESTS := $(patsubst tests/pipeline/%.c,$(BUILD)/tests/%,$(wildcard tests/pipeline/test_*.c))
WIRE_TESTS := $(patsubst tests/wire/%.c,$(BUILD)/tests/%,$(wildcard tests/wire/test_*.c))
SIGMA_TESTS := $(patsubst tests/sigma/%.c,$(BUILD)/tests/%,$(wildcard tests/sigma/test_*.c))
ELASTIC_TESTS := $(patsubst tests/elasticsearch/%.c,$(BUILD)/tests/%,$(wildcard tests/elasticsearch/test_*.c))
TORTURE := test_kill test_faults test_elastic_faults
# The long ones begin, so that none is left over at the end. What measures time, and
# so wants the machine for itself, runs last and alone; sanitizers measure none.
LONG := test_elastic_faults test_faults test_poisoned test_elastic_store test_openapi test_full_disk test_division \
        test_order test_elastic_secured test_scale test_elastic_mapping test_up test_restored test_stopped test_syslog \
        test_watch_rules test_http_pace test_commands test_kill test_silent test_deliver test_peer test_chain
ALONE := $(if $(SANITIZE),,test_stopped test_slow test_hostile test_chain test_supervisor)
# These look at the tests' own tools, or at what Elasticsearch makes of a file.
UNSANITIZED := $(if $(SANITIZE),test_elastic_kibana test_node test_fault_proxy test_run_tests)
built = $(1:%=$(BUILD)/tests/%)
ORDERED_TESTS = $(call built,$(filter-out $(ALONE),$(LONG))) \
    $(filter-out $(call built,$(LONG) $(ALONE) $(UNSANITIZED)),$(ELASTIC_TESTS) $(WIRE_TESTS) $(PIPELINE_TESTS) $(SIGMA_TESTS) $(UNIT_TESTS)) -- $(call built,$(ALONE))
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))

# Built by clang, whose libFuzzer they are for; of the programs only what they look at.
FUZZ_SUPPORT := $(call objects,tests/fuzz/support.c tests/support/temp_dir.c)
# These call handlers of HTTP without a server.
FUZZ_HTTP := $(call objects,tests/fuzz/fake_http.c)
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: help run test programs install check unit pipeline lint fmt sanitize torture bench \
        bench-ingest bench-elasticsearch \
        test-fresh clean fuzz fuzzers setup-build setup-test setup-bench setup-fmt setup-fuzz \
        setup-elasticsearch setup-wire try-elasticsearch try-wire elasticsearch tests benches FORCE
.SECONDARY:

help:
	@echo "make run         set up, build, start all five (Ctrl-C stops)"
	@echo "make test        set up, build, run every test that needs no optional server"
	@echo "make sanitize    the same tests under ASan and UBSan"
	@echo "make torture     the long fault tests, then fuzz      make bench   speed and memory"
	@echo "make fuzz        libFuzzer on all that comes from outside (FUZZ_SECONDS=60 each)"
	@echo "make lint fmt    style                    make test-fresh   both commands in clean Debian 12 and 13"
	@echo "make elasticsearch   only the tests with a real Elasticsearch (tests/elasticsearch/README.md)"
	@echo "make bench-ingest    the front door: requests and events a second, beside bare libmicrohttpd; syslog beside rsyslog"
	@echo "make bench-elasticsearch   speed into one, and of the dashboard over 5 million events"
	@echo "make programs    only build               make install      into PREFIX (/usr/local)"
	@echo "make clean"

setup-build setup-test setup-bench setup-fmt setup-fuzz setup-elasticsearch setup-wire:
	@scripts/setup $(@:setup-%=%)

# A real Elasticsearch, where it can be had; its tests skip where not.
try-elasticsearch: setup-test
	@case "$${BONGSU_ELASTICSEARCH:-yes}" in no) ;; *) scripts/setup elasticsearch || \
	    echo "no Elasticsearch here (see above): its tests are skipped" ;; esac

# The clients of Elasticsearch, likewise.
try-wire: setup-test
	@case "$${BONGSU_WIRE:-yes}" in no) ;; *) scripts/setup wire || \
	    echo "no clients of Elasticsearch here (see above): their tests are skipped" ;; esac

run: setup-build
	@$(MAKE) $(PARALLEL) programs
	@scripts/run

programs: $(BINS)

# Whose time changes with the flags, so that what was built with others is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL)' > $@

# What is made of data: C of the field names, what tells of the routes, the pages of /docs
# (empty where set-up had no npm).
DOCUMENTS := $(wildcard proto/server/openapi.json ingest/openapi.json ingest/wire/openapi.json api/openapi.json)
GENERATED := $(BUILD)/gen/fields_table.h $(patsubst %.json,$(BUILD)/gen/%.h,$(DOCUMENTS))
DOCS_NPM := build/npm/node_modules/swagger-ui-dist
DOCS_ASSETS := $(BUILD)/gen/swagger-ui.css.gz $(BUILD)/gen/swagger-ui-bundle.js.gz $(BUILD)/gen/docs-start.js.gz
$(BUILD)/gen/fields_table.h: proto/fields.yml scripts/fields
	@mkdir -p $(@D)
	@scripts/fields $< > $@.new && mv $@.new $@

$(BUILD)/gen/%/openapi.h: %/openapi.json scripts/c-text
	@mkdir -p $(@D)
	@scripts/c-text $*_openapi $< > $@.new && mv $@.new $@

$(BUILD)/gen/docs-start.js.gz: proto/server/docs/start.js
	@mkdir -p $(@D)
	@gzip -9nc $< > $@

$(BUILD)/gen/swagger-ui%.gz: $(wildcard $(DOCS_NPM)/package.json)
	@mkdir -p $(@D)
	@if [ -f $(DOCS_NPM)/swagger-ui$* ]; then gzip -9nc $(DOCS_NPM)/swagger-ui$*; fi > $@

$(BUILD)/obj/proto/server/http_docs.o: $(DOCS_ASSETS)
$(BUILD)/obj/proto/server/http_docs.o: CFLAGS_ALL += -Wa,-I$(BUILD)/gen

# SAME_AS: a build just made with these flags but for the fault points. What has none (the
# compiler wrote down what it read) is the same there, and is not compiled again.
borrow = grep -qs '^$(SAME_AS)/obj/' $(SAME_AS)/obj/$*.d && \
    ! grep -q 'base/fault\.h' $(SAME_AS)/obj/$*.d && ! grep -q BONGSU_FAULTS $< && \
    sed 's,$(SAME_AS)/\(obj\|gen\)/,$(BUILD)/\1/,g' $(SAME_AS)/obj/$*.d > $(@:.o=.d) && \
    cp $(SAME_AS)/obj/$*.o $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(GENERATED)
	@mkdir -p $(@D)
	@$(if $(and $(SAME_AS),$(filter-out tests/%,$<)),$(borrow) ||) \
	    { echo "  cc   $<"; $(CC) $(CFLAGS_ALL) -c -o $@ $<; }

$(LIB): $(call objects,$(PROTO_SRC) $(PART_SRC))
	@rm -f $@
	@ar qcs $@ $^

$(BUILD)/bin/bongsu-%: $(BUILD)/obj/%/main.o $(LIB)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(LINK_HARDEN) $(RPATH) -o $@ $< $(LIB) $(LIBS)

$(BUILD)/bin/bongsu: $(BUILD)/obj/ctl/main.o $(LIB)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(LINK_HARDEN) $(RPATH) -o $@ $< $(LIB) $(LIBS)

SUPPORT_OBJ := $(call objects,$(SUPPORT_SRC))

# The units: what they share stands once, in systemd/*.conf.
UNITS := $(patsubst systemd/%.in,$(BUILD)/systemd/%,$(wildcard systemd/*.service.in)) $(BUILD)/systemd/bongsu.target
$(BUILD)/systemd/%: systemd/%.in $(wildcard systemd/*.conf) FORCE
	@mkdir -p $(@D)
	@sed -e '/^@stage@/{r systemd/stage.conf' -e 'd}' -e '/^@running@/{r systemd/running.conf' -e 'd}' \
	    -e '/^@hardening@/{r systemd/hardening.conf' -e 'd}' -e 's,@bindir@,$(PREFIX)/bin,' $< > $@
$(BUILD)/systemd/%.target: systemd/%.target
	@mkdir -p $(@D)
	@cp $< $@

define TEST_RULE
$(BUILD)/$(1)/%: $(BUILD)/obj/tests/$(2)/%.o $(SUPPORT_OBJ) $(LIB)
	@mkdir -p $$(@D)
	@echo "  link $$@"
	@$$(CC) $$(LINK_HARDEN) $$(RPATH) -o $$@ $$< $$(SUPPORT_OBJ) $$(LIB) -lcmocka $$(LIBS)
endef
$(eval $(call TEST_RULE,tests,unit))
$(eval $(call TEST_RULE,tests,pipeline))
$(eval $(call TEST_RULE,tests,elasticsearch))
$(eval $(call TEST_RULE,tests,wire))
$(eval $(call TEST_RULE,tests,sigma))
$(eval $(call TEST_RULE,bench,bench))

$(patsubst %,$(BUILD)/fuzz/fuzz_%,bulk hec otlp): $(FUZZ_HTTP)
$(BUILD)/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_SUPPORT) $(LIB)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(LINK_HARDEN),-u,LLVMFuzzerTestOneInput -fsanitize=fuzzer $(RPATH) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LIBS)

$(BUILD)/fuzz/make_seeds: $(BUILD)/obj/tests/fuzz/make_seeds.o $(LIB)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(LINK_HARDEN) $(RPATH) -o $@ $< $(LIB) $(LIBS)

fuzzers: $(FUZZERS) $(BUILD)/fuzz/make_seeds

tests: $(BINS) $(UNITS) $(UNIT_TESTS) $(PIPELINE_TESTS) $(SIGMA_TESTS) $(ELASTIC_TESTS) $(WIRE_TESTS)
benches: $(BINS) $(BENCHES)

unit: $(UNITS) $(UNIT_TESTS)
	@scripts/run-tests $(BUILD) $(UNIT_TESTS)

pipeline: $(BINS) $(PIPELINE_TESTS)
	@scripts/run-tests $(BUILD) $(PIPELINE_TESTS)

elasticsearch: $(BINS) $(ELASTIC_TESTS)
	@scripts/run-tests $(BUILD) $(ELASTIC_TESTS)

check: tests
	@scripts/run-tests $(BUILD) $(ORDERED_TESTS)

test: setup-test try-elasticsearch try-wire
	@scripts/lint
	@$(MAKE) $(PARALLEL) programs
	@$(MAKE) $(PARALLEL) BUILD=build/check FAULTS=1 SAME_AS=$(BUILD) tests
	@$(MAKE) BUILD=build/check FAULTS=1 check

sanitize: setup-test try-elasticsearch try-wire
	@$(MAKE) $(PARALLEL) BUILD=build/sanitize FAULTS=1 SANITIZE=1 tests
	@BONGSU_SLOW=1 $(MAKE) BUILD=build/sanitize FAULTS=1 SANITIZE=1 check

torture: setup-test try-elasticsearch
	@$(MAKE) $(PARALLEL) BUILD=build/check FAULTS=1 tests
	@BONGSU_ROUNDS=$${BONGSU_ROUNDS:-500} BONGSU_AWAY_S=$${BONGSU_AWAY_S:-600} TEST_TIMEOUT=7200 scripts/run-tests build/check $(TORTURE:%=build/check/tests/%)
	@$(MAKE) fuzz

fuzz: setup-fuzz
	@$(MAKE) $(PARALLEL) BUILD=build/fuzz FUZZ=1 CC=clang fuzzers
	@scripts/fuzz build/fuzz $${FUZZ_SECONDS:-60}

bench: setup-bench
	@$(MAKE) $(PARALLEL) programs benches
	@scripts/bench

bench-ingest: setup-bench
	@$(MAKE) $(PARALLEL) programs benches
	@BONGSU_BUILD=$(BUILD) $(BUILD)/bench/bench_ingest
	@BONGSU_BUILD=$(BUILD) $(BUILD)/bench/bench_syslog

bench-elasticsearch: setup-bench setup-elasticsearch
	@$(MAKE) $(PARALLEL) programs benches
	@BUILD=$(BUILD) scripts/bench-elasticsearch

test-fresh:
	@scripts/test-fresh

lint: setup-build
	@scripts/lint

fmt: setup-fmt
	@clang-format -i $$(git ls-files '*.c' '*.h')

# Needs no set-up but what `make programs` needs. The manual pages and the shells'
# completion are made by the program (in /, so that no ./.env is read). The shared yyjson goes along
# where the system has none.
install: $(BINS) $(if $(SYSTEMD_UNIT_DIR),$(UNITS))
	@$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bongsu/rules \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(BASH_COMPLETIONS) $(DESTDIR)$(ZSH_COMPLETIONS)
	@rm -rf $(BUILD)/man && mkdir -p $(BUILD)/man
	@cd / && $(abspath $(BUILD))/bin/bongsu man --into $(abspath $(BUILD))/man
	@cd / && $(abspath $(BUILD))/bin/bongsu completion bash > $(abspath $(BUILD))/bongsu.bash
	@cd / && $(abspath $(BUILD))/bin/bongsu completion zsh > $(abspath $(BUILD))/bongsu.zsh
	@$(INSTALL) -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(MANDIR)/man1
	@$(INSTALL) -m 644 $(BUILD)/bongsu.bash $(DESTDIR)$(BASH_COMPLETIONS)/bongsu
	@$(INSTALL) -m 644 $(BUILD)/bongsu.zsh $(DESTDIR)$(ZSH_COMPLETIONS)/_bongsu
	@$(INSTALL_PROGRAM) $(BINS) $(DESTDIR)$(PREFIX)/bin
	@$(INSTALL) -m 644 detector/rules/*.yml $(DESTDIR)$(PREFIX)/share/bongsu/rules
ifneq ($(SYSTEMD_UNIT_DIR),)
	@$(INSTALL) -d $(DESTDIR)$(SYSTEMD_UNIT_DIR) $(DESTDIR)$(SYSUSERS_DIR)
	@$(INSTALL) -m 644 $(UNITS) $(DESTDIR)$(SYSTEMD_UNIT_DIR)
	@$(INSTALL) -m 644 systemd/bongsu.sysusers $(DESTDIR)$(SYSUSERS_DIR)/bongsu.conf
endif
ifneq ($(DEPS_PC),)
	@$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib/bongsu
	@$(INSTALL) -m 644 $(DEPS_PC:%/pkgconfig=%)/libyyjson.so.0 $(DESTDIR)$(PREFIX)/lib/bongsu
endif

clean:
	@rm -rf build/obj build/gen build/systemd build/bin build/tests build/bench build/check build/sanitize build/libbongsu.a build/flags

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
