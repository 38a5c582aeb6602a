# Everything a developer types. `make` alone lists it; each target makes what it needs first.

PYTHON ?= python3
# Each process starts a Kafka and a mongod of its own; with three, two cores are too few.
JOBS ?= 2
# Whether an upload hangs can only be told where nothing else takes the machine.
CHAOS := tests/chaos/test_short.py
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help setup run demo test browser screenshots chaos chaos-short bench lint audit types migrate clean-data pin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(INSTALLED) ## make .venv from the hash-locked requirements

$(INSTALLED): requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON): apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -I devstack/preflight.py
	@echo "installing Python packages into $(VENV) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $< \
		|| { echo "make setup: pip failed, see above; a second try goes on from here" >&2; exit 1; }
	@touch $@

run: $(INSTALLED) ## start everything; PORT, KAFKA_PORT, MONGO_PORT choose other ports
	@$(BIN)/python -m devstack run

demo: $(INSTALLED) ## upload samples/resume.pdf and watch it become a resume, on servers of its own
	@$(BIN)/python -m devstack demo

test: lint types ## all checks and tests, on servers of their own
	@$(BIN)/python -m devstack.chromium
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder $(or $(ARGS),--ignore $(CHAOS))
	$(if $(ARGS),,$(BIN)/python -m pytest $(CHAOS))

browser: $(INSTALLED) ## the pages in a real Chromium; a part of `make test`
	@$(BIN)/python -m devstack.chromium
	$(BIN)/python -m pytest tests/browser $(ARGS)

screenshots: $(INSTALLED) ## every view in light and dark into .data/screenshots, two into docs/images
	@$(BIN)/python -m devstack.chromium
	@$(BIN)/python -m tests.browser.screenshots

chaos: $(INSTALLED) ## the fault matrix on the real processes, into docs/reliability.md; an hour of a quiet machine
	@$(BIN)/python -m tests.chaos $(ARGS)

chaos-short: $(INSTALLED) ## the few of it that `make test` runs
	@$(BIN)/python -m tests.chaos --short $(ARGS)

bench: $(INSTALLED) ## our broker beside its peers, into docs/performance.md; 25 minutes of a quiet machine
	@$(BIN)/python -m bench run $(ARGS)

lint: $(INSTALLED) ## ruff, who may import whom, and what `make audit` finds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@$(BIN)/python -m devstack.audit

audit: $(INSTALLED) ## bandit over our packages, pip-audit over what they run on
	@$(BIN)/python -m devstack.audit

types: $(INSTALLED) ## mypy
	$(BIN)/mypy .

migrate: $(INSTALLED) ## bring the database of DATABASE_SOURCE up to date
	@$(BIN)/python -m migrations upgrade

clean-data: $(INSTALLED) ## remove the data of `make run`
	@$(BIN)/python -m devstack clean-data

pin: $(INSTALLED) ## resolve all requirements and Kafka's jars anew
	@$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --upgrade devstack/requirements-java.in -o devstack/requirements-java.txt
	$(COMPILE) --upgrade devstack/requirements-mongod.in -o devstack/requirements-mongod.txt
	$(BIN)/python -m devstack.kafka_jars
