# `make demo` and `make test` need python3 (3.11 or later, with venv) and nothing else set up.
# What they fetch they keep, in .venv and js/node_modules, and fetch again only when
# pyproject.toml, .ci/pins or js/package-lock.json has changed. What the tests fetch is checked
# against the hashes there.

PYTHON ?= python3
PORT ?= 8000
VENV_PYTHON := .venv/bin/python
BENCH_PYTHON := .venv-bench/bin/python
# Playwright's own node needs a library (libatomic) that a small system lacks; Node's does not.
TOOLS = CHROMIUM=$$(.ci/get-chromium) FIREFOX=$$(.ci/get-firefox 2>/dev/null) \
	REDIS=$$(.ci/get-redis 2>/dev/null) VALKEY=$$(.ci/get-valkey 2>/dev/null) \
	NGINX=$$(.ci/get-nginx) PLAYWRIGHT_NODEJS_PATH=$$(command -v node)

# More processes than a small machine has cores, since most of the time is spent waiting. How the
# tests are shared out, and their order, is tests/conftest.py's.
IN_PARALLEL = --numprocesses 6 --dist loadfile --no-loadscope-reorder

# Groups of tests/sources, each with an environment of its own: all of them, and those that
# `make test` has time for.
SOURCES = $(notdir $(patsubst %/requirements.in,%,$(wildcard tests/sources/*/requirements.in)))
IN_CI_SOURCES = groq ollama

export PORT
# Where it is set, each of the hundreds of processes that tests start would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=
# First on the PATH: on a machine without Node 20, .ci/get-node puts one there.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help demo test test-tools interpreters lint test-js test-python test-long test-other-pythons \
	test-sources test-elsewhere coverage bench bench-tools build-client translations pins clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-20s %s\n", $$1, $$2 }' Makefile

demo: ## start the example app on http://127.0.0.1:8000 (PORT=… for another)
	@.ci/get-venv $(PYTHON) .venv example
	@exec $(VENV_PYTHON) -m gunicorn -c example_app/gunicorn.conf.py "example_app:create_app()"

# Two at a time, since each of them leaves a core idle for long. First what fails soon.
test: test-tools ## fetch what the tests need, then run all of them
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint test-js
	@$(MAKE) --no-print-directory --jobs=2 test-python test-elsewhere

test-tools: interpreters js/node_modules/.ready ## fetch what the tests need
	@chromium=$$(.ci/get-chromium) && echo "Chromium: $$chromium"
	@firefox=$$(.ci/get-firefox) && [ -z "$$firefox" ] || echo "Firefox: $$firefox"
	@nginx=$$(.ci/get-nginx) && echo "nginx: $$nginx"
	@redis=$$(.ci/get-redis) && [ -z "$$redis" ] || echo "Redis: $$redis"
	@valkey=$$(.ci/get-valkey) && [ -z "$$valkey" ] || echo "Valkey: $$valkey"

interpreters:
	@.ci/get-venv $(PYTHON) .venv test
	@.ci/get-node

js/node_modules/.ready: js/package-lock.json | interpreters
	cd js && npm ci
	touch $@

lint: test-tools ## check style, types, and that the built client is that of its source
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m mypy
	cd js && npm run lint && npm run types && npm run check-fresh

test-js: test-tools ## run the JavaScript tests in Node
	cd js && npm test

test-python: test-tools ## run the Python and browser tests
	$(TOOLS) $(VENV_PYTHON) -m pytest $(IN_PARALLEL)

test-long: test-tools ## run what `make test` has no time for: all of what it runs a part of, and pictures of all states
	$(TOOLS) FLASK_STREAM_LONG=1 $(VENV_PYTHON) -m pytest $(IN_PARALLEL) -m own_time

test-other-pythons: test-tools ## run a core of the Python tests on this machine's other Pythons
	@.ci/test-other-pythons

test-sources: ## run the tests of other libraries, each group in an environment of its own (SOURCES=… for some)
	@.ci/test-sources $(PYTHON) $(SOURCES)

# What else `make test` runs. Its output is shown in one piece, not between the lines of what runs beside it.
test-elsewhere: test-tools
	@log=$$(mktemp); { .ci/test-other-pythons && .ci/test-sources $(PYTHON) $(IN_CI_SOURCES); } >"$$log" 2>&1; \
	status=$$?; cat "$$log"; rm -f "$$log"; exit $$status

coverage: test-tools ## run the Python and browser tests, and list the lines they never reach
	$(TOOLS) $(VENV_PYTHON) -m coverage run -m pytest
	$(VENV_PYTHON) -m coverage report

bench: test-tools bench-tools ## measure importing, the bounds, bridges, the client, the server and the logs: an hour and a half
	$(VENV_PYTHON) -m bench.importing
	$(VENV_PYTHON) -m bench.caps
	$(VENV_PYTHON) -m bench.bridging
	$(TOOLS) $(VENV_PYTHON) -m bench.client
	$(TOOLS) $(VENV_PYTHON) -m bench.chat
	$(TOOLS) $(BENCH_PYTHON) -m bench.server
	$(TOOLS) $(BENCH_PYTHON) -m bench.resume

bench-tools: bench/server/ai_sdk/node_modules/.ready bench/chat/node_modules/.ready ## fetch what bench.server and bench.chat are compared with
	@.ci/get-venv $(PYTHON) .venv-bench bench

bench/server/ai_sdk/node_modules/.ready: bench/server/ai_sdk/package-lock.json | interpreters
	cd bench/server/ai_sdk && npm ci
	touch $@

# The second cannot be installed: a part of it is not in the registry. Its bundle is all that is weighed.
bench/chat/node_modules/.ready: bench/chat/package-lock.json | interpreters
	cd bench/chat && npm ci --ignore-scripts && npm pack --silent @n8n/chat@1.37.0
	touch $@

build-client: test-tools ## build flask_stream/static from js/src
	cd js && npm run build

TRANSLATIONS = example_app/translations

translations: interpreters ## gather what the example app says anew, and compile what it says in other languages
	pybabel -q extract -F $(TRANSLATIONS)/babel.cfg -k lazy_gettext --no-location --no-wrap \
		-o $(TRANSLATIONS)/messages.pot .
	pybabel -q update -i $(TRANSLATIONS)/messages.pot -d $(TRANSLATIONS) \
		--no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	rm $(TRANSLATIONS)/messages.pot
	pybabel -q compile -d $(TRANSLATIONS)
	pybabel -q compile -d $(TRANSLATIONS) -D flask_stream

pins: ## write .ci/pins anew: what the tests install, with its hashes; after changes of pyproject.toml (PINS=… for groups of tests/sources)
	@.ci/pin $(PYTHON) $(PINS)

clean: ## remove all that these targets made
	rm -rf .venv .venv-* js/node_modules bench/*/node_modules bench/server/ai_sdk/node_modules bench/chat/*.tgz js/dist build dist *.egg-info tests/output
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
