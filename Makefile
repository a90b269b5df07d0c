# make demo: see the method work on real series; make test: the quick tests. Both set up what they need.
# ARGS goes to pytest: make test-engines ARGS="-k idle"
PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
TORCH := torch==2.13.0
export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/src
TESTS := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: install demo test test-engines test-faults fuzz lint lock site dist clean-demo

install: $(VENV)/.installed

# torch comes first and without a hash: its builds differ from machine to machine (see scripts/lock.py)
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: install
	@$(BIN)/python -m nm_vqtsg study new studies/demo
	@$(BIN)/snakemake --directory studies/demo --cores 2 --quiet rules --config record=0
	@$(BIN)/python -m nm_vqtsg study show studies/demo

clean-demo:
	git clean -fdqX studies/demo

test: install
	$(TESTS) $(ARGS)

test-engines: install
	$(TESTS) -m engines $(ARGS)

test-faults: install
	$(TESTS) -m faults $(ARGS)

# ten minutes of damaged files for each fuzzer; a crash is kept as build/fuzz/crash-* (see scripts/fuzz_*.py)
# python scripts/attacks.py build/fuzz/*.log notes the numbers in docs/reliability.md
fuzz: SHELL := bash
fuzz: .SHELLFLAGS := -o pipefail -c
fuzz: FUZZ = $(BIN)/python scripts/fuzz_$(1).py -max_total_time=600 -artifact_prefix=build/fuzz/ $(ARGS) 2>&1 \
	| tee build/fuzz/$(1).log
fuzz: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps atheris==3.0.0
	mkdir -p build/fuzz
	$(call FUZZ,readers)
	$(call FUZZ,params)
	$(call FUZZ,models)

lint: install
	$(BIN)/ruff format --check src tests scripts benchmarks notebooks
	$(BIN)/ruff check src tests scripts benchmarks notebooks
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# the documentation as a site that needs no network, in build/site
site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# wheel and source archive, in dist/; what checks them is kept apart from what the project runs on
dist: install
	$(PYTHON) -m venv build/packaging
	build/packaging/bin/python -m pip install --quiet --disable-pip-version-check build==1.6.1 twine==7.0.0
	$(BIN)/python scripts/build_dist.py dist build/packaging/bin/python

lock: install
	$(BIN)/python scripts/lock.py requirements.lock
