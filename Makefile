# Relay: `make run` starts it, `make check test` verifies it.  `make` lists all targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # otherwise each process compiles all modules when it starts
TESTS ?= tests
AT_ONCE ?= 4

.venv/.run: requirements.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || scripts/make-venv.sh $(PYTHON)
	@echo "Installing Relay's dependencies (only once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/.dev: .venv/.run requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# The rules and icons that these files use are built.
USE_STYLES := $(shell find relay -path relay/static/gen -prune -o \( -name '*.html' -o -name '*.py' -o -name '*.js' -o -name '*.po' \) -print)

relay/static/gen/manifest.json: .venv/.run package-lock.json scripts/build_assets.py scripts/used_rules.mjs relay/static/css/relay.css $(USE_STYLES)
	@$(BIN)/python scripts/build_assets.py
	@touch $@

.PHONY: run test check mutants faults try-install soak bench bench-pages screenshots plugin assets lock image release sbom help

run: relay/static/gen/manifest.json ## start Relay on http://127.0.0.1:8000 (or another PORT=…)
	@exec $(BIN)/python -m relay.launcher

assets: relay/static/gen/manifest.json ## build the browser assets

tests/wordpress/node_modules/.relay-lock: .venv/.run tests/wordpress/package-lock.json
	@$(BIN)/python scripts/build_assets.py tests/wordpress
	@touch $@

build/wordpress/done: .venv/.dev tests/wordpress/newest.py
	@$(BIN)/python -m tests.wordpress.newest
	@touch $@

test: .venv/.dev relay/static/gen/manifest.json tests/wordpress/node_modules/.relay-lock build/wordpress/done ## run all tests, with real databases, a browser and WordPress
	@scripts/install-test-deps.sh
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(TESTS)

check: .venv/.dev relay/static/gen/manifest.json ## check style, types, layers, templates, PHP, migrations, metrics, deploy/, docs and translations
	@scripts/install-test-deps.sh check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml relay config.py wsgi.py scripts
	$(BIN)/lint-imports
	$(BIN)/djlint relay/templates --lint --quiet
	$(BIN)/python scripts/php_checks.py
	$(BIN)/python scripts/check_versions.py
	$(BIN)/python scripts/check_migrations.py
	$(BIN)/python scripts/check_docs.py
	$(BIN)/python scripts/check_deploy.py
	$(BIN)/python scripts/check_metrics.py
	$(BIN)/python scripts/check_words.py
	$(BIN)/python scripts/check_translations.py

mutants: .venv/.dev relay/static/gen/manifest.json ## mutation tests of the code that decides about safety; takes hours
	@scripts/install-test-deps.sh
	@nice $(BIN)/python scripts/mutants.py $(if $(CONTINUE),--continue) $(GROUPS)

faults: .venv/.dev relay/static/gen/manifest.json ## run the fault tests at full size and print the results
	@scripts/install-test-deps.sh
	@FAULTS=full $(BIN)/python -m pytest -q tests/faults

soak: .venv/.dev relay/static/gen/manifest.json ## repeat the fault tests for SOAK_MINUTES (30)
	@scripts/install-test-deps.sh
	@scripts/soak.sh

bench: .venv/.dev relay/static/gen/manifest.json ## measure ingest and delivery and print a table
	@$(BIN)/python bench/bench.py $(ARGS)

bench-pages: .venv/.dev relay/static/gen/manifest.json ## measure each page with EVENTS (1000000) events and print a table
	@$(BIN)/python bench/pages.py --events $(or $(EVENTS),1000000) --database $(or $(DATABASE),postgres)

try-install: ## follow docs/install-debian.md on a new Debian 12 and 13 (RELEASES=…) as root, and print the times
	@$(PYTHON) scripts/try_install.py $(RELEASES)

screenshots: .venv/.dev relay/static/gen/manifest.json ## take the screenshots for the README
	@scripts/install-test-deps.sh browser
	@$(BIN)/python scripts/screenshots.py

plugin: .venv/.run ## build the WordPress plugin as a zip in dist/
	@$(BIN)/python scripts/build_plugin.py

plugin-images: .venv/.dev tests/wordpress/node_modules/.relay-lock build/wordpress/done ## take the screenshots, banner and icon for the plugin directory
	@scripts/install-test-deps.sh
	@$(BIN)/python scripts/plugin_images.py

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-find-links --no-emit-index-url
lock: .venv/.dev ## pin every package with its version and hashes
	@CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --output-file requirements.txt requirements.in
	@CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --output-file requirements-dev.txt requirements-dev.in

image: .venv/.dev ## run the steps of deploy/Dockerfile without a container engine, and start the result; as root
	@$(BIN)/python scripts/image_steps.py

release: .venv/.dev relay/static/gen/manifest.json ## check that this version can be released, and build it in dist/
	@$(BIN)/python scripts/release.py $(ARGS)

sbom: .venv/.dev ## write a software bill of materials (CycloneDX) to dist/
	@$(BIN)/python scripts/write_sbom.py

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
