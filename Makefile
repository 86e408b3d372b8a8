# Every target sets up what it needs; a second call finds the stamps and is quick.
#   make run     the demo: daemon, page and a caught outbox, nothing leaves the machine
#   make test    all tests, with the real servers they talk to (Debian packages, installed when missing)
#   make corpus  how well real mail is read (the mails are not part of the project; says so when they are not at hand)
#   make compare the same mails read by the libraries of PyPI, installed into an environment of their own
#   make check   format, lint, types, import directions

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard mailcrm tests bench scripts)
PYTEST_ARGS ?= -n auto --dist loadfile

# Compiled modules are kept, whatever the shell says: the tests start some hundred processes of ours, and none compiles all of it.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check bench corpus compare pictures format lock clean servers

run: $(VENV)/.installed
	$(BIN)/mailcrm demo

test: $(VENV)/.installed-dev servers
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench
	$(BIN)/python -m bench.reading
	$(BIN)/python -m bench.digest

corpus: $(VENV)/.installed-dev
	$(BIN)/python -m bench.corpus $(MAILS) --missed

compare: $(VENV)/.installed-dev
	$(BIN)/python -m bench.compare $(MAILS)

# The pictures of README, from a running demo.
pictures: $(VENV)/.installed-dev servers
	$(BIN)/python scripts/make_pictures.py

format: $(VENV)/.installed-dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# New versions within the ranges of pyproject.toml. Only versions are committed.
lock: $(VENV)/.installed-dev
	$(BIN)/uv pip compile --quiet --universal --upgrade --all-extras --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links --output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

servers:
	@scripts/install-test-servers

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.installed

# Debian's python3 comes without ensurepip; its pip (23.0) can put itself into an empty environment.
$(BIN)/pip:
	rm -rf $(VENV)
	if $(PYTHON) -c 'from ensurepip import version' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	else $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; fi
