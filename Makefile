# Every command of the project. `make` alone lists them.

VENV   := .venv
PYTHON := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
READY  := $(VENV)/.ready

# The interpreter that makes the environment; `make setup SYSTEM_PYTHON=/path/to/python3.12` overrides.
SYSTEM_PYTHON ?=

# Where generated files land; `make verify` fails when they differ from what is committed.
GENERATED := crds charts/batchpoint/files docs/failures.md docs/operations.md docs/reference.md docs/security.md docs/storage.md

COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --generate-hashes --no-header \
	--no-annotate --python-version 3.11

CLUSTER := PYTHONPATH=tests $(PYTHON) -m cluster

# The one that `make cluster-up` builds, or that of PATH.
CACHE := $(or $(BATCHPOINT_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/batchpoint)
HELM   = $(or $(lastword $(sort $(wildcard $(CACHE)/bin/helm-v*))),helm)

# A story that failed is told once more, alone: four at once on a small machine can miss their time limits.
STORIES := $(PYTHON) -m pytest tests/e2e -q --durations 10
AGAIN := --last-failed --last-failed-no-failures none

# Percent of branches and lines that `make test` must cover. It only ever rises.
COVERAGE_FLOOR := 88

# Byte code is kept: without it each of a job's processes compiles mlflow anew, seconds at every start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test integration e2e bench bench-operator verify fmt lint types imports crds docs chart lock clean \
	cluster-check cluster-up cluster-status cluster-down images

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything that is needed, by locked versions

# A change of what is needed makes the environment again; otherwise this costs nothing.
$(READY): pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@rm -f $@
	@requirements/environment.sh $(VENV) $(SYSTEM_PYTHON)
	@touch $@

demo: $(READY) ## Score handwritten digits on this machine, from manifests to predictions
	$(PYTHON) examples/demo.py

test: $(READY) ## Unit and contract tests, with a floor for branch coverage
	$(PYTHON) -m pytest tests/unit tests/contract -n 2 --dist loadfile -q \
		--cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR)

integration: $(READY) ## Whole jobs with real processes, crashes included
	$(PYTHON) -m pytest tests/integration -q

cluster-up: $(READY) ## Start a Kubernetes cluster for tests on this machine
	@$(CLUSTER) up

cluster-check: $(READY) ## Say what is missing for a cluster to run on this machine
	@$(CLUSTER) check

cluster-status: $(READY) ## Say how the cluster is
	@$(CLUSTER) status

images: $(READY) ## Build the images of operator, runner and scorer, and import them into the cluster
	@$(CLUSTER) images

cluster-down: $(READY) ## End the cluster and remove everything of it
	@$(CLUSTER) down

e2e: cluster-up ## Stories of users on that cluster, faults included; the cluster stays
	@PYTHONPATH=tests:operator:runner-image $(PYTHON) tests/e2e/install.py
	$(STORIES) -m "not serial" -n 4 --dist worksteal || $(STORIES) -m "not serial" $(AGAIN)
	$(STORIES) -m serial || $(STORIES) -m serial $(AGAIN)

bench: $(READY) ## Measure the engine against the physical limit of this machine
	$(PYTHON) tests/performance/engine.py

bench-operator: $(READY) ## Measure the operator beside JobSet and bare clients, and on the cluster for tests
	PYTHONPATH=tests $(PYTHON) tests/performance/operator_bench.py

verify: lint types imports crds docs ## Everything fast: style, types, layers, locks, generated files
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m pytest -q tests/unit/test_layout.py tests/unit/test_requirements.py tests/unit/test_documents.py
	@git diff --exit-code -- $(GENERATED) || { \
		echo 'Generated files differ from what is committed. Commit them: $(GENERATED)'; exit 1; }

fmt: $(READY) ## Format the code and sort imports
	$(PYTHON) -m ruff check --select I --fix .
	$(PYTHON) -m ruff format .

lint: $(READY) ## Check the code's style
	$(PYTHON) -m ruff check .

types: $(READY) ## Check types, strictly
	$(PYTHON) -m mypy

imports: $(READY) ## Check that layers import only what they may
	$(VENV)/bin/lint-imports --no-logo

crds: $(READY) ## Write crds/ and the chart's copy from the models
	$(PYTHON) -m batchpoint.api.crd --directory crds --directory charts/batchpoint/files/crds

docs: $(READY) ## Write the generated tables of docs/
	$(PYTHON) docs/tables.py

chart: $(READY) ## Lint and test the chart, and render it into build/batchpoint.yaml
	$(HELM) lint --strict charts/batchpoint
	$(PYTHON) -m pytest -q tests/chart
	@mkdir -p build
	@{ printf '%s\n' 'apiVersion: v1' 'kind: Namespace' 'metadata: {name: batchpoint-system}'; \
		$(HELM) template batchpoint charts/batchpoint --namespace batchpoint-system; } > build/batchpoint.yaml

lock: $(READY) ## Resolve all versions anew into requirements/
	$(UV) pip compile requirements/bootstrap.in --quiet --universal --generate-hashes --no-header \
		--no-annotate --python-version 3.11 --output-file requirements/bootstrap.txt
	$(COMPILE) --extra operator --extra runner --extra cli --extra scorer --group dev \
		--upgrade --output-file requirements/dev.txt
	$(COMPILE) --extra operator --upgrade --constraint requirements/dev.txt --output-file requirements/operator.txt
	$(COMPILE) --extra runner --upgrade --constraint requirements/dev.txt --output-file requirements/runner.txt
	$(COMPILE) --extra scorer --upgrade --constraint requirements/dev.txt --output-file requirements/scorer.txt
	$(COMPILE) --extra cli --upgrade --constraint requirements/dev.txt --output-file requirements/cli.txt

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
