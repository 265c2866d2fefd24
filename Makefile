# make demo    the Mona Lisa comes to life: outputs/mona_lisa_*.mp4
# make test    every check: lint, types, tests
# make lint    ruff and mypy
# make app     the studio in the browser
# make lab     the notebooks in the browser

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test lint app lab

# The first Python that is new enough and can make a virtual environment.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	if "$$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo "$$python"; break; fi; done)

BIN := .venv/bin

# Installs what follows from the index: shows the large downloads as they come, and pip's own words only if it fails.
INSTALL := install() { \
	$(BIN)/python -m pip install --disable-pip-version-check --no-input -c constraints.txt "$$@" 2>&1 | tee .venv/pip.log | awk \
		'/^ *(Downloading|Using cached)/ && / MB\)/ { print "  " $$2 " " $$3 $$4; fflush() } \
		/^Installing collected/ { print "  unpacking ..."; fflush() }' || \
	{ grep -v "^WARNING" .venv/pip.log | tail -n 30 >&2; exit 1; }; }; install

demo: .venv/.core
	$(BIN)/living-portraits demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest notebooks -n auto --maxprocesses 2 --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout 300

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

app: .venv/.app
	@exec $(BIN)/python app.py

lab: .venv/.notebooks
	@exec $(BIN)/jupyter lab notebooks

.venv/.core: pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "Living Portraits needs Python 3.11 or newer with its venv module (Debian and Ubuntu: apt-get install python3-venv)." >&2; \
		exit 1; fi
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then "$(PYTHON)" -m venv --clear .venv; fi
	@$(SYSTEM_LIBRARIES)
	@echo "Installing into .venv, a few minutes the first time:"
	@$(INSTALL) -e .
	@touch $@

.venv/.app: .venv/.core
	@echo "Installing what the studio needs:"
	@$(INSTALL) -e ".[app]"
	@touch $@

.venv/.notebooks: .venv/.core
	@echo "Installing what the notebooks need:"
	@$(INSTALL) -e ".[notebooks]"
	@touch $@

.venv/.test: .venv/.core
	@echo "Installing what the tests need:"
	@$(INSTALL) -e ".[test,app,notebooks,face-alignment]"
	@touch $@

# MediaPipe and its OpenCV link libraries of the desktop, which bare containers lack.
LIBRARIES := libEGL.so.1 libGLESv2.so.2 libGL.so.1 libgthread-2.0.so.0
DEBIAN_PACKAGES := libegl1 libgles2 libgl1 libglib2.0-0

define SYSTEM_LIBRARIES
missing() { \
	! "$(PYTHON)" -c 'import ctypes, sys; [ctypes.CDLL(name) for name in sys.argv[1:] if sys.platform == "linux"]' \
		$(LIBRARIES) 2>/dev/null; }; \
if missing && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing the system packages $(DEBIAN_PACKAGES):"; \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y --no-install-recommends $(DEBIAN_PACKAGES); } >/dev/null || true; \
fi; \
if missing; then \
	echo "Face tracking needs $(LIBRARIES): install them (Debian and Ubuntu: sudo apt-get install $(DEBIAN_PACKAGES)) and run make again." >&2; \
	exit 1; \
fi
endef
