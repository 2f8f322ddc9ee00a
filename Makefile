# `make` lists what there is. Every target sets up what it needs, also on a fresh clone.

PYTHON ?= python3
ARGS ?=
EXTRAS ?= dev
SECONDS ?= 600
BIN := .venv/bin
READY := .venv/.ready
# Small rooms: no file of source, tests or templates is longer than this.
LINES := 600

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-load bench-search bench-peers fuzz constraints clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Bring up a synthetic district at http://127.0.0.1:8080 (ARGS="--residents 1000")
	$(BIN)/hie demo $(ARGS)

test: $(READY) ## Run all tests (ARGS="tests/kit -k kill" for some)
	$(BIN)/pytest -n 2 $(ARGS)

check: $(READY) ## Format, lint, types, import layers, file sizes
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@git ls-files -z -- '*.py' '*.html' '*.css' '*.js' '*.sh' | xargs -0 wc -l | awk \
	  '$$2 != "total" && $$1 > $(LINES) { print $$2 ": " $$1 " lines, allowed are $(LINES)"; bad = 1 } END { exit bad }'

bench: $(READY) ## Measure throughput and response times; prints JSON lines
	$(BIN)/python tests/bench $(ARGS)

bench-load: $(READY) ## Measure bulk import against COPY, its stages, memory and disk (ARGS="--copies 4")
	$(BIN)/python tests/bench/bulk.py $(ARGS)

bench-search: $(READY) ## Response times of forty kinds of search (ARGS="--only Patient")
	$(BIN)/python tests/bench/searches.py $(ARGS)

bench-peers: $(READY) ## Measure beside other FHIR servers (ARGS="name=http://127.0.0.1:8081/fhir,PID,PID")
	$(BIN)/python tests/bench/peers.py $(ARGS)

fuzz: $(READY) ## Send random requests for ten minutes (SECONDS=60 for one); prints the seed
	HIE_FUZZ_SECONDS=$(SECONDS) $(BIN)/pytest tests/rest/test_rest_fuzz.py -s $(ARGS)

constraints: $(READY) ## Write the versions installed in .venv into constraints.txt
	$(BIN)/pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' > constraints.txt

clean: ## Remove the virtual environment and all caches; data stays
	rm -rf .venv .node .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
