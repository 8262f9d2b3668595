# Two commands do everything: `make demo` and `make test`. Both set up .venv first, once.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3) python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A CPU-only install: make demo TORCH_INDEX=<the index that PyTorch's "Get started" page shows for CPU>
TORCH_INDEX ?=
TORCH := 'torch>=2.9,<2.15' 'torchvision>=0.24,<0.30'

.PHONY: help demo test lint format bench setup clean

help:
	@echo "make demo    set up, then compare MORPH and its rivals on rotated MNIST"
	@echo "make test    set up, then lint, types and tests"
	@echo "make lint    ruff, mypy --strict, import-linter"
	@echo "make format  let ruff format the code"
	@echo "make bench   how fast everything is, beside bare PyTorch and stock Avalanche (about an hour, writes speed.json)"
	@echo "make clean   remove .venv and caches"

setup: $(STAMP)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "set-up failed: $(PYTHON) not found; install Python 3.11 or give PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
	  { echo "set-up failed: $$($(PYTHON) --version) found; morph-cl needs Python 3.11 or 3.12: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "set-up failed: cannot make $(VENV); on Debian and Ubuntu install python3-venv"; exit 1; }
	@if [ -n "$(TORCH_INDEX)" ]; then \
	  echo "installing torch from $(TORCH_INDEX) ..."; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --index-url "$(TORCH_INDEX)" $(TORCH) || \
	  { echo "set-up failed: pip cannot install torch from $(TORCH_INDEX); check the address and the network"; exit 1; }; \
	fi
	@echo "installing morph-cl and what it needs into $(VENV) (once; torch is large, this takes minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' || \
	  { echo "set-up failed: pip cannot install the dependencies (its message is above); check network and disk space, then run make again"; exit 1; }
	@touch $@

demo: $(STAMP)
	$(BIN)/morph-cl compare rotated-mnist --strategies morph,naive,replay,ewc,joint --seeds 2

test: lint
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python benchmarks/speed --json speed.json

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
