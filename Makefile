# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PICTURES := pictures

.PHONY: demo test lint types bench clean

demo: $(VENV)/.installed
	@rm -rf $(PICTURES)
	$(BIN)/anabranch compare faces --out $(PICTURES)
	$(BIN)/anabranch walk $(PICTURES)/tb
	$(BIN)/anabranch plot $(PICTURES)/tb --out $(PICTURES)

test: $(VENV)/.installed lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.installed
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks

types: $(VENV)/.installed
	$(BIN)/basedpyright

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.threshold report
	$(BIN)/python -m benchmarks.engine

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(PICTURES) runs
