# Each target prepares .venv by itself; it needs Python 3.11, make and git. `make` alone lists the targets.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test lint format constraints kill-test test-tt100k test-doctor evaluator-parity fuzz kubeflow-local kubeflow-fail kubeflow-sweep kubeflow-circle image image-lock test-image study-thumbdet study-dfd bench soak

PYTHON ?= $(shell command -v python3.11 || echo python3)
PIP_FLAGS ?= -qq
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# DVC runs its stages through a shell that must find `lowres`, also when .venv is not activated.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Packages are installed uncompiled, so the first import must be allowed to keep its bytecode.
unexport PYTHONDONTWRITEBYTECODE
# glibc hands freed memory back between steps and faults it in again: 10 to 20 % of a small step on CPU.
export MALLOC_MMAP_MAX_ := 0
export MALLOC_TRIM_THRESHOLD_ := 100000000000
# The demo's tensors are too small to feed more than eight threads.
export OMP_NUM_THREADS ?= $(shell [ $(CORES) -gt 8 ] && echo 8 || echo $(CORES))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.stamp-dev ## Install the package and its tools into .venv

demo: $(VENV)/.stamp-run ## Run every stage of params.yaml: data to report, a quarter of an hour on 2 cores
	$(BIN)/dvc repro
	@cat outputs/report/summary.txt
	@echo "Report: outputs/report/index.html"

test: lint ## Lint, types, layers, then all tests; `make test ARGS="tests/ops -k boxes"` runs some
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(VENV)/.stamp-dev ## Check style, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(VENV)/.stamp-dev ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

kill-test: $(VENV)/.stamp-dev ## Kill a training at 20 random moments, with 0 and 2 workers; the weights must not differ
	$(BIN)/python tests/engine/kill_runs.py --kills 20 --workers 0
	$(BIN)/python tests/engine/kill_runs.py --kills 20 --workers 2

test-tt100k: $(VENV)/.stamp-dev ## Hold the TT100K evaluator against its literal rules on 20,000 random data sets; minutes
	LOWRES_TT100K_CASES=20000 OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) tests/evaluation/test_tt100k_matching.py

test-doctor: $(VENV)/.stamp-dev ## Also hold the memory of doctor and prepare on the largest images that are allowed; minutes
	env -u MALLOC_MMAP_MAX_ -u MALLOC_TRIM_THRESHOLD_ LOWRES_LARGE_IMAGES=1 OMP_NUM_THREADS=1 $(BIN)/pytest -o faulthandler_timeout=0 tests/stages/test_doctor.py

evaluator-parity: $(VENV)/.stamp-dev ## Hold both engines (hotcoco: the extra `fast`) against pycocotools on 1000 random pairs of files
	$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt -e '.[fast]'
	$(BIN)/python -m tests.evaluation.engine_parity --sets 1000

fuzz: $(VENV)/.stamp-dev ## Damage annotations, results and lists of buckets 10,000 times each, images 40,000 times: readers may only refuse
	$(BIN)/python -m tests.data.fuzz_readers --rounds 10000
	$(BIN)/python -m tests.evaluation.fuzz_results --rounds 10000
	OPENCV_LOG_LEVEL=SILENT $(BIN)/python tests/data/fuzz_images.py --rounds 40000

kubeflow-local: $(VENV)/.stamp-dev ## The Kubeflow pipeline on this machine: every artifact, and the weights that DVC's stages give
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.pipelines.whole_run
	LOWRES_LOCAL_PIPELINE=1 OMP_NUM_THREADS=1 $(BIN)/pytest -o faulthandler_timeout=0 tests/pipelines/test_local.py tests/deploy

kubeflow-fail: $(VENV)/.stamp-dev ## Make each step of the Kubeflow pipeline fail, kill runs in and between steps; run again to the end
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.pipelines.fail_each_stage
	LOWRES_LOCAL_PIPELINE=1 OMP_NUM_THREADS=1 $(BIN)/pytest -o faulthandler_timeout=0 tests/pipelines/test_killed_run.py

kubeflow-sweep: $(VENV)/.stamp-dev ## A tiny sweep on this machine: one teacher, two down-samplers, their comparison
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.pipelines.whole_sweep

kubeflow-circle: $(VENV)/.stamp-dev ## A run's results through a bucket into DVC in a fresh clone, and on to a third
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.pipelines.whole_circle

# DOCKER_FLAGS may hold secrets for pip and a CA bundle: --secret id=pip,src=pip.conf --secret id=ca,src=ca.pem
DOCKER ?= docker
VARIANT ?= cpu
image: ## Build deploy/Dockerfile as lowres:cpu, or lowres:cuda with VARIANT=cuda
	DOCKER_BUILDKIT=1 $(DOCKER) build $(DOCKER_FLAGS) -f deploy/Dockerfile --build-arg VARIANT=$(VARIANT) \
		--build-arg COMMIT=$(shell git describe --always --dirty --abbrev=12) -t lowres:$(VARIANT) .
	$(DOCKER) run --rm --network none --read-only lowres:$(VARIANT) lowres --version

image-lock: ## Write the image's lists of packages and hashes anew, after `make constraints`
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install $(PIP_FLAGS) uv==0.13.9
	$(VENV)-lock/bin/python deploy/lock.py
	rm -rf $(VENV)-lock

test-image: $(VENV)/.stamp-dev ## Build the image (VARIANT) and run the pipeline in containers without root, network or a writable root
	$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt docker==7.1.0
	LOWRES_TEST_IMAGE=1 VARIANT=$(VARIANT) OMP_NUM_THREADS=1 $(BIN)/pytest -rs -s -o faulthandler_timeout=0 tests/image tests/deploy

study-thumbdet: $(VENV)/.stamp-run ## Run the missing arms of studies/thumbdet (after `make demo`); hours, resumable
	$(BIN)/python -m studies.thumbdet.run
	$(BIN)/python -m studies.thumbdet.summary

study-dfd: $(VENV)/.stamp-run ## Run the missing arms of studies/dfd on CIFAR-10 in data/cifar10; hours, resumable
	$(BIN)/python -m studies.dfd.run
	$(BIN)/python -m studies.dfd.throughput
	$(BIN)/python -m studies.dfd.summary

TODAY = $(shell date -u +%Y-%m-%d)
bench: $(VENV)/.stamp-run ## Attention, teacher and student against what they replace; ten minutes, on a quiet machine
	$(BIN)/python benchmarks/attention.py --output benchmarks/attention-$(TODAY).json
	$(BIN)/python benchmarks/latency.py --batches 1 --variants eager --seconds 20 --output benchmarks/latency-$(TODAY).json
	$(BIN)/python benchmarks/teacher_vs_stock.py --rounds 3 --training-rounds 2 --output benchmarks/teacher_vs_stock-$(TODAY).json

soak: $(VENV)/.stamp-run ## Run the training loader for an hour beside a plain DataLoader: speed, and memory that must not grow
	env -u MALLOC_MMAP_MAX_ -u MALLOC_TRIM_THRESHOLD_ $(BIN)/python benchmarks/loader_soak.py --output benchmarks/loader_soak-$(TODAY).json

constraints: ## Resolve all but torch afresh, in a venv of its own, and rewrite constraints.txt
	$(PYTHON) -m venv $(VENV)-fresh
	$(VENV)-fresh/bin/pip install $(PIP_FLAGS) -e '.[dev]' "$$(grep '^torch==' constraints.txt)"
	$(VENV)-fresh/bin/pip freeze --exclude-editable | sed 's/+.*//' > $(VENV)-fresh/frozen
	{ sed -n '/^#/p' constraints.txt; cat $(VENV)-fresh/frozen; } > constraints.new && mv constraints.new constraints.txt
	rm -rf $(VENV)-fresh

# The stamps make a second call instant and follow pyproject.toml and constraints.txt.
$(VENV)/.stamp-run: pyproject.toml constraints.txt
	@echo "Installing packages into $(VENV), once: one to two minutes ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 is needed: install it, or name one with make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) --no-compile -c constraints.txt -e '.[dvc]'
	@touch $@

$(VENV)/.stamp-dev: pyproject.toml constraints.txt $(VENV)/.stamp-run
	$(BIN)/pip install $(PIP_FLAGS) --no-compile -c constraints.txt -e '.[dev]'
	@touch $@
