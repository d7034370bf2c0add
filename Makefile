# `make` alone lists what there is. Settings are environment variables: PORT=8080 make up
.DEFAULT_GOAL := help
.PHONY: help up test lint types python clients collected slow chaos soak images audit features families endpoints parts browsers gallery screenshots model adapters bench lock clean
PY := .venv/bin/python
# Where it is set, as in many containers, each of the hundred processes that a run starts compiles
# all that it imports anew.
export PYTHONDONTWRITEBYTECODE :=
# More processes than cores, since much of what the tests do is wait; which of them runs which test
# is said in tests/conftest.py.
PYTEST := $(PY) -m pytest -n 3 --no-loadscope-reorder --durations 10 --durations-min 1

help:  ## List these commands
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

up: .worker  ## Start the server on http://127.0.0.1:7860 and wait until it can make a picture
	@exec $(PY) -m darkroom up

test: .dev  ## Everything that must pass; T=tests/engine: one folder's linter and tests alone
ifdef T
	@$(PY) -m ruff check $(T) && $(PY) -m ruff format --check $(T)
	@$(PYTEST) $(T)
else
	@sh .ci/beside '$(MAKE) --no-print-directory lint collected' '$(MAKE) --no-print-directory clients'
	@sh .ci/meanwhile '$(MAKE) --no-print-directory python' '$(PYTEST)'
endif

lint: .dev  ## Linter and import rules
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && .venv/bin/lint-imports

types: python  ## Strict types
	@sh clients/node.sh web check
	@sh clients/node.sh mobile check

slow: .dev  ## The long tests: whole models, processes killed again and again
	@$(PY) -m pytest -m "slow or fault" --timeout 900

browsers: .dev  ## The page in Firefox and WebKitGTK, where they are; pictures in build/browsers
	@$(PY) -m pytest tests/browsers -m browsers

chaos: .dev  ## Break everything in turn, for MINUTES=60 from SEED=1: every promise must hold
	@MINUTES=$(or $(MINUTES),60) SEED=$(or $(SEED),1) $(PY) -m pytest tests/faults -m chaos -s

soak: .dev  ## Quiet work under 300 event streams, for MINUTES=30: no process may grow
	@MINUTES=$(or $(MINUTES),30) $(PY) -m pytest tests/faults -m soak -s

images: .dev  ## Build every image, run server and worker from them read-only, make a picture
	@$(PY) -m tests.images

audit: .dev  ## Look for known vulnerabilities in what is locked, where the registry tells
	@$(PY) requirements/audit.py

features: .dev  ## Test every kind, sampler, family and option, and write docs/features.md; F=tiling, rows alone
	@$(PY) -m pytest tests/features -m "slow or not slow" --deselect tests/features/test_page.py \
		$(if $(F),-k "$(F)" --keep-features) --write-features docs/features.md

families: .dev  ## Compare every family's pictures with diffusers', and write docs/families.md
	@$(PY) -m pytest tests/worker/families/test_batching.py tests/worker/families/test_sprint.py \
		-m "slow or not slow" --write-families docs/families.md

endpoints: .dev  ## Test other servers' APIs by their clients, and write the table of docs/clients.md
	@$(PY) -m pytest tests/compat --deselect tests/compat/test_table.py \
		--write-clients docs/clients.md

parts: .dev  ## Take new pictures of the page's parts, which tests compare
	@WRITE_PARTS=1 $(PY) -m pytest tests/web/test_parts.py

gallery: .dev  ## Make a page with a picture of everything: build/gallery/index.html
	@$(PY) -m benchmarks.gallery

screenshots: .dev  ## Take the README's pictures of the page anew
	@$(PY) -m tests.docs.screenshots

model: .dev  ## Train the model that ships, from nothing, by its recipe
	@$(PY) -m models.recipe

adapters: .dev  ## Fit adapters to the model that ships, by their recipe: 3 1/2 hours of one core
	@$(PY) -m models.recipe.adapters

bench: .dev  ## Measure speed as ratios on this machine, 2 1/2 hours; SHORT=1: whether it all works
	@$(PY) -m benchmarks $(if $(SHORT),--short)

lock:  ## Choose new versions of every package (needs uv)
	@sh requirements/lock.sh

clean:  ## Remove the virtual environment and caches, never DATA
	@rm -rf .venv build server/pages/static/app clients/*/node_modules clients/mobile/www .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

python: .dev
# With node's usual heap it forgets what it worked out and takes twice the time; it comes to 5 GB.
	@NODE_OPTIONS=--max-old-space-size=8192 $(PY) -m basedpyright

# One process compiles what each process of the tests would compile anew, where all begin at once.
collected: .dev
	@said=$$($(PY) -m pytest --collect-only -q -n0 2>&1) || { echo "$$said"; exit 1; }

clients: .dev
	@sh clients/node.sh web check
	@sh clients/node.sh web test
	@sh clients/node.sh mobile check
	@sh clients/node.sh mobile test
	@sh clients/node.sh mobile sync

.PHONY: .worker .dev
.worker:
	@sh requirements/install.sh worker
	@sh clients/web/build.sh || echo "The page could not be built: see above. The API works without."
.dev:
	@sh requirements/install.sh dev
	@sh clients/web/build.sh
