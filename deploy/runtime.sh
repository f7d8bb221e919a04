#!/bin/sh
# Installs in VENV what the application needs to run, at the locked versions with their hashes; run beside
# pyproject.toml and requirements.lock. The lock holds the developers' tools too: compiling again without them over a
# copy of it keeps versions and hashes, so that what is installed is the same verified files, minus tests and linters.
set -eu
venv=${1:?folder of the virtual environment}
python3 -m venv "$venv"
"$venv/bin/pip" install --no-cache-dir --quiet --disable-pip-version-check uv
work=$(mktemp -d)
cp requirements.lock "$work/runtime.lock"
"$venv/bin/uv" pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url --output-file "$work/runtime.lock" > /dev/null
"$venv/bin/uv" pip install --no-cache --python "$venv/bin/python" --require-hashes -r "$work/runtime.lock"
"$venv/bin/uv" pip uninstall --python "$venv/bin/python" uv
rm -r "$work"
