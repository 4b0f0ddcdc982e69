# make help lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup ready demo reproduce dry-run report report-zip export model speak demo-model container slurm deploy test test-unit test-hpc lint bench

# Recipes read these from their environment, where a space or an apostrophe in a path does no harm.
export CONFIG ?= config/config.yaml
export PROFILE ?= slurm

# Where Apptainer is installed the rules run in the image, elsewhere, and in the demo, in the virtual environment, which is
# there sooner; the results are the same. Module systems set a variable of the same name for shells: that one is not meant.
ifeq ($(filter venv image,$(ENV)),)
  $(if $(filter command,$(origin ENV)),$(error ENV is venv or image, not "$(ENV)"))
  ENV := $(if $(filter-out demo,$(MAKECMDGOALS)),$(if $(shell command -v apptainer),image,venv),venv)
endif
$(if $(findstring :,$(CURDIR)),$(error the path $(CURDIR) holds a colon, which PATH cannot: put the checkout elsewhere))

CLEAN = source envs/environment.sh;
SNAKEMAKE = .venv/workflow/bin/python -m snakemake
# Rules call `python`: the image's inside it, and without it the virtual environment's, which PATH has first.
ifeq ($(ENV),image)
  export PATH := $(CURDIR)/.venv/workflow/bin:$(PATH)
  ENVIRONMENTS = workflow
  IN = python workflow/scripts/in_image.py "$$CONFIG"
  CHAIN = $(CLEAN) $(SNAKEMAKE) --software-deployment-method apptainer --configfile "$$CONFIG"
else
  export PATH := $(CURDIR)/.venv/xtts/bin:$(PATH)
  ENVIRONMENTS = workflow xtts
  CHAIN = $(CLEAN) $(SNAKEMAKE) --configfile "$$CONFIG"
endif
LOCAL = --workflow-profile workflow/profiles/local
PREFLIGHT = $(CLEAN) $(IN) python workflow/scripts/preflight.py --config "$$CONFIG"
WHERE = $(CLEAN) python workflow/scripts/where.py "$$CONFIG"

help:  ## list the targets
	@sed -n 's/^VERSION = "\(.*\)"/xtts-voice-cloning \1\n/p' workflow/scripts/xtts_cloning/version.py
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  CONFIG=config/mine.yaml   your own config, for reproduce, dry-run, report, report-zip"
	@echo "  ENV=venv or ENV=image     where the rules run; the image where Apptainer is installed"
	@echo "  MODEL= LANGUAGE= PRECISION=  for speak: a model folder, a language such as de, fp32 or bf16"
	@echo "  PROFILE=mine              your own cluster's workflow/profiles/mine, for slurm"
	@echo "  PYTHON=/path/python3.11   the interpreter to set up with"

setup:  ## install both environments into .venv (done by the other targets when needed)
	@envs/setup.sh workflow xtts

ready:
	@envs/setup.sh $(ENVIRONMENTS)

demo: CONFIG = config/demo.yaml
demo: reproduce  ## the whole chain in minutes, on a stand-in model, without a GPU

reproduce: ready  ## the full reproduction, or your own CONFIG
	@$(PREFLIGHT)
	@$(CHAIN) $(LOCAL)
	@$(WHERE)

dry-run: ready  ## what reproduce would do, and whether this machine can
	@$(PREFLIGHT)
	@$(CHAIN) $(LOCAL) --dry-run

report: ready  ## write the report again, from what is there
	@$(CHAIN) $(LOCAL) --forcerun report --until report

report-zip: ready  ## pack the report with its WAVs and tables into one file to share
	@$(CLEAN) python workflow/scripts/report_zip.py "$$CONFIG"

export: ready  ## the fine-tuned voice in the files that other programs want
	@$(PREFLIGHT)
	@$(CHAIN) $(LOCAL) export

model: ready  ## bring the model of CONFIG: download it, if you accept its licence, or make the demo's
	@$(CHAIN) $(LOCAL) model

# What is typed reaches the script through the environment, as typed: no shell and no make reads it. LANGUAGE, which
# locales use too, counts only where it was typed.
SPEAK = REFERENCE TEXT LINES MODEL LANGUAGE PRECISION
$(foreach name,$(SPEAK),$(if $(filter command,$(origin $(name))),$(eval override export $(name) := $$(value $(name)))))
given = $(if $(filter override,$(origin $1)),--$2 "$$$1")
speak: $(if $(filter override,$(origin MODEL)),ready,model)  ## say TEXT="..." or LINES=file with the voice of REFERENCE=recording
	@$(CLEAN) $(IN) python workflow/scripts/speak.py --config "$$CONFIG" $(call given,REFERENCE,reference) $(call given,TEXT,text) \
	  $(call given,LINES,lines) $(call given,MODEL,model) $(call given,LANGUAGE,language) $(call given,PRECISION,precision)

# The training's rules write where nothing else does, and a run that was stopped goes on from its last state.
demo-model: setup  ## train the demo's own model from nothing; a night on two cores, needs flite (docs/demo-model.md)
	@$(CLEAN) PATH="$(CURDIR)/.venv/xtts/bin:$$PATH" $(SNAKEMAKE) --snakefile workflow/demo_training.smk --cores all --rerun-triggers mtime --rerun-incomplete

container:  ## build the image that holds the rules' environment
	@containers/build.sh

slurm: ready  ## the chain on a Slurm cluster (docs/cluster.md)
	@$(PREFLIGHT) --no-gpu-check
	@$(CHAIN) --workflow-profile "workflow/profiles/$$PROFILE"
	@$(WHERE)

deploy:  ## copy the checkout to a cluster: HOST=user@host DIR=folder WITH="image models data"
	@workflow/scripts/deploy.sh "$${HOST:-}" "$${DIR:-}" $(WITH)

test: setup  ## every test that this machine can run
	@$(CLEAN) .venv/xtts/bin/python -m pytest --durations=25

test-unit: setup  ## the tests of the library and its scripts alone
	@$(CLEAN) .venv/xtts/bin/python -m pytest tests/unit --durations=10

test-hpc: setup  ## build the image, and run the demo in it and on a real Slurm (root on Debian 12)
	@$(CLEAN) .venv/xtts/bin/python -m pytest tests/hpc --durations=0

bench: setup  ## measure against the TTS library, side by side; hours, on a machine that does nothing else
	@.venv/xtts/bin/python tests/benchmarks/decode.py
	@.venv/xtts/bin/python tests/benchmarks/speaking_memory.py
	@.venv/xtts/bin/python tests/benchmarks/finetune_step.py
	@.venv/xtts/bin/python tests/benchmarks/finetune_memory.py
	@.venv/xtts/bin/python tests/benchmarks/subset_archive.py
	@if nvidia-smi >/dev/null 2>&1; then .venv/xtts/bin/python tests/benchmarks/gpu.py; fi
	@.venv/xtts/bin/python tests/benchmarks/results.py

lint: setup  ## check style, who imports whom, and the workflow
	@.venv/workflow/bin/ruff check .
	@.venv/workflow/bin/ruff format --check .
	@PYTHONPATH=workflow/scripts .venv/workflow/bin/lint-imports --no-cache
	@.venv/workflow/bin/snakefmt --check Snakefile workflow
	@$(CLEAN) $(SNAKEMAKE) $(LOCAL) --lint
