# Every target installs what it needs first (.ci/setup), so a fresh Debian needs git, make and python3 only.
SHELL := /bin/bash
OOBCTL := .venv/bin/oobctl
ARGS :=

.DEFAULT_GOAL := help
.PHONY: help demo run test prove bench lint lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## the whole product on a virtual rack: prints the address, three logins and what to click first
	@.ci/setup lab
	@exec $(OOBCTL) demo $(ARGS)

run: ## the panel and its processes with no lab, for real BMCs
	@.ci/setup run
	@exec $(OOBCTL) up $(ARGS)

test: ## lint, then the unit, integration (SQLite and PostgreSQL) and browser tests
	@.ci/setup test
	@exec .venv/bin/python .ci/checks.py lint unit integration browser

prove: ## the whole kill and chaos tables (long); make test runs a seeded few of them
	@.ci/setup test
	@exec .venv/bin/python .ci/checks.py prove

bench: ## the benchmarks, each beside the peer it is measured against
	@.ci/setup test
	@exec .venv/bin/python .ci/checks.py bench

lint: ## ruff, mypy and the import contracts
	@.ci/setup test
	@exec .venv/bin/python .ci/checks.py lint

lock: ## renew requirements.lock and requirements-dev.lock after a change in pyproject.toml
	@.ci/setup test
	@.ci/lock

clean: ## remove what was built and installed here; var/ (the data) stays
	rm -rf .venv .cache dist web/static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
