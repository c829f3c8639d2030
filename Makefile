# Two commands: `make talk` sets everything up and talks; `make test` sets everything up and runs the suite.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ANSWERS ?= answers.wav
# Tests wait for sound and for processes half of their time, so more of them at once than there are cores.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 )))

# PortAudio and libopus are what the program can use; the rest is what the tests need on a machine without sound.
TALK_PACKAGES := python3-venv libportaudio2 libopus0
TEST_PACKAGES := $(TALK_PACKAGES) pulseaudio pulseaudio-utils libasound2-plugins tmux strace chromium fonts-dejavu-core

.PHONY: talk test lint lock install clean

talk: $(VENV)/.talk-packages $(VENV)/.installed
	@if $(BIN)/voicecli devices >/dev/null 2>&1; then \
		$(BIN)/voicecli talk; \
	else \
		echo "There is no microphone or no loudspeaker here, so the bundled voice asks three questions"; \
		echo "in real time, and the answers are written to $(ANSWERS)."; \
		$(BIN)/voicecli talk --rehearse --speaker $(ANSWERS); \
	fi

test: $(VENV)/.test-packages $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not benchmark and not alone" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "alone and not benchmark" $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.installed

# The environment is made after the packages, for Debian keeps Python's venv in one of them.
$(VENV)/bin/python: | system-venv
	$(PYTHON) -m venv $(VENV)

.PHONY: system-venv
system-venv:
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || sh .ci/packages python3-venv

$(VENV)/.talk-packages: .ci/packages | $(VENV)/bin/python
	sh .ci/packages $(TALK_PACKAGES)
	@touch $@

$(VENV)/.test-packages: .ci/packages | $(VENV)/bin/python
	sh .ci/packages $(TEST_PACKAGES)
	@touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

# What the suite runs on is what the lock says, by its hashes; where that cannot be had, whatever fits will do.
$(VENV)/.installed-dev: pyproject.toml .ci/dev.lock | $(VENV)/bin/python
	@$(PIP) --require-hashes -r .ci/dev.lock && $(PIP) --no-deps --no-build-isolation -e . || { \
		echo "note: .ci/dev.lock cannot be installed here, so the newest packages that fit are taken" >&2; \
		$(PIP) -e ".[dev]"; }
	@touch $@ $(VENV)/.installed

# Written anew when a dependency changes, and from time to time.
lock: $(VENV)/.installed-dev
	$(PIP) uv
	sh .ci/lock $(BIN)/uv

clean:
	rm -rf $(VENV) build dist *.egg-info
