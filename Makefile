# What there is to run here. `make demo` shows replctl at work, `make test` runs every test.
.PHONY: demo demo-down test check lint

# The distribution's OpenSSL, which is quicker to build with than OpenSSL's own source.
export OPENSSL_NO_VENDOR = 1
# Labs are bounded by themselves (tests/support/lab.rs); more threads than this only make the writers' tests noisy.
TEST_THREADS ?= $(shell n=$$(nproc); if [ $$n -lt 4 ]; then echo $$n; else echo 4; fi)
NOT_RUN = $${CARGO_TARGET_DIR:-target}/tmp/not-run.txt

# Three throwaway nodes on this machine: set up, looked at, failed over. They stay up until `make demo-down`.
demo:
	@demo/demo.sh up

demo-down:
	@demo/demo.sh down

# Every test. Those that need hosts of their own need root; what cannot run is said, and is a failure where CI is set.
test:
	@scripts/need test
	$(MAKE) --no-print-directory server
	@rm -f "$(NOT_RUN)"
	@cargo test --no-fail-fast -- --test-threads=$(TEST_THREADS); code=$$?; \
	if [ -s "$(NOT_RUN)" ]; then echo; echo "WARNING: this was not tested:"; sort -u "$(NOT_RUN)"; fi; exit $$code

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

check: lint test
