# Two commands do everything: `make verify` and `make test`. Both set up .venv first.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SOURCES := pyproject.toml setup.py $(wildcard impl/spanalloc/*.py model/spanspec/*.py) \
           $(wildcard model/spanspec/trace/*.py) proofs/spanproof/bench/baseline.py
COMPILED := impl/spanalloc/*.so model/spanspec/*.so model/spanspec/trace/*.so \
            proofs/spanproof/bench/*.so *__mypyc*.so

.PHONY: verify test lint types format bench docs clean

verify: $(STAMP)
	@$(BIN)/spanspec verify

test: $(STAMP) lint types
	@$(BIN)/pytest -n 2

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(STAMP)
	@$(BIN)/pip install -q -e '.[docs]'
	@$(BIN)/mkdocs build --strict

# The compiled half is rebuilt whenever its sources change: a stale extension would hide an edit.
$(STAMP): $(SOURCES)
	@echo "setting up $(VENV) (a minute or two on the first run)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "spanspec needs Python 3.11 or newer; say make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv failed: install the venv module (Debian: python3-venv)" >&2; exit 2; }
	@rm -f $(COMPILED)
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[test]'
	@$(BIN)/python -m spanalloc
	@touch $@

clean:
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f $(COMPILED)
