# Everything runs in $(VENV), which `make setup` creates and keeps up to date.
#
#   make setup      environment only; free when nothing has changed
#   make test       linters, type checks, all tests (what CI runs)
#   make test-unit  the tests that take less than a minute
#   make chaos      500 random syncs while both servers and the process fail; SEED=n RUNS=n plays one again
#   make machines   Airflows of one machine and of several, which fail in the middle; MACHINES=full takes long
#   make demo       Okta, Metric Insights and Airflow on this machine; KEEP=0 stops when the runs are done
#   make compose-test  docker-compose.yaml for real: up, the demo groups over two workers, down; COMPOSE="podman compose"
#   make bench      the figures of docs/performance.md; ONLY=diff for one of its sections, QUICK=1 for a tenth of the
#                   users, BIG=1 for a million, OTHERS=1 for other people's software
#   make docs       the documents as a site, in site/; SERVE=1 serves them at http://127.0.0.1:8000 while they are written
#   make pictures   the pictures in docs/pictures, of an Airflow that is started for it; NAMES="form approval" for some
#   make reference  the generated tables in docs/, from the code
#   make format     puts the code into the form that `make test` demands
#   make matrix     every Airflow on every Python that we claim; PYTHONS="3.12 3.13" for some, ONLY=3.2/3.13 for one
#   make lock       newest versions into the constraints files; NEW=1 adds what is missing and leaves the rest alone
#   make build      sdist and wheel into dist/, the same bytes wherever and whenever
#   make sbom       and what the wheel brings along, with versions and licences
#   make clean      removes everything that is not in Git
#
# Another Python: make test PYTHON=python3.12 VENV=.venv-3.12

PYTHON  ?= python3
VENV    ?= .venv
AIRFLOW ?= 3.3.2
# The oldest that we support, and what it does not work with.
AIRFLOW_3_2 ?= apache-airflow==3.2.2 fastapi<0.137 starlette<1.1 svcs<26
KEEP    ?= 1
USERS   ?=
SEED    ?=
RUNS    ?= 500
ONLY    ?=
QUICK   ?=
BIG     ?=
OTHERS  ?=
MACHINES ?= small
COMPOSE ?=
SERVE   ?=
PYTHONS ?=
NEW     ?=
NAMES   ?=

BIN     := $(VENV)/bin
UV      := $(BIN)/python scripts/uv_like_pip.py
READY   := $(VENV)/.ready
HAVE_UV := $(VENV)/.have-uv

# A file of tests stays in one process, which has its own servers and its own Airflow.
IN_PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

# Fast ones first.
UNIT_TESTS    := $(wildcard tests/unit tests/simulators)
AIRFLOW_TESTS := $(wildcard tests/airflow)
# These start so many processes that no more than two of them go on beside each other.
CROWDED_TESTS := $(wildcard tests/standalone tests/machines)
NO_TESTS      := tests/benchmarks tests/compose tests/data tests/__pycache__
OTHER_TESTS   := $(filter-out $(UNIT_TESTS) $(AIRFLOW_TESTS) $(CROWDED_TESTS) $(NO_TESTS),$(patsubst %/,%,$(wildcard tests/*/)))

.DEFAULT_GOAL := help
.PHONY: help setup postgresql lint test test-unit chaos machines demo compose-test bench docs pictures reference matrix \
  format lock build sbom clean

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
	@scripts/need_redis.sh
	$(BIN)/python -m pytest $(IN_PARALLEL) $(UNIT_TESTS) $(OTHER_TESTS) $(AIRFLOW_TESTS)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(CROWDED_TESTS)

test-unit: setup
	$(BIN)/python -m pytest $(IN_PARALLEL) $(UNIT_TESTS)

chaos: setup
	@$(BIN)/python -m tests.chaos --runs $(RUNS) $(if $(SEED),--seed $(SEED))

machines: setup postgresql
	@scripts/need_redis.sh
	MACHINES=$(MACHINES) $(BIN)/python -m pytest tests/machines -o log_cli=true -o log_cli_level=INFO

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

matrix: setup postgresql
	@$(BIN)/python scripts/matrix.py --pythons '$(PYTHONS)' --only '$(ONLY)'

COMPILE := $(UV) pip compile - pyproject.toml --group pyproject.toml:dev --group pyproject.toml:docs \
  --group pyproject.toml:image --group pyproject.toml:sbom \
  --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --quiet

# The second file begins as the first: where the older Airflow allows it, both have the same versions.
lock: $(HAVE_UV)
	echo "apache-airflow==$(AIRFLOW)" | $(COMPILE) $(if $(NEW),,--upgrade) --output-file constraints.txt
	grep -v '^apache-airflow\(-core\|-task-sdk\)\?=' constraints.txt >constraints-airflow-3.2.txt
	printf '%s\n' $(foreach each,$(AIRFLOW_3_2),'$(each)') | $(COMPILE) --output-file constraints-airflow-3.2.txt

# With the hatchling of constraints.txt, which writes its version into the wheel. Its own fixed date is in the archives,
# not that of somebody's environment.
build: setup
	env -u SOURCE_DATE_EPOCH $(UV) build --python $(BIN)/python --no-build-isolation --clear

sbom: build
	$(BIN)/python scripts/sbom.py dist/*.whl

clean:
	rm -rf $(VENV) .demo .cache .hypothesis .import_linter_cache .matrix .mypy_cache .pytest_cache .ruff_cache build dist site
