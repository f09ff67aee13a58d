# Every target makes .venv first if it is missing or older than pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
HOSTS ?= 3
# Folder of the wheel.
DIST ?= dist
# Processes that run tests: tests on real hosts wait more than they compute.
WORKERS ?= 2
LAB_WORKERS ?= 5
PYTEST := $(BIN)/python -m pytest
# The tests of the lab itself run in a lab of their own, beside the one that runs. The files that they test have a digest,
# which is written when they have passed.
LAB_TESTED := tests/lab/tested
LAB_SOURCES = $(sort $(filter-out $(addprefix tests/lab/,demo.py fixtures.py peers.py scheduling.py), \
	$(shell find tests/lab tests/integration/test_lab*.py -type f ! -name '*.pyc' ! -name tested)))
LAB_DIGEST = $(firstword $(shell cat $(LAB_SOURCES) | sha256sum))
# Where this is set, every process compiles all modules again: half of what starting the program costs.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo check test lint docs dist lab lab-for-tests lab-test lab-down bench

help:
	@echo 'make demo        deploy playbooks/quickstart.yml to real hosts on this machine, visit it, bring it to a new version'
	@echo 'make check       lint, then every test that needs no real hosts'
	@echo 'make test        lint, then every test, also those on real hosts, which it starts (needs root)'
	@echo 'make lint        ruff, mypy, import rules'
	@echo 'make docs        write docs/reference.md from the field tables'
	@echo 'make dist        build a wheel in dist/'
	@echo 'make lab         real SSH and Docker hosts on this machine, written to inventory/lab (HOSTS=10 for ten)'
	@echo 'make lab-test    test the lab itself; make test does so if tests/lab has changed since that passed'
	@echo 'make lab-down    remove the lab'
	@echo 'make bench       measure beside ssh, Docker Compose and Ansible (BENCH="--hosts 1,10 --rounds 9")'

demo: $(READY)
	$(BIN)/python -m tests.lab.demo

check: lint
	$(PYTEST) -n $(WORKERS) -m 'not lab'

# Every test process has four hosts of its own. Without root, the tests say why they have none.
test: $(READY)
	@$(MAKE) --no-print-directory -j2 --output-sync lint lab-for-tests
	$(PYTEST) -n $(LAB_WORKERS) --dist loadscope -m 'not alone and not of_lab'
	$(PYTEST) -m 'alone and not of_lab' $(shell grep -rl --include='*.py' 'mark\.alone\b' tests)
	@test "$$(cat $(LAB_TESTED))" = $(LAB_DIGEST) || $(MAKE) --no-print-directory lab-test

lab-for-tests: $(READY)
	@$(BIN)/python -m tests.lab up --hosts $$((4 * $(LAB_WORKERS))) || true

lab-test: $(READY)
	DEPLOYER_LAB=9 $(PYTEST) -m of_lab tests/integration
	DEPLOYER_LAB=9 $(BIN)/python -m tests.lab down
	@echo $(LAB_DIGEST) > $(LAB_TESTED)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m deployer.config.reference > docs/reference.md

dist: $(READY)
	$(BIN)/uv build --quiet --wheel --out-dir $(DIST) .

lab: $(READY)
	$(BIN)/python -m tests.lab up --hosts $(HOSTS)

lab-down: $(READY)
	$(BIN)/python -m tests.lab down

bench: $(READY)
	$(BIN)/python -m tests.bench $(BENCH)

# Debian keeps what `python3 -m venv` needs in a package of its own.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv; } \
		|| { echo "$(PYTHON) lacks venv: install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@
