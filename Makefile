# Every habit is one command; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export OMP_NUM_THREADS ?= 1
export RAY_USAGE_STATS_ENABLED := 0
# Where pip is configured with a folder of wheels (a CPU build of torch, say), uv must be told of it.
FIND_LINKS := $(or $(UV_FIND_LINKS),$(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))

.DEFAULT_GOAL := help
.PHONY: help setup lock

help:  ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(STAMP)  ## Make .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	$(if $(FIND_LINKS),UV_FIND_LINKS="$(FIND_LINKS)") UV_LINK_MODE=copy $(BIN)/uv pip install --quiet --python $(BIN)/python -c requirements.lock -e '.[dev]'
	touch $@

lock: $(STAMP)  ## Resolve requirements.lock again (constraints, no CUDA lines; see lock-uv.toml)
	$(BIN)/uv --config-file lock-uv.toml pip compile --universal --python-version 3.11 --extra dev --no-header --quiet pyproject.toml -o requirements.lock
