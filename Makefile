# panda-lartpc. `make demo` shows what it does, `make test` checks that it does; both make the environment .venv first.
VENV ?= .venv
IS_311 = import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 11))
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c '$(IS_311)' 2>/dev/null && { echo $$p; break; }; done)
# How many tests run side by side; each uses one thread.
TEST_JOBS ?= 2

BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PYTEST = OMP_NUM_THREADS=1 pytest -n $(TEST_JOBS) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help setup demo lint test test-slow test-gpu test-slurm bench ui unlock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 20

setup: $(VENV)/.stamp ## make or update the environment .venv

# uv installs in seconds what takes pip a minute; without it pip does the same. Bytecode is compiled here, once: a run of
# the workflow starts dozens of short processes.
define install
if [ -x $(BIN)/uv ]; then \
  if [ -n "$$PIP_FIND_LINKS" ]; then export UV_FIND_LINKS="$$PIP_FIND_LINKS"; fi; \
  uv pip install -q --compile-bytecode --python $(BIN)/python -r $(1); \
else pip install -q -r $(1); fi
endef

$(VENV)/.stamp: requirements.lock pyproject.toml
	@python=$(or $(PYTHON),python3); $$python -c '$(IS_311)' 2>/dev/null || { \
	  echo "panda-lartpc needs Python 3.11 with its venv module; $$python is $$($$python --version 2>&1)."; \
	  echo "On Debian 12: apt-get install python3 python3-venv. Or say where it is:"; \
	  echo "  make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; } >&2
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) and the packages of requirements.lock"
	@$(PYTHON) -m venv $(VENV)
	@pip install -q uv || echo "uv is not to be had; pip installs instead"
	@$(call install,requirements.lock)
	@pip install -q --no-deps --no-build-isolation -e .
	@touch $@

# What only tests need: spconv, to compare our convolution with, and a driver of PostgreSQL, for MLflow's server. These
# wheels are for x86-64; their tests skip elsewhere.
$(VENV)/.stamp-test: requirements-test.lock $(VENV)/.stamp
	@if [ "$$(uname -sm)" = "Linux x86_64" ]; then $(call install,requirements-test.lock); fi
	@touch $@

demo: setup ## run the study of config.yaml: events, stores, report (about a quarter of an hour on two cores)
	@snakemake --profile profiles/local all
	@echo; echo "Done. Open in a browser:"; ls results/*/*.html | sed "s|^|  file://$$PWD/|"
	@echo "The runs in MLflow: make ui"

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	lint-imports

test: lint $(VENV)/.stamp-test ## lint and all tests but the slow ones
	$(PYTEST) -m "not slow and not gpu and not slurm"

test-slow: $(VENV)/.stamp-test ## the slow tests
	$(PYTEST) -m "slow and not gpu and not slurm"

test-gpu: setup ## the tests that need a GPU; docs/gpu.md says what they show
	@python -c 'import sys, torch; torch.cuda.is_available() or sys.exit("no CUDA device that torch can use; see panda-lartpc doctor")'
	pytest -m gpu

test-slurm: setup ## the workflow through a real Slurm on this machine, whose jobs are killed at random (some minutes)
	OMP_NUM_THREADS=1 pytest -m slurm

# STAGE: only these, as in make bench STAGE="reads encoder". PAGE: whose table is replaced, as docs/performance.md.
bench: setup ## how fast each stage is, beside its alternative and its limit; some minutes
	OMP_NUM_THREADS=1 python -m benchmarks $(STAGE) $(if $(PAGE),--page $(PAGE))

ui: setup ## browse the runs of all studies with MLflow, at http://127.0.0.1:5000
	@if [ -n "$$MLFLOW_TRACKING_URI" ]; then echo "The runs are at $$MLFLOW_TRACKING_URI: open it in a browser"; exit; fi; \
	[ -e results/mlflow.db ] || { echo "There are no runs yet (results/mlflow.db): make demo first, or, where only the"; \
	  echo "database was lost: snakemake --profile profiles/local mlflow_import"; exit 1; } >&2; \
	echo "Open http://127.0.0.1:5000/#/experiments, Ctrl-C ends it"; \
	exec mlflow server --backend-store-uri sqlite:///results/mlflow.db --host 127.0.0.1 --port 5000 --workers 1

unlock: setup ## after a killed run: release the results folder, then run again
	@snakemake --profile profiles/local --unlock

clean: ## remove the environment and all caches, but no results
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
