# Two commands do everything: `make verify` and `make test`. Both set up .venv first, and compile
# again what an edit concerns.

SHELL  := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
FLOORS := .floors
LOG    := $(VENV)/install.log
PIP    := $(BIN)/pip --disable-pip-version-check
COMPILED := *__mypyc*.so impl/spanalloc/*/*.so model/spanspec/*/*.so \
            model/spanspec/*/*/*.so proofs/spanproof/replay/*/*.so bench/spanbench/*/*.so \
            */*/compiled.json proofs/spanproof/replay/compiled.json

.PHONY: verify test lint types format docs ready compile floors clean

verify: ready
	@$(BIN)/spanspec verify

test: ready lint types
	@$(BIN)/pytest -n 2 --dist worksteal

lint: ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: ready
	@$(BIN)/mypy

format: ready
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: ready
	@$(BIN)/pip install -q -e '.[docs]'
	@$(BIN)/mkdocs build --strict

# What is compiled notes the digests of its sources, so only an edit that it concerns takes minutes.
ready: $(STAMP)
	@$(BIN)/python -m spanproof.support.stale || $(MAKE) --no-print-directory compile

compile:
	@$(BIN)/python setup.py -q build_ext --inplace
	@$(BIN)/python -m spanalloc

$(STAMP): pyproject.toml setup.py $(wildcard compiling/*.*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "spanspec needs Python 3.11 or newer; say make PYTHON=python3.12" >&2; exit 2; }
	@echo "1 of 3: $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv failed: install the venv module (Debian: python3-venv)" >&2; exit 2; }
	@echo "2 of 3: what building takes"
	@$(PIP) install -q 'setuptools>=77,<90' 'mypy[mypyc]>=2.4,<3' 'msgspec>=0.19,<1'
	@echo "3 of 3: what pyproject.toml asks for; then spanalloc and the model are compiled (some minutes)"
	@$(PIP) install -v --no-build-isolation -e '.[test]' 2>&1 | tee $(LOG) \
	  | sed -un 's/^ *Collecting \([^ ]*\).*/  \1/p; s/^ *mypyc: /  mypyc: /p' \
	  || { tail -20 $(LOG) >&2; echo "installing failed; all of it is in $(LOG)" >&2; exit 2; }
	@$(BIN)/python -m spanalloc
	@touch $@

# The lowest versions that pyproject.toml admits, beside the newest ones that .venv has.
floors: ready
	@test -x $(FLOORS)/bin/python || $(PYTHON) -m venv $(FLOORS)
	@$(BIN)/python tests/floors.py pyproject.toml > $(FLOORS)/pins.txt
	@$(FLOORS)/bin/pip install -q --disable-pip-version-check -r $(FLOORS)/pins.txt
	@PYTHONPATH=model:impl:proofs:bench:. $(FLOORS)/bin/python -m spanproof prove --no-cache
	@PYTHONPATH=model:impl:proofs:bench:. $(FLOORS)/bin/python -m pytest -n 2 tests/proofs/cli/test_cli.py \
	  tests/proofs/symbolic/test_translate.py tests/proofs/cli/test_check.py tests/proofs/fuzz/test_stores.py

clean:
	rm -rf $(VENV) $(FLOORS) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f $(COMPILED)
