# Needs make and Python 3.11 or later, nothing else. `make` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The lock is made for 3.11 and later; an older minor is preferred because more wheels exist for it.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do command -v $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'

SAMPLE := .rota/sample
# To run needs half of what the tests and checks need; where all of that is there, it is kept up to date.
RUNNING := $(or $(wildcard $(VENV)/.installed),$(VENV)/.running)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.installed ## Make the environment in .venv from the lock file

run: $(RUNNING) $(if $(DIR),,$(SAMPLE)) ## Start Rota on a folder: DIR=folder STATE=folder PORT=number (default: a sample, ./.rota, 8420)
	@$(BIN)/rota up "$(or $(DIR),$(SAMPLE))" --watch $(if $(STATE),--state "$(STATE)") $(if $(PORT),--port "$(PORT)")

test: install ## Run all tests: ARGS="-k word" for some
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

check: install ## Lint, check layout, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

bench: $(VENV)/.bench-installed ## Measure against other task queues, in one run: ARGS="--quick" for a short one
	@$(BIN)/python -m bench $(ARGS)

lock: $(BIN)/uv ## Write the lock files anew: UPGRADE=--upgrade takes newer versions
	echo 'setuptools>=77' | $(COMPILE) $(UPGRADE) --extra test --extra check setup.cfg - -o requirements.lock
	echo 'setuptools>=77' | $(COMPILE) $(UPGRADE) --constraint requirements.lock setup.cfg - -o deploy/requirements.lock
	$(COMPILE) $(UPGRADE) --extra bench --constraint requirements.lock setup.cfg -o bench/requirements.lock

clean: ## Remove what was built; keeps the environment and the data in .rota
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

.PHONY: help install run test check bench lock clean

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'Rota needs Python 3.11 or later, and found none: make PYTHON=/path/to/python3' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Rota needs Python 3.11 or later, and $(PYTHON) is older: make PYTHON=/path/to/python3' >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# setuptools is in the lock, so that our own build takes nothing that has no hash.
$(VENV)/.installed: requirements.lock
$(VENV)/.running: deploy/requirements.lock
$(VENV)/.installed $(VENV)/.running: setup.cfg pyproject.toml | $(BIN)/python
	@echo 'making the environment in $(VENV); the first time takes a minute'
	@$(PIP) install -q --require-hashes -r $(filter %requirements.lock,$^)
	@$(PIP) install -q --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q rota store bus actors workers scheduler console
	@touch $@

$(VENV)/.bench-installed: bench/requirements.lock $(VENV)/.installed
	@$(PIP) install -q --require-hashes -r bench/requirements.lock
	@touch $@

$(BIN)/uv: | $(VENV)/.installed
	$(PIP) install -q 'uv>=0.9,<1'

$(SAMPLE):
	@mkdir -p $@/letters $@/photos/2026 $@/recipes
	@printf 'Welcome to Rota.\n\nChange, add or delete files here and watch the catalog follow.\n' > $@/welcome.txt
	@printf 'Dear Ada,\n\nthe loom is set up and the cards are punched.\n\nYours, Charles\n' > $@/letters/ada.txt
	@printf '# Bread\n\n500 g flour, 350 ml water, 10 g salt, yeast. Wait. Bake.\n' > $@/recipes/bread.md
	@printf 'place,year\nLisbon,2026\nTrondheim,2026\n' > $@/photos/2026/places.csv
