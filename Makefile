# Each target does its own set-up, can be run again at any time, and works from a clean clone with
# Rust, Node and Python present. What a target does is in scripts/, under its name.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test soak check bench fuzz

help: ## list these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: ## start the gate; prints its address, a fresh API key and a curl line
	@scripts/run.sh

test: ## run every test, the official SDKs included
	@scripts/test.sh

soak: ## the tests that take minutes: 10,000 requests to providers that fail, 200 kills, every schema with every prompt
	@scripts/soak.sh

check: ## format, lints, licences, sources, known vulnerabilities, unused dependencies
	@scripts/check.sh

bench: ## measure the gate beside nginx; ARGS=--quick only shows that it works
	@scripts/bench.sh $(ARGS)

fuzz: ## fuzz each parser for a bounded time; SECONDS_EACH=60 sets it
	@scripts/fuzz.sh
