# trawl: one Makefile, no generator. Sources are found by folder: adding a file changes no rule.
# Variables: SANITIZE=1 (ASan+UBSan; SANITIZE=thread for TSan), WERROR=1, V=1 (show commands), CC=clang, B=DIR (build folder).

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
Q := $(if $(filter 1,$(V)),,@)
SANITIZE ?=
PROFILE := $(notdir $(CC))-$(if $(filter thread,$(SANITIZE)),tsan,$(if $(SANITIZE),asan,release))
B ?= build/$(PROFILE)

BOOTSTRAP_STAMP := build/.bootstrapped
PACKAGES := liburing libarchive libhs libcurl openssl libzstd liblz4 libxxhash libisal libpcre2-8 lmdb yaml-0.1 yajl expat libseccomp

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
  -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wnull-dereference \
  -Wimplicit-fallthrough -Wswitch-enum -Wdouble-promotion -Wunused-result -Wframe-larger-than=16384
ifneq ($(findstring clang,$(CC)),clang)
WARNINGS += -Wlogical-op -Wduplicated-cond
else
# clang's static null analysis does not exist, and its -Wsign-conversion is on; string concatenation of PRI macros is fine.
WARNINGS += -Wno-unknown-warning-option
endif
ifeq ($(WERROR),1)
WARNINGS += -Werror
endif

MACHINE := $(shell uname -m)
BASELINE := $(if $(filter x86_64,$(MACHINE)),-march=x86-64-v2,)
HARDENING := -fno-common -fno-strict-aliasing -fstack-protector-strong -fvisibility=hidden -fPIE
ifneq ($(findstring clang,$(CC)),clang)
HARDENING += -fstack-clash-protection
endif
LDHARDENING := -pie -Wl,-z,relro,-z,now

ifeq ($(SANITIZE),)
OPTIMISE := -O3 -g1 -D_FORTIFY_SOURCE=2
else ifeq ($(SANITIZE),thread)
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DTRAWL_DEBUG
LDSANITIZE := -fsanitize=thread
WARNINGS += -Wno-null-dereference -Wno-tsan
else
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DTRAWL_DEBUG
LDSANITIZE := -fsanitize=address,undefined
# Sanitizers instrument frames and branches: these two warnings then speak of the instrumentation.
WARNINGS := $(filter-out -Wframe-larger-than=16384,$(WARNINGS)) -Wno-null-dereference
endif

VERSION := $(shell cat VERSION 2>/dev/null || echo 0)
CPPFLAGS += -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DTRAWL_VERSION='"$(VERSION)"'
CFLAGS_ALL = -std=gnu17 $(OPTIMISE) $(BASELINE) $(WARNINGS) $(HARDENING) $(CFLAGS)
LIBS := -luring -larchive -lhs -lcurl -lcrypto -lzstd -llz4 -lxxhash -lisal -lpcre2-8 -llmdb -lyaml -lyajl -lexpat -lseccomp -lz -lm -lpthread

FOLDERS := base io matchers shard engine
SOURCES := $(sort $(shell find $(FOLDERS) -name '*.c' 2>/dev/null))
MAIN := engine/cli/main.c
LIBRARY_SOURCES := $(filter-out $(MAIN),$(SOURCES))
SUPPORT_SOURCES := $(sort $(wildcard tests/support/*.c))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c) $(wildcard tests/fault/test_*.c))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SOURCES := $(sort $(wildcard bench/micro/bench_*.c) $(wildcard bench/macro/bench_*.c) bench/fleet/fleet_registry.c)

RULE_FILES := $(sort $(shell find matchers/secret/rules -name '*.yaml' 2>/dev/null))
SIGNATURE_FILES := $(sort $(wildcard matchers/package/signatures/*.yaml))
HELP_FILES := $(sort $(wildcard engine/cli/man/*.txt))
DATA_FILES := $(sort $(wildcard engine/cli/data/*))
EMBEDS := $(B)/embed_rules.o $(B)/embed_signatures.o $(B)/embed_help.o

OBJECTS = $(LIBRARY_SOURCES:%.c=$(B)/%.o)
LIBRARY := $(B)/libtrawl.a
SUPPORT := $(B)/libsupport.a
UNITS := $(UNIT_SOURCES:%.c=$(B)/%)
FUZZ_REPLAYS := $(FUZZ_SOURCES:%.c=$(B)/%)

.PHONY: all bootstrap test test-unit test-fuzz test-e2e test-scores test-large lint format demo chaos kill-test bench noise bench-fleet bench-rematch fuzz asan tsan man install uninstall clean help \
  units fuzzers benches
.DELETE_ON_ERROR:
.PRECIOUS: $(B)/%.o $(B)/%.s $(B)/tests/unit/% $(B)/tests/fuzz/% $(B)/bench/% $(B)/tests/support/bin/%

all: trawl ## build ./trawl (the default)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap: ## install what the build and the tests need from Debian's packages
	$(Q)scripts/bootstrap

# Targets that compile depend on this stamp: the script installs only what is missing and is silent when nothing is.
$(BOOTSTRAP_STAMP): scripts/bootstrap
	$(Q)scripts/bootstrap
	$(Q)mkdir -p $(dir $@) && touch $@

ifeq ($(SANITIZE),)
trawl: $(B)/trawl
	$(Q)cp -f $< $@
else
trawl: $(B)/trawl ;
endif

$(B)/trawl: $(B)/$(MAIN:.c=.o) $(LIBRARY)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDHARDENING) $(LDSANITIZE) $(LDFLAGS) -o $@ $^ $(LIBS)

$(LIBRARY): $(OBJECTS) $(EMBEDS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# What decides what a scan finds, and how it becomes the rows that are kept: what is in a cache is of the same analyser,
# or it is made again.
ANALYSER_SOURCES := $(sort $(wildcard base/*.[ch] base/*/*.[ch] io/archive/*.[ch] io/codec/*.[ch] matchers/*/*.[ch] \
  matchers/*/*.def engine/image/*.[ch] engine/pipeline/inspect.[ch] engine/pipeline/layer_scan.[ch] \
  engine/pipeline/found_secret.[ch] engine/pipeline/image_*.[ch] engine/pipeline/package_set.[ch] \
  engine/pipeline/emit.[ch] shard/row_block.[ch] shard/sort_key.[ch] io/source/manifest*.[ch])) $(RULE_FILES) $(SIGNATURE_FILES)
$(B)/engine/pipeline/profile.o: $(ANALYSER_SOURCES)
$(B)/engine/pipeline/profile.o: CPPFLAGS += -DTRAWL_ANALYSER='"$(shell cat $(ANALYSER_SOURCES) | sha256sum | cut -c1-32)"'

# The vectorised twins are compiled for their own instruction set and chosen at run time: never call them unguarded.
ifeq ($(MACHINE),x86_64)
%_avx2.o: SIMD := -mavx2 -mbmi2
%_avx512.o: SIMD := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mbmi2
endif

$(B)/%.o: %.c | $(BOOTSTRAP_STAMP)
	@echo "  CC $<"
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(SIMD) -MMD -MP -c -o $@ $<

$(B)/embed_rules.s: scripts/embed.sh $(RULE_FILES) Makefile
	$(Q)mkdir -p $(B) && scripts/embed.sh embed_rules $(RULE_FILES) > $@
$(B)/embed_signatures.s: scripts/embed.sh $(SIGNATURE_FILES) Makefile
	$(Q)mkdir -p $(B) && scripts/embed.sh embed_signatures $(SIGNATURE_FILES) > $@
$(B)/embed_help.s: scripts/embed.sh $(HELP_FILES) $(DATA_FILES) Makefile
	$(Q)mkdir -p $(B) && scripts/embed.sh embed_help $(HELP_FILES) $(DATA_FILES) > $@
$(B)/embed_%.o: $(B)/embed_%.s | $(BOOTSTRAP_STAMP)
	$(Q)$(CC) -c -o $@ $<

# An archive, so that a test or a bench links the helpers it uses and not what those of others need.
$(SUPPORT): $(SUPPORT_SOURCES:%.c=$(B)/%.o)
	$(Q)mkdir -p $(dir $@) && rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(SUPPORT) $(LIBRARY)
	$(Q)$(CC) $(LDHARDENING) $(LDSANITIZE) -o $@ $^ -lcmocka $(LIBS)
$(B)/tests/fault/%: $(B)/tests/fault/%.o $(SUPPORT) $(LIBRARY)
	$(Q)$(CC) $(LDHARDENING) $(LDSANITIZE) -o $@ $^ -lcmocka $(LIBS)
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(SUPPORT) $(LIBRARY)
	$(Q)$(CC) $(LDHARDENING) $(LDSANITIZE) -o $@ $^ $(LIBS)
$(B)/bench/%: $(B)/bench/%.o $(SUPPORT) $(LIBRARY)
	$(Q)$(CC) $(LDHARDENING) $(LDSANITIZE) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
$(B)/bench/fleet/fleet_registry: $(B)/bench/fleet/fleet_images.o $(B)/bench/fleet/fleet_layers.o
$(B)/tests/support/bin/%: $(B)/tests/support/bin/%.o $(SUPPORT) $(LIBRARY)
	$(Q)$(CC) $(LDHARDENING) $(LDSANITIZE) -o $@ $^ $(LIBS)

units: $(UNITS)
fuzzers: $(FUZZ_REPLAYS)
benches: $(BENCH_SOURCES:%.c=$(B)/%)

test: ## all tests of this build: unit, fuzz replay, end to end, scores (what CI runs)
	$(Q)scripts/test.sh "$(MAKE)" "$(B)"

test-unit: $(UNITS) ## unit and fault tests
	$(Q)scripts/run_units.sh $(UNITS)

test-fuzz: $(FUZZ_REPLAYS) ## replay every fuzz target's corpus
	$(Q)scripts/run_fuzz_replay.sh $(FUZZ_REPLAYS)

test-e2e: trawl $(B)/bench/fleet/fleet_registry ## the binary against a real registry on loopback
	$(Q)scripts/run_e2e.sh $(B)/trawl

test-scores: trawl ## the shared corpora's scores against the floors kept in tests/floors.tsv
	$(Q)scripts/scores.sh $(B)/trawl

LONG_TEST = PYTHONPATH=tests/support PYTHONDONTWRITEBYTECODE=1 TRAWL=$(abspath $(B))/trawl python3

chaos: trawl ## SEEDS=200: sweeps through a proxy that breaks answers; `make test` does twelve of them
	$(Q)SEEDS=$(or $(SEEDS),200) $(LONG_TEST) tests/e2e/t1300_chaos.py

kill-test: trawl ## KILLS=100: sweeps that are killed at any moment and resumed; `make test` does eight of them
	$(Q)KILLS=$(or $(KILLS),100) $(LONG_TEST) tests/e2e/t1400_resume.py

test-large: trawl ## a body of 8 GiB, a line of 1 GiB, a million hits through `trawl secrets`; `make test` does small ones
	$(Q)LARGE=1 $(LONG_TEST) tests/e2e/t0890_large_bodies.py

lint: | $(BOOTSTRAP_STAMP) ## tiers, banned symbols, sizes, shellcheck, both compilers without warnings
	$(Q)scripts/lint.sh "$(MAKE)"

format: ## write every C file as .clang-format says (clang-format 14)
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

demo: trawl ## build a sample registry out of real packages, sweep it, print the summary
	$(Q)scripts/demo.sh $(B)/trawl

noise: trawl ## findings in packages that hold no secret: Debian's and npm's, downloaded (NOISE=DIR keeps them)
	$(Q)python3 scripts/noise.py $(B)/trawl $(if $(NOISE),--keep $(NOISE))

bench: trawl ## each step alone, their sum as the roofline, and the sweep against it, in one run on the same bytes
	$(Q)scripts/bench.sh $(B)/trawl

bench-rematch: trawl $(B)/bench/macro/bench_rematch ## match SETS (100000) package sets mixed from those of TARGETS against DB, and what is new since OLD
	$(Q)python3 bench/rematch.py $(B)/trawl $(B)/bench/macro/bench_rematch --db $(DB) $(if $(OLD),--since $(OLD)) $(if $(SETS),--sets $(SETS)) $(TARGETS)

bench-fleet: trawl $(B)/bench/fleet/fleet_registry ## sweep a made-up registry of IMAGES (100000) images, then again with 1 % of them changed
	$(Q)python3 bench/fleet/run.py $(B)/trawl $(B)/bench/fleet/fleet_registry $(if $(IMAGES),--images $(IMAGES))

fuzz: ## F=<target> T=<seconds>: libFuzzer on one target (needs clang)
	$(Q)scripts/run_fuzz.sh "$(F)" "$(or $(T),60)"

asan: ## all tests in the ASan+UBSan build
	$(Q)$(MAKE) SANITIZE=1 test

tsan: ## unit tests and the end-to-end tests in the TSan build
	$(Q)$(MAKE) SANITIZE=thread test-unit test-e2e

man: ## man pages in build/man
	$(Q)scripts/man.sh build/man

PREFIX ?= /usr/local
install: trawl man ## install to DESTDIR/PREFIX
	install -Dm755 trawl $(DESTDIR)$(PREFIX)/bin/trawl
	$(Q)for page in build/man/*.1; do install -Dm644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man1/$${page##*/}"; done

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/trawl $(DESTDIR)$(PREFIX)/share/man/man1/trawl*.1

clean: ## remove what the build made
	rm -rf build trawl

-include $(shell find $(B) -name '*.d' 2>/dev/null)
