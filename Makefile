# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PICTURES := pictures
QUICK  := tests/house tests/ground/test_fields.py --ignore=tests/house/test_readme.py --ignore=tests/house/test_promise.py
COMPILED := $(abspath $(VENV))/compiled
LOWEST := tests/house tests/ground tests/graph tests/runs tests/training/test_training.py

.PHONY: demo test tests browser quick quick-tests faults docs wheel lowest mutants lint types bench clean

demo: $(VENV)/.installed
	@rm -rf $(PICTURES)
	$(BIN)/anabranch compare faces --out $(PICTURES)
	$(BIN)/anabranch walk $(PICTURES)/tb
	$(BIN)/anabranch plot $(PICTURES)/pg
	$(BIN)/anabranch plot $(PICTURES)/tb --beside $(PICTURES)/pg --out $(PICTURES)
	$(BIN)/anabranch studio $(PICTURES)/tb --static $(PICTURES)/faces.html
	@echo "see the flow learn, and steer it: $(BIN)/anabranch studio faces"

test: $(VENV)/.installed lint browser
	$(MAKE) -j2 tests types

# Programs that a run compiled are there for the next one, for a week.
tests faults: export JAX_COMPILATION_CACHE_DIR := $(COMPILED)
tests: $(VENV)/.installed
	@mkdir -p $(COMPILED) && find $(COMPILED) -type f -mtime +7 -delete
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Before each commit: what is checked without compiling anything large.
quick: $(VENV)/.installed
	$(MAKE) -j2 types quick-tests

quick-tests: lint
	$(BIN)/python -m pytest $(QUICK)

# Faults injected at every point, and the cases of which `make test` runs a sample: some twenty minutes.
faults: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "faults or thorough"

# The site: the tutorial executed, the reference from the docstrings.
docs: $(VENV)/.installed
	@rm -rf build
	$(BIN)/python -m handbook.notebooks build/tutorial
	$(BIN)/anabranch train faces --exact true --out build/faces
	$(BIN)/anabranch studio build/faces --static build/faces.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "open build/site/index.html; for its search: $(BIN)/python -m http.server -d build/site"

# The wheel and the sources, built; the wheel used in an empty environment, far from the sources.
wheel:
	rm -rf .venv-wheel dist
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install -qq --disable-pip-version-check -c constraints.txt hatchling
	.venv-wheel/bin/python -m hatchling build -d dist
	.venv-wheel/bin/pip install -qq --disable-pip-version-check -c constraints.txt dist/anabranch-*.whl
	cd dist && ../.venv-wheel/bin/python ../tests/support/installed.py

# The tests with the lowest versions of pyproject.toml; `make test VENV=.venv-3.12 PYTHON=python3.12` with another Python.
lowest:
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/support/lowest.py > .venv-lowest/lowest.txt
	.venv-lowest/bin/pip install -qq --disable-pip-version-check -c .venv-lowest/lowest.txt -e '.[dev]'
	.venv-lowest/bin/python -m pytest -n 2 --dist worksteal -W ignore::DeprecationWarning $(LOWEST)

# A browser for the tests of the page; CHROMIUM names another one.
browser:
	@test -n "$$CHROMIUM" || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || tests/support/browser.sh

lint: $(VENV)/.installed
	$(BIN)/ruff check src tests benchmarks handbook examples docs
	$(BIN)/ruff format --check src tests benchmarks handbook examples docs

types: $(VENV)/.installed
	$(BIN)/basedpyright

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.threshold report
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.continuous

# Faults planted in the core, one at a time: about an hour.
mutants: $(VENV)/.installed
	$(BIN)/python -m benchmarks.mutants

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .venv-wheel .venv-lowest build dist $(PICTURES) runs
