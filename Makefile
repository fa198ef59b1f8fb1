# Every target does its own set-up. `make` alone explains itself.
SHELL := /bin/bash
PY := .venv/bin/python

.PHONY: help setup run test lint bench soak train lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## both Python environments, pages, sentence model, trained engine (idempotent)
	@tools/setup.sh app rasa
	@$(PY) -m server.setup

run: setup ## set everything up and start it; Ctrl-C stops it
	@./banyi run

test: ## all tests, on SQLite and PostgreSQL, with a real Rasa, Redis and Chromium
	@tools/setup.sh app rasa test
	@$(PY) -m server.setup
	@$(PY) -m pytest tests -n 2 $(if $(CI),--reruns 1 -rR)

lint: ## ruff, mypy strict, import layers
	@tools/setup.sh app
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

bench: setup ## measure; writes bench/results/<name>.json
	@$(PY) -m bench

soak: setup ## long runs: kill -9 under load, fuzz
	@$(PY) -m pytest tests -m soak

train: setup ## train the engine again
	@./banyi train --force

lock: ## resolve the locks anew from pyproject.toml
	@tools/setup.sh uv
	@tools/lock.sh

clean: ## remove what set-up made, keep the data in var/
	rm -rf .tools .venv .venv-rasa node_modules web/static/build .mypy_cache .ruff_cache .pytest_cache
