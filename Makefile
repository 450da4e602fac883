# On a fresh Debian 12 with a Rust toolchain: `make run`, then open http://127.0.0.1:3000. `make help` lists the rest.

LISTEN ?= 127.0.0.1:3000
SOCKET_IO := public/vendor/socket.io.min.js

.DEFAULT_GOAL := help
.PHONY: help run build vendor packages test-packages test check lint bench image clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

run: packages vendor ## build and serve the call page on LISTEN (default 127.0.0.1:3000)
	cargo run --release -- --listen $(LISTEN)

build: packages vendor ## a release binary in target/release
	cargo build --release --locked

packages: ## install the Debian packages for building and running, as far as they are missing
	scripts/packages.sh build run node

test-packages: ## the same for the tests: browsers, ffmpeg, iproute2
	scripts/packages.sh test

vendor: $(SOCKET_IO) ## fetch the Socket.IO client that the page loads

# node_modules does not stay: public/ holds what is served, and nothing else.
$(SOCKET_IO): public/package.json public/package-lock.json
	npm ci --prefix public --omit=dev --ignore-scripts
	mkdir -p $(@D)
	cp public/node_modules/socket.io-client/dist/socket.io.min.js public/node_modules/socket.io-client/dist/socket.io.min.js.map $(@D)
	rm -rf public/node_modules
	touch $@

test: packages test-packages vendor ## everything: unit, integration and browser tests
	if [ -f tests/package-lock.json ]; then npm ci --prefix tests --ignore-scripts; fi
	python3 -m venv tests/.venv && tests/.venv/bin/pip install --quiet --requirement tests/requirements.txt
	cargo build
	node scripts/tally.mjs

check: vendor ## quick: does it compile, tests included
	cargo check --all-targets

lint: vendor ## formatting, clippy, types of the page, shell and Dockerfile where the tools are at hand
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	npm ci --prefix public --ignore-scripts
	npm exec --prefix public -- tsc --project public; status=$$?; rm -rf public/node_modules; exit $$status
	if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh .ci/run; fi
	if command -v hadolint >/dev/null; then hadolint Dockerfile; fi

bench: packages vendor ## the benchmarks
	cargo bench

image: ## a container image named plenum
	docker build --tag plenum .

clean: ## forget everything built or fetched
	cargo clean
	rm -rf public/vendor public/node_modules tests/node_modules tests/.venv
