# Two commands on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GOLDEN ?=
SECONDS ?= 600
PYTEST := $(BIN)/python -m pytest

.PHONY: help install demo test lint test-slow test-damage fuzz test-cluster test-browser test-dicomweb test-golden test-gpu bench bench-gpu bench-retrieval assets clean test-faults audit bench-daft

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# pip, because torch's wheels are large and pip is everywhere; constraints.txt pins what was tested together.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "echoprime needs Python 3.11 to 3.13; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

install: $(VENV)/installed ## make .venv with everything in it

demo: install ## draw an archive, run the main job over it, show what came out
	$(BIN)/echoprime demo

lint: install ## ruff, mypy strict, layer rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## everything not marked gpu, slow, cluster, browser or dicomweb
	$(PYTEST) -m 'not gpu and not slow and not cluster and not browser and not dicomweb'

test-slow: install ## tests that take minutes: full-size networks, kills, a million rows
	$(PYTEST) -m 'slow and not gpu'

test-damage: install ## two thousand damaged files through the encode job; what no check can see is listed (minutes)
	$(PYTEST) -s tests/pipelines/test_damage.py

test-faults: install ## the jobs while requests fail, processes are killed and the store is away; prints what was hit and what was lost (minutes)
	$(PYTEST) -s -m 'slow or s3' tests/faults

# atheris has wheels for some Pythons only, so it is no part of what `make install` needs.
fuzz: install ## coverage-guided fuzzing of reading: make fuzz SECONDS=600; findings land in build/fuzz
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	PYTHONPATH=. $(BIN)/python tests/fuzz/read_clip.py build/fuzz -max_total_time=$(SECONDS)

test-browser: install ## pages in real Chromium, and read by an OCR; screenshots land in build/screenshots
	@for tool in chromium tesseract; do command -v $$tool > /dev/null || { \
	  echo "no $$tool; as root: apt-get install chromium tesseract-ocr (Debian's; Ubuntu's chromium is a snap)"; exit 2; }; done
	$(PYTEST) -m browser tests/browser

test-dicomweb: install ## a real DICOMweb server on loopback: listed, read, encoded, compared with the same files
	@$(BIN)/python -m tests.dicomweb_server
	$(PYTEST) -m dicomweb

test-golden: install ## agreement with the published system: make test-golden GOLDEN=DIR
	@test -d '$(GOLDEN)' || { echo "GOLDEN='$(GOLDEN)' is no folder; say make test-golden GOLDEN=DIR"; exit 2; }
	ECHOPRIME_GOLDEN='$(abspath $(GOLDEN))' $(PYTEST) tests/parity

test-cluster: install ## Ray nodes with a token, an autoscaler, an S3 server, Prometheus: jobs submitted, tables compared, the dashboard's queries answered (minutes)
	@command -v prometheus > /dev/null || { echo "no prometheus; as root: apt-get install prometheus (Debian's)"; exit 2; }
	$(PYTEST) -m 'cluster and not gpu'

test-gpu: install ## tests that need a GPU
	$(PYTEST) -m gpu

bench: install ## every script under benchmarks/ that needs no GPU, no Daft and no FAISS, one after the other
	for script in $$(ls benchmarks/*.py | grep -v -e /gpu_ -e daft -e /retrieval -e /killed); do $(BIN)/python $$script || exit 1; done

# Daft wants an older pyarrow than constraints.txt has: its own comes first on its path, torch and the rest from .venv.
build/daft/installed: benchmarks/daft.txt $(VENV)/installed
	$(BIN)/python -m venv build/daft
	build/daft/bin/python -m pip install --quiet --requirement benchmarks/daft.txt
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $$(build/daft/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth
	touch $@

bench-daft: build/daft/installed ## the encode job against the same job written for Daft (20 minutes)
	$(BIN)/python benchmarks/daft_job.py

# FAISS is no dependency: it is put beside .venv, and found by its path.
build/faiss/installed: benchmarks/faiss.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-deps --target build/faiss --requirement benchmarks/faiss.txt
	touch $@

bench-retrieval: build/faiss/installed ## the search at full size: against the published way and FAISS, grown, with shards killed (minutes, 10 GB)
	PYTHONPATH=build/faiss $(BIN)/python benchmarks/retrieval.py
	$(BIN)/python benchmarks/retrieval_growth.py
	$(BIN)/python benchmarks/killed_shards.py

bench-gpu: install ## encoder and JPEG decoding on a GPU
	for script in benchmarks/gpu_*.py; do $(BIN)/python $$script || exit 1; done

assets: install ## make the demonstration's candidate embeddings and view layer again (minutes)
	$(BIN)/python -m echoprime.demonstration.make_assets

# pip-audit asks a database on the network; without a route it says so and the other two still run.
audit: install ## known vulnerabilities, risky calls, licences of everything installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[audit]'
	$(BIN)/python -m tests.audit

clean: ## remove what the demo wrote
	rm -rf demo
