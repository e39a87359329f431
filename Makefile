# One command for everything. PYTHON chooses the interpreter that .venv is made with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup run demo test test-long check bench soak clean

help:
	@echo "make run    the server (DATA=dir: where it keeps its data, PORT=8000)"
	@echo "make demo   the main job on real pictures (PEOPLE=dir PHOTOS=dir: on yours)"
	@echo "make test   every test"
	@echo "make check  style, types, direction of imports"
	@echo "make bench  measurements side by side with face_recognition, into docs/benchmarks.md"
	@echo "make soak   cameras for ten minutes, and servers killed in ROUNDS (20): half an hour"

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" --group dev
	touch $(READY)

run: $(READY)
	$(BIN)/vultus serve $(if $(DATA),--data-dir "$(DATA)") $(if $(PORT),--port $(PORT))

demo: $(READY)
	$(BIN)/vultus demo $(if $(PEOPLE),--people "$(PEOPLE)") $(if $(PHOTOS),--photos "$(PHOTOS)")

test: $(READY)
	$(BIN)/python -m pytest -n 2 -m "not long"

test-long: $(READY)
	$(BIN)/python -m pytest -m long

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/check_sizes.py

bench: $(READY)
	$(BIN)/python -m benchmarks

soak: $(READY)
	$(BIN)/python -m benchmarks.soak $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS))

clean:
	rm -rf $(VENV) .bench vultus-demo
