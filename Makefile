# make example        install into .venv and run the first example
# make test           install the test extras too and run tests/
# make test-slow      the tests that take minutes: scikit-learn's checks of every option, gradients of every architecture
# make test-simd      what depends on the instruction set, at each that the machine has but the one in use
# make test-products  the tests with products by BLAS, and on a build without vectors in build/installed_no_vectors
# make test-sanitize  the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, built in build/installed_sanitize
# make test-browser   headless Chromium: models of ONNX by onnxruntime-web, which npm installs, and the page of strokes; not in CI
# make test-fuzz      the stateful fuzz, 10,000 calls with those sanitizers, and the campaigns of tests/scripts/hostile.py
# make test-memcheck  the kernels under valgrind
# make clients        what other packages do with the estimators, in an environment of its own with those packages
# make bench          every benchmark beside its peers: tables, and benchmarks/*.json and *.png; hours. make bench-fit runs one
# make devices       exported C on emulated processors: the same bits, and sizes; installs Debian packages, as root
# make strokes        build/strokes.html, a page that recognises strokes while they are drawn, by exported C in WebAssembly
# make lint           ruff and cython-lint
# make clean          remove what the other targets made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL := build/wheel/built
SOURCES := pyproject.toml setup.py $(shell find sklstm -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c')

CLIENTS := .venv-clients
BENCHMARKS := train_step predict stream fit grid_search threads memory

.PHONY: example test test-slow test-simd test-products test-sanitize test-fuzz test-browser test-memcheck clients devices strokes
.PHONY: bench $(BENCHMARKS:%=bench-%) lint clean

example: $(VENV)/installed-plot
	$(BIN)/python examples/plot_grid_search.py

test: $(VENV)/installed-test
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" tests

test-slow: $(VENV)/installed-test
	$(BIN)/pytest -n 2 --dist worksteal -m slow tests

bench: $(BENCHMARKS:%=bench-%)

$(BENCHMARKS:%=bench-%): bench-%: $(VENV)/installed-bench
	$(BIN)/python benchmarks/$*.py --json benchmarks/$*.json --picture benchmarks/$*.png

test-simd: $(VENV)/installed-test
	$(BIN)/python tests/scripts/levels.py

test-products: $(VENV)/installed-test
	$(BIN)/python tests/scripts/products.py

test-sanitize: $(VENV)/installed-test
	$(BIN)/python tests/scripts/sanitized.py

test-fuzz: $(VENV)/installed-test
	$(BIN)/python tests/scripts/sanitized.py --fuzz 10000
	$(BIN)/python tests/scripts/sanitized.py --hostile containers --count 1000
	$(BIN)/python tests/scripts/sanitized.py --hostile states --count 1000
	$(BIN)/python tests/scripts/hostile.py races --count 100
	$(BIN)/python tests/scripts/hostile.py files --count 500
	$(BIN)/python tests/scripts/hostile.py interrupts --count 500
	$(BIN)/python tests/scripts/hostile.py forks --count 1000
	$(BIN)/python tests/scripts/hostile.py pools --count 100
	$(BIN)/python tests/scripts/hostile.py streams --count 10000

test-browser: $(VENV)/installed-test $(VENV)/ziglang build/browser/node_modules/onnxruntime-web
	$(BIN)/python tests/scripts/browser.py --runtime build/browser/node_modules/onnxruntime-web
	$(BIN)/python tests/scripts/stroke_page.py

strokes: $(VENV)/installed-plot $(VENV)/ziglang
	$(BIN)/python examples/strokes/make_page.py build/strokes.html

$(VENV)/ziglang: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check ziglang==0.17.1
	touch $@

build/browser/node_modules/onnxruntime-web:
	mkdir -p build/browser
	npm install --silent --prefix build/browser onnxruntime-web@1.30.0

test-memcheck: $(VENV)/installed-test
	$(BIN)/python tests/scripts/memcheck.py

clients: $(CLIENTS)/installed
	$(CLIENTS)/bin/pytest -n 2 --dist loadfile tests/clients

devices: $(VENV)/installed-test
	$(BIN)/python benchmarks/devices.py install
	$(BIN)/python benchmarks/devices.py bits
	$(BIN)/python benchmarks/devices.py sizes
	$(BIN)/python benchmarks/devices.py peers

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint sklstm  # it calls pycodestyle by name

# Compiled once for all environments.
$(WHEEL): $(SOURCES) | $(BIN)/python
	rm -rf $(@D)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(@D) .
	touch $@

# One stamp per set of extras, renewed when the wheel is newer. pip keeps an installed package of the same version, unless it is forced.
$(VENV)/installed-%: $(WHEEL)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(echo $(<D)/*.whl)[$*]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(<D)/*.whl
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(CLIENTS)/installed: tests/clients/requirements.txt $(WHEEL) | $(CLIENTS)/bin/python
	$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt build/wheel/*.whl
	$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps build/wheel/*.whl
	touch $@

$(CLIENTS)/bin/python:
	$(PYTHON) -m venv $(CLIENTS)

clean:
	rm -rf $(VENV) $(CLIENTS) build dist *.egg-info
