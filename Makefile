# Every target makes .venv first if it is missing or older than pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
HOSTS ?= 3
# Tests without real hosts; those on them measure times, and run one after the other.
WORKERS ?= 2

.PHONY: help demo test lint docs lab lab-down bench

help:
	@echo 'make demo        deploy playbooks/quickstart.yml to real hosts on this machine, visit it, bring it to a new version'
	@echo 'make test        lint, then every test; tests on real hosts start the lab themselves (needs root)'
	@echo 'make lint        ruff, mypy, import rules'
	@echo 'make docs        write docs/reference.md from the field tables'
	@echo 'make lab         real SSH and Docker hosts on this machine, written to inventory/lab (HOSTS=10 for ten)'
	@echo 'make lab-down    remove the lab'
	@echo 'make bench       measure beside ssh, Docker Compose and Ansible (BENCH="--hosts 1,10 --rounds 9")'

demo: $(READY)
	$(BIN)/python -m tests.lab.demo

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not lab'
	$(BIN)/python -m pytest -m lab

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m deployer.config.reference > docs/reference.md

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
