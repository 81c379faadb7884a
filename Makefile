# Everything runs in $(VENV), which `make setup` creates and keeps up to date.
#
#   make setup      environment only; free when nothing has changed
#   make test       linters, type checks, all tests (what CI runs)
#   make test-unit  the tests that take less than a minute
#   make chaos      500 random syncs while both servers and the process fail; SEED=n RUNS=n plays one again
#   make machines   an Airflow of several machines, some of which fail in the middle; MACHINES=full takes longer
#   make demo       Okta, Metric Insights and Airflow on this machine; KEEP=0 stops when the runs are done
#   make compose-test  docker-compose.yaml for real: up, the demo groups over two workers, down; COMPOSE="podman compose"
#   make bench      the figures of docs/performance.md; ONLY=diff for one of its sections, QUICK=1 for a tenth of the
#                   users, BIG=1 for a million, OTHERS=1 for other people's software
#   make docs       the documents as a site, in site/; SERVE=1 serves them at http://127.0.0.1:8000 while they are written
#   make pictures   the pictures in docs/pictures, of an Airflow that is started for it; NAMES="form approval" for some
#   make reference  the generated tables in docs/, from the code
#   make format     puts the code into the form that `make test` demands
#   make lock       newest versions into constraints.txt
#   make build      sdist and wheel into dist/
#   make clean      removes everything that is not in Git
#
# Another Python: make test PYTHON=python3.12 VENV=.venv-3.12

PYTHON  ?= python3
VENV    ?= .venv
AIRFLOW ?= 3.3.2
KEEP    ?= 1
USERS   ?=
SEED    ?=
RUNS    ?= 500
ONLY    ?=
QUICK   ?=
BIG     ?=
OTHERS  ?=
MACHINES ?=
COMPOSE ?=
SERVE   ?=
NAMES   ?=

BIN     := $(VENV)/bin
UV      := $(BIN)/python scripts/uv_like_pip.py
READY   := $(VENV)/.ready
HAVE_UV := $(VENV)/.have-uv

# Fast ones first.
UNIT_TESTS  := $(wildcard tests/unit tests/simulators)
SLOW_TESTS  := $(wildcard tests/airflow tests/standalone)
NO_TESTS    := tests/benchmarks tests/compose tests/data tests/machines tests/__pycache__
OTHER_TESTS := $(filter-out $(UNIT_TESTS) $(SLOW_TESTS) $(NO_TESTS),$(patsubst %/,%,$(wildcard tests/*/)))

.DEFAULT_GOAL := help
.PHONY: help setup postgresql lint test test-unit chaos machines demo compose-test bench docs pictures reference format lock build clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

$(HAVE_UV): constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, $(PYTHON) is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@touch $@

$(READY): $(HAVE_UV) pyproject.toml constraints.txt
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python \
	  --constraint constraints.txt --group dev --group docs --editable .
	@touch $@

# The store is tested on it, and never without.
postgresql:
	@scripts/need_postgresql.sh

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy okta_mi_provider demo scripts
	$(BIN)/lint-imports

test: lint postgresql
	@scripts/need_chromium.sh
	$(BIN)/python -m pytest $(UNIT_TESTS) $(OTHER_TESTS) $(SLOW_TESTS)

test-unit: setup
	$(BIN)/python -m pytest $(UNIT_TESTS)

chaos: setup
	@$(BIN)/python -m tests.chaos --runs $(RUNS) $(if $(SEED),--seed $(SEED))

machines: setup postgresql
	@scripts/need_redis.sh
	$(if $(MACHINES),MACHINES=$(MACHINES) )$(BIN)/python -m pytest tests/machines

demo: setup
	@$(BIN)/python -m demo $(if $(filter 0,$(KEEP)),--stop) $(if $(USERS),--users $(USERS))

compose-test: setup
	@$(BIN)/python -m tests.compose $(if $(COMPOSE),--compose '$(COMPOSE)')

bench: setup
ifneq ($(OTHERS),)
	$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --group bench
endif
	$(BIN)/python -m tests.benchmarks $(ONLY) $(if $(QUICK),--quick) $(if $(BIG),--big) $(if $(OTHERS),--others)

# Without the variable, Material prints a notice about MkDocs 2 into every build.
docs: reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs $(if $(SERVE),serve --dev-addr 127.0.0.1:8000,build --strict)

pictures: setup
	@scripts/need_chromium.sh
	@$(BIN)/python -m scripts.pictures $(NAMES)

reference: setup
	@$(BIN)/python -m scripts.reference

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(HAVE_UV)
	echo "apache-airflow==$(AIRFLOW)" | $(UV) pip compile - pyproject.toml \
	  --group pyproject.toml:dev --group pyproject.toml:docs --group pyproject.toml:image \
	  --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file constraints.txt

build: setup
	$(UV) build

clean:
	rm -rf $(VENV) .demo .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist site
