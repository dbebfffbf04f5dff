# AiSOC Regions. `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
BIN := target/debug
# A test that hangs is a failure with a name, not a lost CI run.
TEST_MINUTES ?= 40

.PHONY: help packages build up demo recording down reset test lint bench bench-failover docs docs-check

help: ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

packages: ## installs missing system packages, or says how
	@deploy/packages.sh

build: ## builds the backend and the console
	$(CARGO) build -p aisoc -p aisoc-console

up: packages build ## starts the local three-region world and opens the console
	@$(BIN)/aisoc local up $(if $(EU_CLUSTER),--eu-cluster)
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/aisoc-console; else \
	  $(BIN)/aisoc-console status || [ $$? -eq 1 ]; \
	  echo "no terminal here: run $(BIN)/aisoc-console in one"; fi

demo: ## replays a region failover that was recorded; needs nothing but Rust
	$(CARGO) build -p aisoc-console
	@$(BIN)/aisoc-console replay assets/recordings/region-failover.rec

recording: packages build ## records that region failover again, in a local world of its own
	@assets/recordings/make.sh

down: ## stops everything that `make up` started
	@$(BIN)/aisoc local down

reset: ## stops the local world and deletes its state
	@$(BIN)/aisoc local reset --force

lint: ## formatting and lints, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features aisoc/cloud -- -D warnings

docs: build ## makes the generated files again (pictures, completions, man page)
	@assets/screens/make.sh
	@assets/console/make.sh

docs-check: ## fails when a generated file is out of date
	@assets/screens/make.sh --check
	@assets/console/make.sh --check

test: packages lint ## every check and every test
	@tests/patroni.sh
	$(CARGO) build --workspace --bins --tests
	@$(MAKE) --no-print-directory docs-check
	timeout $(TEST_MINUTES)m $(CARGO) test --workspace --no-fail-fast
	@test -f target/patroni-4.path || echo '***** SKIPPED: the tests under Patroni 4.x, for the reason above *****'

bench: packages ## prints the figures that the README quotes
	$(CARGO) build --workspace --bins
	@$(BIN)/figures

bench-failover: packages ## prints how long nobody writes: moved by Patroni's REST, patronictl, and ours; the machine lost: Patroni alone, and fenced
	$(CARGO) test -p aisoc-control-plane --test failover --test emergency -- --ignored --nocapture
