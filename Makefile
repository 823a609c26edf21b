# Each target makes what it needs: a fresh checkout with Python 3.11+ is enough.
PYTHON ?= python3
KILLS ?= 20
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Of `make matrix`: the ways to go (all), as avx2 or user.
WAYS ?=

# Of `make bench`: the parts to run (all), an environment that holds the peer (made in .bench-peer/), other options.
ONLY ?=
PEER ?=
BENCH ?=

.PHONY: demo test matrix soak check format bench clean

demo: $(READY)
	$(BIN)/impasto stylize examples/photos/temple.jpg examples/styles/flow.jpg

test: $(READY)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n 2

# A part of the tests in each way in which machines differ: instructions, kernels, precision, user, number of threads.
matrix: $(READY)
	$(BIN)/python scripts/matrix.py $(WAYS)

# What takes minutes: workers killed at random moments, the page in a browser (Debian's chromium), the API under schemathesis.
soak: $(READY)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} IMPASTO_TEST_KILLS=$(KILLS) $(BIN)/python -m pytest -m soak --timeout 3000

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks $(ONLY) --peer "$(PEER)" $(BENCH)

clean:
	rm -rf src/impasto/native/_native_*.so $(VENV) .bench-peer build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(READY): pyproject.toml constraints.txt hatch_build.py $(wildcard src/impasto/native/*.[ch])
	@$(PYTHON) -c 'import sys; sys.exit("impasto needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12 or the like") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)
