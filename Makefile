# make run: install into .venv and run the study. make test: run all tests but the slow ones.
# make test-faults: kill, break and damage studies, and see that nothing is lost.
# make test-slurm: start a SLURM cluster on this machine (Debian, root) and break things there.
# make bench: time it beside others, and write docs/performance.md.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: run test test-faults test-slurm bench lint

run: .venv/installed
	snakemake

test: .venv/tests
	pytest --numprocesses auto

test-faults: .venv/tests
	pytest --numprocesses auto tests/faults

test-slurm: .venv/tests
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test-slurm]'
	python tests/slurm/cluster.py up
	pytest --numprocesses 5 -m 'not alone' tests/slurm
	pytest -m alone tests/slurm
	python tests/slurm/cluster.py down

bench: .venv/tests
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	python benchmarks/performance.py --write docs/performance.md

lint: .venv/tests
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	pyright --project pyproject.toml
	.ci/lint-workflow

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: needs Python 3.11 or later; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv; this takes a minute or two."
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/tests: .venv/installed
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,plot]'
	@touch $@
