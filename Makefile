# Two commands do everything on a machine with Python 3.10 or newer:
#   make demo   a CT in, organs out: label map, statistics and a picture, in ./demo
#   make test   format, lint, types and all tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKED := mambamim Testing benchmarks

.PHONY: demo test lint clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[fast,pictures,train,test]"
	touch $@

demo: $(VENV)/installed
	$(BIN)/mambamim demo --out demo

lint: $(VENV)/installed
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy mambamim

test: lint
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) demo
