# make demo            the sandbox with the proxy in front of it, no key needed
# make run             the proxy with the settings in .env
# make test            the whole test suite
# make check           lint, types and tests; writes nothing
# make lint            mend what lint can mend
# make test-clients    real clients against the service: Claude Code and others; installs them from npm and PyPI
# make test-openclaw   the real OpenClaw against the service; installs it and its Node into .cache (1.1 GB, a minute)
# make test-ui         the page in Debian's Chromium, which root installs by apt where it is missing
# make picture         the pictures of the page in docs/, taken again; needs the same browser
# make test-deploy     the files of deploy/ for real: nginx, Apache, systemd, Redis; root, installs them by apt
# make bench           how the cost grows, as a table and a picture; BASE=REV compares commits, V2=1 v2 with v1,
#                      OLLAMA=1 Ollama's API with OpenAI's, GEMINI=1 Gemini's
# make messages        bring the Russian catalogue up to date with the code, and compile it
# make tables        settings, parameters and clients in docs/, written again from the code
# make wheelhouse      all that an installation without internet needs, on machines with this one's system and Python
# make licences        of everything that is installed or shipped
# make pythons         on which Pythons and systems everything is there as wheels; asks PyPI
# make messages        bring the Russian catalogue up to date with the code, and compile it
# make vendor          bring the page's libraries from npm again, as gpt2giga/ui/vendor/packages.txt names them
# make lock            pin what the requirements name now, with hashes for deployed services
# make repository      URL=https://..., where this is published: writes it wherever it stands
# make clean           remove what the others have made
#
# PORT=8081 is another port for demo and run, PYTHON=python3.13 another Python. uv installs where it is there, else pip;
# UV= means pip in any case.

PYTHON ?= python3
PORT ?= 8080
VENV = .venv
PY = $(VENV)/bin/python
UV ?= $(shell command -v uv)
# Compiled is what is imported, when it is: a quarter of pip's time less.
INSTALL = $(if $(UV),$(UV) pip install --python $(PY),$(PY) -m pip install --disable-pip-version-check --no-compile) \
	--constraint constraints.txt

.PHONY: help demo run test test-clients openclaw test-openclaw test-ui picture test-deploy bench check style lint \
	messages tables vendor lock wheelhouse licences pythons repository clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/installed
	@$(PY) -m gpt2giga --sandbox --port $(PORT)

run: $(VENV)/installed
	@$(PY) -m gpt2giga

# Three processes, also on two cores: tests wait a lot. Files run in the order of their names, which leaves no long one
# for the end. Many container images set the variable, and each run would compile all the tests again.
test: $(VENV)/installed-dev
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-clients: $(VENV)/installed-clients
	$(PY) -m pytest tests/clients

openclaw: $(VENV)/installed-dev
	$(PY) -m tests.openclaw.install

test-openclaw: openclaw
	$(PY) -m pytest tests/openclaw

test-ui: $(VENV)/installed-ui
	bash tests/ui/needs.sh
	$(PY) -m pytest tests/ui

picture: $(VENV)/installed-ui
	bash tests/ui/needs.sh
	$(PY) -m tests.ui.picture

test-deploy: $(VENV)/installed-dev
	bash tests/deploy/needs.sh
	$(PY) -m pytest -n 2 --dist loadfile -rP tests/deploy

bench: $(VENV)/installed-bench
	$(PY) -m benchmarks $(if $(BASE),--base $(BASE)) $(if $(V2),--v2) $(if $(OLLAMA),--ollama) $(if $(GEMINI),--gemini)

check: style test

style: $(VENV)/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

lint: $(VENV)/installed-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

messages: $(VENV)/installed-dev
	@$(PY) -m tests.language.catalogue

tables: $(VENV)/installed-dev
	@$(PY) -m tests.docs.test_tables

vendor:
	bash gpt2giga/ui/vendor/renew.sh

# What is pinned stays as it is while it fits; who wants a newer version deletes its line first.
LOCK = $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.10 --no-annotate \
	--custom-compile-command "make lock"
lock: $(VENV)/lock/bin/uv
	$(LOCK) $(wildcard requirements*.txt) --output-file constraints.txt
	$(LOCK) --generate-hashes --constraint constraints.txt requirements.txt --output-file requirements.lock

$(VENV)/lock/bin/uv:
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv

pythons: $(VENV)/lock/bin/uv $(VENV)/installed-dev
	@$(PY) -m tests.deploy.pythons $<

# For machines with this one's system and Python.
DOWNLOAD = $(VENV)/wheelhouse/bin/pip download --disable-pip-version-check --only-binary=:all: --dest wheelhouse
wheelhouse:
	@$(PYTHON) -m venv $(VENV)/wheelhouse
	rm -rf build wheelhouse
	$(DOWNLOAD) --requirement requirements.lock
	$(DOWNLOAD) --constraint constraints.txt redis socksio pillow setuptools
	$(VENV)/wheelhouse/bin/pip wheel --disable-pip-version-check --no-deps --wheel-dir wheelhouse .

# Of what a service runs with, of the page's libraries, and whose certificate is shipped.
licences: $(VENV)/installed-dev
	@$(VENV)/bin/pip-licenses --with-urls --packages $$(sed -nE 's/^([a-z0-9._-]+)==.*/\1/p' requirements.lock)
	@echo
	@echo "peewee (MIT): its package names none, but brings the text"
	@sed -n 's/^# \(.*(.*).*\)/\1/p' gpt2giga/ui/vendor/packages.txt
	@echo "gpt2giga/certs: Russian Trusted Root CA, published by the Ministry of Digital Development of Russia"

PUBLISHED = pyproject.toml deploy/install.sh SECURITY.md .github
repository:
	@test -n "$(URL)" || { echo "make repository URL=https://..." >&2; exit 2; }
	sed -i "s|$$(sed -n 's/^Repository = "\(.*\)"/\1/p' pyproject.toml)|$(URL)|g" $$(find $(PUBLISHED) -type f)

clean:
	rm -rf $(VENV) build wheelhouse *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Never made again over an old one: `python3` may be another Python by then.
$(PY):
	@echo "Making $(VENV) ..."
	@$(if $(UV),$(UV) venv --quiet --seed --python $(PYTHON),$(PYTHON) -m venv) $(VENV) || \
		{ echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/installed: requirements.txt constraints.txt pyproject.toml | $(PY)
	@echo "Installing into $(VENV), this takes up to a minute ..."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@$(INSTALL) --requirement requirements-dev.txt
	@touch $@

$(VENV)/installed-ui: $(VENV)/installed-dev requirements-ui.txt
	@$(INSTALL) --requirement requirements-ui.txt
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed requirements-bench.txt
	@$(INSTALL) --requirement requirements-bench.txt
	@touch $@

$(VENV)/installed-clients: $(VENV)/installed-dev requirements-clients.txt
	@$(INSTALL) --requirement requirements-clients.txt
	@touch $@
