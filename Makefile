# The commands of the project. `make` lists them.
CARGO ?= cargo

# The distribution's OpenSSL, which is quicker to build with than OpenSSL's own source.
export OPENSSL_NO_VENDOR = 1
NOT_RUN = $${CARGO_TARGET_DIR:-target}/tmp/not-run.txt
ROTATION = $${CARGO_TARGET_DIR:-target}/tmp/rotation.txt

.PHONY: help demo demo-down dist dist-check bench-start test test-all server servers build generated pictures lint check bench-server bench-setup bench-promote bench-sentinel bench-claim bench-status soak races server-suite version-matrix

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Three throwaway nodes on this machine: set up, looked at, failed over; they stay up
	@demo/demo.sh up

demo-down: ## Remove them
	@demo/demo.sh down

# Those that need hosts of their own need root; what cannot run is said, and is a failure where CI is set. How they run: .config/nextest.toml.
test: ## Every test
	@scripts/need test
	$(MAKE) --no-print-directory server
	@scripts/servers || echo "WARNING: not every server family can be had here" >&2
	@rm -f "$(NOT_RUN)" "$(ROTATION)"
	@$(CARGO) nextest run --locked $(TESTS); code=$$?; \
	if [ -s "$(ROTATION)" ]; then echo; echo "these ran on one server of each kind (make test-all: on all):"; sort -u "$(ROTATION)" | sed 's/^/  /'; fi; \
	if [ -s "$(NOT_RUN)" ]; then echo; echo "WARNING: this was not tested:"; sort -u "$(NOT_RUN)"; fi; exit $$code

test-all: ## Every test on every server family: also what is alike on several, and every pair of versions
	REPLCTL_EVERY_FAMILY=1 $(MAKE) --no-print-directory test

server: ## Build the server that replctl embeds (static Redis, into payload/)
	server/build.sh

servers: ## Fetch Redis 6.0, 6.2, 8.0, 8.2 and Valkey 8.1, 9.1, to test and measure against
	scripts/servers

build: server ## Build replctl with that server inside
	$(CARGO) build --release

dist: ## Build the files of a release, for any Linux with glibc 2.17: tar.gz, .deb, .rpm, checksums, SBOM, into target/dist/release
	@dist/build.sh

dist-check: ## Prove them: symbols, Debian 11 (a home without root, the demo, .deb), a host with dnf (.rpm, the demo); needs root
	@dist/check.sh

generated: ## Write completions/, man/ and docs/diagnoses.md anew from the program
	scripts/generated

pictures: ## Draw the recordings of README.md anew, from what the program prints in the lab of the demo
	OPENSSL_NO_VENDOR=1 $(CARGO) build --quiet
	scripts/pictures

lint: ## The form of the code
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

check: lint test ## lint and test

version-matrix: servers ## Measure full copies between all pairs of server versions, and print the table of src/topology/versions
	REPLCTL_EVERY_FAMILY=1 REPLCTL_VERSION_MATRIX=1 $(CARGO) test --test integration version_matrix:: -- --nocapture

bench-server: server ## Compare the embedded server's speed with the distribution's
	server/bench.sh

bench-start: $(if $(PROGRAM),,build) ## Measure what --help and TAB take, beside a program that does nothing (PROGRAM, ROUNDS)
	REPLCTL_BENCH_PROGRAM=$${PROGRAM:-$${CARGO_TARGET_DIR:-target}/release/replctl} REPLCTL_BENCH_ROUNDS=$${ROUNDS:-101} \
		$(CARGO) test --test integration start:: -- --nocapture

bench-setup: build ## Compare setup of bare hosts with a shell script, pyinfra and Ansible (HOSTS, ROUNDS, TOOLS)
	tests/setup_bench/run

bench-promote: server servers ## Measure promote against the server's own FAILOVER, on every server family, over long ways (RTT=2,10,40: ms), and of a dead primary beside Sentinels
	REPLCTL_BENCH_DELAYS_MS=$$(echo $${RTT:-2,10,40} | tr , '\n' | awk '{printf "%s%d", n++ ? "," : "", $$1 / 2}') \
	REPLCTL_BENCH_ROUNDS=$${ROUNDS:-11} REPLCTL_BENCH_LIMIT_MS=$${LIMIT_MS:-15} $(CARGO) test --release --test integration promote_bench:: -- --nocapture

bench-sentinel: server servers ## Measure promote through Sentinel on every server family: the whole command, no writes, all Sentinels name the new primary
	REPLCTL_BENCH_ROUNDS=$${ROUNDS:-11} $(CARGO) test --release --test integration how_long_a_promotion -- --nocapture

bench-claim: server servers ## Measure how long a claim blocks a server that has 19,000 clients, and how long `replctl clients` lists them, on every server family
	REPLCTL_EVERY_FAMILY=1 $(CARGO) test --release --test integration claim_bench:: -- --nocapture

bench-status: server ## Measure what a look at 3, 100 and 1,000 servers costs, against redis-cli and a bare client (needs 3 GiB, and a machine that does nothing else)
	REPLCTL_BENCH_STATUS=1 $(CARGO) test --release --test integration status_bench:: -- --nocapture

soak: server servers ## A thousand changes of roles with faults at random steps (SEED, CASES, FIRST, JOBS)
	REPLCTL_SOAK_CASES=$${CASES:-1000} REPLCTL_SOAK_SEED=$${SEED:-1} REPLCTL_SOAK_FIRST=$${FIRST:-0} REPLCTL_SOAK_JOBS=$${JOBS:-2} \
		$(CARGO) test --test integration soak:: -- --nocapture

races: server servers ## 400 races of two operators, and 50 of one with a person at redis-cli (SEED, CASES, FIRST, JOBS)
	REPLCTL_RACES_CASES=$${CASES:-450} REPLCTL_RACES_SEED=$${SEED:-1} REPLCTL_RACES_FIRST=$${FIRST:-0} REPLCTL_RACES_JOBS=$${JOBS:-2} \
		$(CARGO) test --test integration races:: -- --nocapture

server-suite: server ## Run a part of the server's own test suite against the embedded server
	server/suite.sh
