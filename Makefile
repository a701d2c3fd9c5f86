# make demo   a virtual environment, the packages, then everything on the demonstration data, and the service
# make test   the same set-up, then every check and the whole test suite

PYTHON ?= $(shell command -v python3.11 || command -v python3)
NEED_GB ?= 8
BIN := .venv/bin
PACKAGES := configs privacy features fairness training serving

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export FEAST_USAGE := False

.PHONY: demo test clean machine

demo: .venv/serve
	$(BIN)/fairshelf demo

test: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --doctest-modules $(PACKAGES) tests --cov --cov-report=term

# Stamps: a set-up is done again only when the lock or the project's own requirements change.
.venv/serve: requirements.lock pyproject.toml | machine
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[serve,train]'
	touch $@

.venv/dev: .venv/serve
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[serve,train,dev]'
	touch $@

machine:
	@test -n "$(PYTHON)" || { echo "fairshelf: Python 3.11 is missing. Install it (Debian: apt-get install python3.11 python3.11-venv) or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "fairshelf: $(PYTHON) is $$("$(PYTHON)" -V 2>&1), Python 3.11 is needed. Install it or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "fairshelf: $(PYTHON) cannot make virtual environments. Install its venv package (Debian: apt-get install python3.11-venv)"; exit 2; }
	@case "$$(uname)" in Linux) PATH="$$PATH:/usr/sbin:/sbin" ldconfig -p | grep -q 'libgomp\.so\.1' || { echo "fairshelf: the OpenMP runtime libgomp.so.1 is missing, LightGBM needs it. Install it (Debian: apt-get install libgomp1)"; exit 2; };; esac
	@free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1000000)}'); test "$$free" -ge $(NEED_GB) || { echo "fairshelf: $$free GB of disk are free here, $(NEED_GB) GB are needed. Free some space, or lower the limit: make NEED_GB=…"; exit 2; }

clean:
	rm -rf .venv var build dist *.egg-info
