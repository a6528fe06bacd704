# demo, test, check, bench, docs: nothing else to remember.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
export PORT

.PHONY: help demo test test-fast check bench docs lock clean

help:
	@echo "make demo    set up, then a running Tandem with an invented company in it (http://127.0.0.1:$(PORT))"
	@echo "make test    set up, then all tests"
	@echo "make test-fast    those that are quick, without a browser, processes of their own and PostgreSQL"
	@echo "make check   format, lint, types, import contracts, generated docs"
	@echo "make bench NAME=collector    one benchmark; its figures are the last line, as JSON"
	@echo "make docs    write the generated documents anew"

.make/run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tandem needs Python 3.11 or newer; name it with make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Tandem into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@mkdir -p .make && touch $@

.make/dev: requirements-dev.lock .make/run
	@echo "Installing the tools for tests (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@mkdir -p .make && touch $@

demo: .make/run
	@$(BIN)/tandem demo

# A file is one process's work, the dear ones first (tests/conftest.py). One process more than cores, for those that
# wait for servers and browsers; what is compiled is kept, also where the environment says not to.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --dist loadscope --no-loadscope-reorder

test: .make/dev
	@$(PYTEST) -n 3

test-fast: .make/dev
	@$(PYTEST) -n 2 -m "not browser and not process and not postgres and not long"

check: .make/dev
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/python -m tandem.docs --check

bench: .make/dev
	@$(BIN)/python -m bench.$(NAME)

docs: .make/run
	$(BIN)/python -m tandem.docs

lock:
	uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 --no-header -q -o requirements-dev.lock

clean:
	rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache
