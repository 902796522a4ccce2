# Everything a developer does, by name. `make` alone lists the names.
# On Windows, or without make, use the plain commands in CONTRIBUTING.md.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ready
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(p))))
WORKERS ?= 2

.PHONY: help setup run test test-core bench soak check lock clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' \
		| awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with everything at the locked versions

$(STAMP): requirements-dev.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Bascule needs Python 3.11 or newer and found none. Nothing was installed." >&2; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) lacks the venv or ensurepip module. Nothing was installed." >&2; \
		echo "On Debian or Ubuntu: sudo apt install python3-venv, then make setup again." >&2; \
		exit 1; fi
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the locked versions into $(VENV) with $$($(PY) --version)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## Start the demo on paper (DEMO=0: without its signal sender)
	@$(PY) -m bascule demo $(if $(filter 0,$(DEMO)),--no-sender)

test: setup ## Run every test (WORKERS=2); as root it first installs the programs that some need
	@$(PY) tools/system_packages.py || true
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal

test-core: setup ## Run the tests that need nothing but Python
	@$(PY) -m pytest -n $(WORKERS) tests/unit

bench: setup ## Measure against the reference programs
	@$(PY) bench/run.py

soak: setup ## Run for a long time with faults, and account for every order
	@$(PY) bench/soak.py
	@$(PY) bench/fuzz_fix.py

check: setup ## Format, lint, types, import contracts, house rules
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PY) tools/tidy.py

lock: ## Write the lock files anew (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --quiet pyproject.toml -o requirements.lock
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --quiet pyproject.toml \
		--group dev --group bench --group fuzz -o requirements-dev.lock

clean: ## Remove what was made, .venv included
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests tools -type d -name __pycache__ -prune -exec rm -rf {} +
