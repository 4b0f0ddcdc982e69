#!/usr/bin/env bash
# Resolve envs/*.in into envs/*.lock (hashes, no index addresses; Linux x86_64 only). Run after changing an .in file; needs .venv/uv.
set -euo pipefail
cd "$(dirname "$0")"
export UV_SYSTEM_CERTS=true
for name in uv build workflow xtts; do
  ../.venv/uv/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_31 \
    --generate-hashes --no-emit-index-url --no-header --override overrides.txt "$name.in" --output-file "$name.lock"
done
