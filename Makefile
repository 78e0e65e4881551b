# Two commands do everything on a machine with Python 3.10 or newer:
#   make demo   a CT in, organs out: label map, statistics and a picture, in ./demo
#   make test   format, lint, types and all tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKED := mambamim $(wildcard MambaMIM*/) Testing benchmarks tools
SLICER_TESTS := $(wildcard Testing/slicer*/)
KERNEL_TESTS := Testing/core/ops

.PHONY: demo test lint clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[fast,pictures,train,test]"
	touch $@

# What the stand-in for Slicer needs has wheels for some machines only: without it, its tests are skipped.
$(VENV)/installed-slicer: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[slicer-test]" \
	    || echo "No stand-in for Slicer on this machine: its tests will be skipped."
	touch $@

demo: $(VENV)/installed
	$(BIN)/mambamim demo --out demo

lint: $(VENV)/installed
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy mambamim

# Two processes: the stand-in changes PySide6 in place, and Slicer's side must do without torch, which a
# filter of warnings would load. Panels wait more than they work, and interpreting kernels takes one core:
# these go side by side.
test: lint $(VENV)/installed-slicer
	$(BIN)/python -m pytest --ignore $(KERNEL_TESTS) $(filter-out $(SLICER_TESTS),$(wildcard Testing/*/))
	$(BIN)/python -m pytest $(KERNEL_TESTS) & kernels=$$!; \
	    $(BIN)/python -m pytest --override-ini filterwarnings= $(SLICER_TESTS); panels=$$?; \
	    wait $$kernels && exit $$panels

clean:
	rm -rf $(VENV) demo
