# Two commands do everything on a fresh machine: `make reproduce` and `make test`.
# Both install first what they need: into the active environment, or else into .venv here.

# A CPU is enough. For an NVIDIA GPU install the CUDA build of torch that fits its driver first, as
# pytorch.org tells, into the environment that is to be active: a torch that is there is kept.
TORCH ?= torch==2.13.0
# What is installed is what was tested: exact versions with their hashes. `make install LOCK=` takes the newest instead.
LOCK ?= requirements.lock
BUDGET ?= recorded
OUT ?= reproduced
ARGS ?=
# One more than cores, for the longest tests wait a good deal, for browsers and kernels.
WORKERS ?= $(shell python3 -c "import os; print(min(os.cpu_count() + 1, 8))")

# conda's own base environment does not count as active.
ACTIVE := $(or $(VIRTUAL_ENV),$(if $(filter-out base,$(CONDA_DEFAULT_ENV)),$(CONDA_PREFIX)))
ENV := $(if $(ACTIVE),$(ACTIVE),$(CURDIR)/.venv)
PYTHON := $(ENV)/bin/python
STAMP := $(ENV)/.ddvae-installed

ifdef DDVAE_DATA
override DDVAE_DATA := $(if $(filter /%,$(DDVAE_DATA)),,$(CURDIR)/)$(DDVAE_DATA)
export DDVAE_DATA
endif

.PHONY: help install lock reproduce test check lab app site notebooks lint clean

help:
	@echo "make install     everything into the active environment or .venv"
	@echo "make reproduce   all tables and figures into $(OUT)/ (BUDGET=recorded|smoke|laptop|hours|full, now $(BUDGET))"
	@echo "make test        the whole test suite"
	@echo "make lab         JupyterLab on the start notebook"
	@echo "make app         the widgets alone as a page in the browser"
	@echo "make site        the book, the guide and the API reference as a site into site/"
	@echo "make notebooks   execute the committed notebooks in place, at budget recorded, and write figures/"
	@echo "make lint        ruff and mypy"
	@echo "make lock        requirements.lock anew, with the newest versions"
	@echo "make check       what changed since the last commit: lint, and the quick tests of it"

install: $(STAMP)

# Modules are compiled at the end, on all cores and without tests, which is twice as fast as what pip does.
# molsets comes without its requirements: its list pins a pomegranate that no longer builds.
PIP = "$(PYTHON)" -m pip install --quiet --no-compile
$(STAMP): pyproject.toml Makefile $(LOCK)
	@test -x "$(PYTHON)" || python3 -m venv "$(ENV)"
	$(if $(LOCK),$(PIP) --no-deps --require-hashes --requirement "$(LOCK)")
	"$(PYTHON)" -c "import torch" 2>/dev/null || $(PIP) $(TORCH)
	$(if $(LOCK),$(PIP) --no-deps --no-build-isolation --editable .,$(PIP) --upgrade --editable ".[book,test]")
	$(PIP) --no-deps "molsets==0.3.1"
	@"$(PYTHON)" -c "import compileall, re, site; compileall.compile_dir(site.getsitepackages()[0], \
		quiet=2, workers=0, rx=re.compile('/tests/'))"
	@touch "$(STAMP)"

reproduce: install
	"$(PYTHON)" -m ddvae reproduce --budget $(BUDGET) --out $(OUT) $(ARGS)

test: install lint
	"$(PYTHON)" -m pytest --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder $(ARGS)

lint: install
	"$(PYTHON)" -m ruff check .
	"$(PYTHON)" -m ruff format --check .
	"$(PYTHON)" -m mypy

# Of each file that git shows as changed, the test of its name, or else all of its wing.
CHANGED = $(shell git status --porcelain -- ddvae tests | cut -c4- | sed 's,.* -> ,,' \
	| sed -nE 's,^(ddvae|tests)/([a-z_]+)/(.*/)?(test_)?([a-z_]+)\.py$$,tests/\2/test_\5.py tests/\2,p' \
	| while read room wing; do if test -e $$room; then echo $$room; else echo $$wing; fi; done | sort -u)
check: lint
	$(if $(wildcard $(CHANGED)),"$(PYTHON)" -m pytest --quiet --numprocesses $(WORKERS) -m "not slow" tests/test_layering.py $(wildcard $(CHANGED)) $(ARGS),)

# Notebooks run in the environment that is installed into, whatever "python3" means to the user's Jupyter.
lab: install
	JUPYTER_PATH="$(CURDIR)/notebooks/page$${JUPYTER_PATH:+:$$JUPYTER_PATH}" \
		"$(PYTHON)" -m jupyter lab notebooks/00_start_here.ipynb

# Its settings (this machine alone, a token, the look, the kernel) are in notebooks/page.
app: install
	JUPYTER_PATH="$(CURDIR)/notebooks/page" JUPYTER_CONFIG_PATH="$(CURDIR)/notebooks/page" \
		"$(PYTHON)" -m voila notebooks/widgets.ipynb $(ARGS)

# Sphinx reads the notebooks with their outputs; a warning is an error.
site: install
	"$(PYTHON)" -m sphinx --fail-on-warning --keep-going -c docs . site
	@echo "open site/index.html"

# fsspec is torch's, which is not in the lock.
lock: install
	$(PIP) uv
	echo fsspec | "$(PYTHON)" -m uv pip compile pyproject.toml - --extra book --extra test --universal --upgrade \
		--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock

notebooks: install
	"$(PYTHON)" -m ddvae notebooks $(ARGS)

clean:
	rm -rf reproduced/trained reproduced/notebooks .pytest_cache .ruff_cache .hypothesis
