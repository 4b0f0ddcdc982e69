# make help lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo reproduce dry-run report report-zip test lint bench

CONFIG ?= config/config.yaml

# Rules call `python`: the virtual environment's here, the container's inside an image.
export PATH := $(CURDIR)/.venv/xtts/bin:$(PATH)
PREFLIGHT = python workflow/scripts/preflight.py
SNAKEMAKE = $(CURDIR)/.venv/workflow/bin/snakemake --workflow-profile workflow/profiles/local

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  CONFIG=config/mine.yaml   your own config, for reproduce, dry-run, report, report-zip"
	@echo "  PYTHON=/path/python3.11   the interpreter to set up with"

setup:  ## install both environments into .venv (done by the other targets when needed)
	@envs/setup.sh workflow xtts

demo: CONFIG = config/demo.yaml
demo: reproduce  ## the whole chain in minutes, on a stand-in model, without a GPU

reproduce: setup  ## the full reproduction, or your own CONFIG
	@$(PREFLIGHT) --config $(CONFIG)
	@$(SNAKEMAKE) --configfile $(CONFIG)
	@python workflow/scripts/where.py $(CONFIG)

dry-run: setup  ## what reproduce would do, and whether this machine can
	@$(PREFLIGHT) --config $(CONFIG)
	@$(SNAKEMAKE) --configfile $(CONFIG) --dry-run

report: setup  ## write the report again, from what is there
	@$(SNAKEMAKE) --configfile $(CONFIG) --forcerun report --until report

test: setup  ## every test that this machine can run
	@python -m pytest

lint: setup  ## check style and workflow
	@.venv/workflow/bin/ruff check .
	@.venv/workflow/bin/ruff format --check .
	@.venv/workflow/bin/snakefmt --check Snakefile workflow
	@$(SNAKEMAKE) --lint
