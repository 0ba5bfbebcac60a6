# The commands of the project. `make help` lists them.
CARGO ?= cargo

.PHONY: help server build bench-server server-suite

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

server: ## Build the server that replctl embeds (static Redis, into payload/)
	server/build.sh

build: server ## Build replctl with that server inside, against the system's OpenSSL
	OPENSSL_NO_VENDOR=1 $(CARGO) build --release

bench-server: server ## Compare the embedded server's speed with the distribution's
	server/bench.sh

server-suite: server ## Run a part of the server's own test suite against the embedded server
	server/suite.sh
