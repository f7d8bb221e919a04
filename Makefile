# The project's commands. `make` alone lists them.
# Needs only make and python3 ≥ 3.11 with venv; everything else is installed in .venv by `make setup`.

PYTHON ?= python3
PORT   ?= 8000
VENV   := .venv
PY     := $(VENV)/bin/python
PO     := $(wildcard locale/*/LC_MESSAGES/*.po)
LOCK   := --universal --python-version 3.11 --all-extras --generate-hashes --no-header --no-emit-index-url

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run seed test drills coverage check fmt messages services bench lock clean

help:  ## list the commands
	@awk -F ':.*##' '/^[a-z]+:.*##/ {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed $(VENV)/.messages  ## create .venv, install the locked dependencies, compile the translations
	@echo "setup: ready"

run: setup  ## migrate, add demo data to an empty database, serve on 127.0.0.1:$PORT (8000)
	@PORT=$(PORT) $(PY) tools/run.py

seed: setup  ## add the demo data
	@$(PY) manage.py migrate --verbosity 0 --by-app
	@$(PY) manage.py seed

# ARGS goes through: make test ARGS="-k sealing --only sqlite"
test: setup  ## run every test on SQLite, then again on PostgreSQL, with Redis and Chromium
	@$(PY) tools/test.py $(ARGS)

# Kills, outages, a loss, and new examples for the property-based tests (what they find becomes an @example): run whole
# before an issue is resolved. ARGS="--only mail redis" for some of them; ARGS=--sample for what CI runs.
drills: setup  ## run the long checks whole: kills, outages, restore, new examples (tools/drills)
	@$(PY) -m tools.drills $(ARGS)

# The floor is in pyproject.toml; one database is enough to know which lines and branches a test reaches.
coverage: setup  ## run the tests on SQLite and measure the branches that they reach
	@$(PY) tools/test.py --only sqlite --coverage $(ARGS)

check: setup  ## lint, format, types, templates, missing migrations, Django's own checks
	@echo "check: ruff" && $(PY) -m ruff check .
	@echo "check: format" && $(PY) -m ruff format --check .
	@echo "check: types" && $(PY) -m mypy
	@if [ -d templates ]; then echo "check: templates" && $(PY) -m djlint templates --lint --quiet; fi
	@echo "check: migrations" && $(PY) manage.py makemigrations --check --dry-run
	@echo "check: django" && $(PY) manage.py check --fail-level WARNING

fmt: setup  ## format the code and apply the safe lint fixes
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

messages: setup  ## compile the translations again
	@rm -f $(VENV)/.messages && $(MAKE) $(VENV)/.messages

services:  ## install PostgreSQL, Redis, Chromium, clamd and fonts from Debian's packages
	@sh tools/services.sh

bench: setup  ## measure the main pages and the load (see tools/bench.py)
	@$(PY) tools/bench.py $(ARGS)

# UPGRADE=1 takes newer versions; otherwise the versions already locked are kept.
lock: setup  ## compile requirements.lock from pyproject.toml
	@$(PY) -m uv --quiet pip compile pyproject.toml $(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	@echo "lock: requirements.lock written; run 'make setup' to install it"

clean:  ## remove .venv and caches (never var/, where the local database and keys live)
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage .coverage.* staticfiles *.egg-info

$(VENV)/.installed: requirements.lock requirements.nodeps.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) not found; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "setup: $$($(PYTHON) -V) is too old; Python 3.11 or newer is needed (make setup PYTHON=python3.12)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "setup: the venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "setup: creating $(VENV) with $$($(PYTHON) -V)"; $(PYTHON) -m venv --clear $(VENV); fi
	@echo "setup: installing the locked dependencies (hashes checked)"
	@if { $(PY) -m uv --version || $(PY) -m pip install --quiet --disable-pip-version-check uv; } >/dev/null 2>&1 \
	  && $(PY) -m uv --quiet pip install --python $(PY) --require-hashes -r requirements.lock; then :; else \
	  echo "setup: uv is not usable here; installing with pip (slower)"; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; fi
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.nodeps.lock
	@echo "setup: installing the project (editable)"
	@{ $(PY) -m uv --quiet pip install --python $(PY) --no-deps -e . 2>/dev/null; } \
	  || $(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# A bare machine has no gettext, so Babel compiles; one broken catalogue must not stop the site: French stays.
$(VENV)/.messages: $(VENV)/.installed $(PO)
	@if [ -n "$(PO)" ]; then echo "setup: compiling the translations"; \
	  $(PY) -m babel.messages.frontend --quiet compile -d locale -D django \
	  || echo "setup: WARNING: translations not compiled (see above); pages stay in French" >&2; \
	  else echo "setup: no translations to compile"; fi
	@touch $@
