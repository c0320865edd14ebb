# `make` alone lists what can be done. Needs Python 3.11 or newer, and Docker for `up`, `down`, `logs` and
# `cluster`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is new enough; `make PYTHON=/path/to/python run` takes another one
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
DEV := .venv/bin/python
RUN := .local/venv/bin/python
PORT ?= 8000
ARGS ?=
# More than there are cores: many tests wait, for a lock, a deadline or a server that starts
TEST_PROCESSES ?= 4
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

# $(call environment,FOLDER,LIST): a virtual environment with exactly what LIST pins
define environment
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed$(if $(PYTHON),: $(PYTHON) is none,, and there is none here)." \
	  "On Debian or Ubuntu: apt-get install python3 python3-venv." \
	  "To use one that has another name: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its module venv or ensurepip is missing." \
	  "On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing $(2) into $(1), which takes a minute the first time"
	@$(1)/bin/python -c '' 2>/dev/null || "$(PYTHON)" -m venv $(1)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
	@cp $(2) $(1)/installed.txt
endef

.PHONY: help
help:  ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1|\2/p' Makefile | while IFS='|' read -r name what; do \
	  printf '%-17s %s\n' "$$name" "$$what"; done

.PHONY: run
run: .local/venv/installed.txt  ## load the sample data into SQLite and serve the API on port 8000 (or PORT=…)
	@API_PORT="$(PORT)" exec $(RUN) -m hiring_api.cli.local

.PHONY: test
test: .venv/installed.txt  ## run all tests, on SQLite and on a MySQL-family server, in a browser too (ARGS="-k name" for some)
	@$(DEV) -m tests.chromium
	@$(DEV) -m tests.cluster.galera
	@$(DEV) -m tests.openapi_tools
	@$(DEV) -m tests.promtool
	@$(DEV) -m tests.server -- $(DEV) -m pytest --numprocesses=$(TEST_PROCESSES) --dist=worksteal $(ARGS)

.PHONY: pictures
pictures: .venv/installed.txt  ## make the pictures of the README anew, in a browser
	@$(DEV) -m tests.chromium
	@PICTURES=1 REQUIRE_BROWSER=1 $(DEV) -m pytest -q tests/browser/test_pictures.py -k made

.PHONY: test-cluster
test-cluster: .venv/installed.txt  ## run three Galera nodes through faults under load (ARGS="kill switch --rounds 5")
	@[ -n "$${CLUSTER_URLS:-}" ] || $(DEV) -m tests.cluster.galera
	@$(DEV) -m tests.cluster.faults $(ARGS)

.PHONY: test-one
test-one: .venv/installed.txt  ## run one test file or folder at once, in one process (T=tests/model)
	@$(DEV) -m tests.server -- $(DEV) -m pytest $(T) $(ARGS)

.PHONY: lint
lint: .venv/installed.txt  ## check style, types, imports and the OpenAPI document
	$(DEV) -m ruff check .
	$(DEV) -m ruff format --check .
	$(DEV) -m mypy
	$(DEV) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	$(DEV) -m tests.openapi_tools lint

.PHONY: bench
bench: .venv/installed.txt  ## run the benchmarks in benchmarks/
	@for file in benchmarks/[a-z]*.py; do \
	  [ -e "$$file" ] || { echo "There are no benchmarks yet."; break; }; \
	  echo "== $$file"; PYTHONPATH=. $(DEV) "$$file" $(ARGS); done

# A list is a constraint for those after it: one version of a package in all of them
UV := .local/uv/bin/uv
LOCK = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --quiet pyproject.toml
.PHONY: lock
lock: $(UV)  ## pin what pyproject.toml asks for, with hashes (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) --all-extras -o tests/requirements.txt
	$(LOCK) --extra api -c tests/requirements.txt -o hiring_api/requirements.txt
	$(LOCK) -c tests/requirements.txt -o migration_job/requirements.txt

.PHONY: up
up: .env  ## the same with MySQL in Docker: build, start, wait, and say how to call the API
	@command -v docker >/dev/null || { echo "Docker with Compose is needed: https://docs.docker.com/engine/install" >&2; exit 1; }
	@compose="$(COMPOSE)"; health() { docker inspect --format "{{json .State.Health.$$2}}" "$$($$compose ps --all --quiet $$1)"; }; \
	$$compose up --detach --build || { \
	  echo "Not everything started. What the services said last:" >&2; $$compose logs --tail=20 migration api >&2; \
	  ! health database Log | grep -o "Access denied[^(\\]*" | tail -n 1 >&2 || \
	    echo "MySQL keeps the MYSQL_PASSWORD that it was first started with: put it back into .env, or" \
	      "delete all data with: $$compose down --volumes" >&2; exit 1; }; \
	for second in {1..120}; do status=$$(health api Status); [ "$$status" != '"healthy"' ] || break; sleep 1; done; \
	[ "$$status" = '"healthy"' ] || { echo "The API is not ready after two minutes; its log:" >&2; \
	  $$compose logs --tail=20 api >&2; exit 1; }; \
	$$compose exec -T api python -m hiring_api.web.server.welcome "http://$$($$compose port api 8000)"

.PHONY: docs
docs: .venv/installed.txt  ## build the documentation as a site in .local/site; fail for links that lead nowhere
	@$(DEV) -m mkdocs build --strict --quiet --config-file .ci/mkdocs.yml
	@echo "Open .local/site/quickstart.html"

.PHONY: stop
stop:  ## stop the containers, to go on with make up
	@$(COMPOSE) stop

.PHONY: down
down:  ## remove the containers; the data stay (docker compose down --volumes deletes them)
	@$(COMPOSE) down

.PHONY: logs
logs:  ## follow the containers' logs
	@$(COMPOSE) logs --follow --tail=100

# A project of its own: neither its containers nor its data are those of `make up`
CLUSTER = $(COMPOSE) --project-name hiring-cluster --file docker-compose.cluster.yml

.PHONY: cluster
cluster: .env  ## three MySQL servers in a group, two replicas of the API, HAProxy in front (docs/cluster.md)
	@command -v docker >/dev/null || { echo "Docker with Compose is needed: https://docs.docker.com/engine/install" >&2; exit 1; }
	@cluster="$(CLUSTER)"; $$cluster up --detach --build || { \
	  echo "Not everything started. What the services said last:" >&2; \
	  $$cluster logs --tail=20 group migration api1 >&2; exit 1; }; \
	ready="from urllib.request import urlopen; urlopen('http://proxy:8000/health/ready', timeout=4)"; \
	for second in {1..120}; do $$cluster exec -T api1 python -c "$$ready" 2>/dev/null && break; sleep 1; done; \
	$$cluster exec -T api1 python -c "$$ready" 2>/dev/null || { echo "The API is not ready after two minutes:" >&2; \
	  $$cluster logs --tail=20 group api1 api2 proxy >&2; exit 1; }; \
	$$cluster exec -T api1 python -m hiring_api.web.server.welcome "http://$$($$cluster port proxy 8000)"

.PHONY: cluster-down
cluster-down:  ## stop the cluster; its data stay (make cluster-down ARGS=--volumes deletes them)
	@$(CLUSTER) down $(ARGS)

.PHONY: clean
clean:  ## remove environments, caches and sample data; the database and password in .local/ stay
	rm -rf .venv .local/venv .local/uv .local/csv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed.txt: tests/requirements.txt
	$(call environment,.venv,tests/requirements.txt)

.local/venv/installed.txt: hiring_api/requirements.txt
	$(call environment,.local/venv,hiring_api/requirements.txt)

$(UV):
	@"$(PYTHON)" -m venv .local/uv
	@.local/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# Under another name until it is complete: half a .env would be taken for a whole one
.env:
	@umask 077; secret() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }; { \
	  echo "# Written by make up; .env.example explains every setting"; \
	  echo "API_USER=hiring"; echo "API_PASS=$$(secret)"; \
	  echo "MYSQL_PASSWORD=$$(secret)"; echo "MYSQL_ROOT_PASSWORD=$$(secret)"; \
	  echo "# Sample data; a folder such as ./mine instead loads your own"; echo "CSV_DIR=samples"; } > .env.part; \
	mv .env.part .env; echo "Wrote .env with new passwords"
