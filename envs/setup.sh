#!/usr/bin/env bash
# Set up .venv/<name> from envs/<name>.lock for each name given; does nothing where the lock is already installed.
# usage: envs/setup.sh workflow xtts        PYTHON=/path/to/python3.11 names another interpreter
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3.11}
source envs/environment.sh
unset PIP_USER PIP_TARGET PIP_PREFIX # they would install elsewhere

stamp() { cat "envs/$1.lock" envs/build.lock | sha256sum | cut -d' ' -f1; }
installed() { [ "$(cat ".venv/$1/.installed" 2>/dev/null)" = "$(stamp "$1")" ]; }

missing=()
for name in "$@"; do installed "$name" || missing+=("$name"); done
[ ${#missing[@]} -gt 0 ] || exit 0

machine="$(uname -s) $(uname -m)"
if [ "$machine" != "Linux x86_64" ]; then
  cat >&2 <<MESSAGE
error: this machine is $machine; the locked packages (envs/*.lock) are those of Linux x86_64 and of nothing else.
  aarch64, ARM:       take an x86_64 machine; torch 2.1.0 has no build for an ARM machine's GPU (Grace, Jetson)
  Windows:            WSL 2, with the checkout in its own file system, not under /mnt/c
  a Mac:              a Linux machine or cluster; make deploy copies the checkout there
MESSAGE
  exit 1
fi

if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
  cat >&2 <<MESSAGE
error: no Python 3.11 with its venv module was found (tried: $python).
  TTS 0.21.3 needs Python below 3.12 and Snakemake 9 needs 3.11 or newer, so 3.11 it is.
  Debian 12:          sudo apt install python3.11 python3.11-venv
  Ubuntu 22.04/24.04: sudo add-apt-repository ppa:deadsnakes/ppa, then the same as on Debian 12
  without root:       curl -LsSf https://astral.sh/uv/install.sh | sh; uv python install 3.11;
                      make PYTHON="\$(uv python find 3.11)" ...
  any Linux:          conda create -p ./python3.11 python=3.11, then make PYTHON=./python3.11/bin/python ...
  cluster:            module load python/3.11 (see: module avail python)
MESSAGE
  exit 1
fi

mkdir -p .venv
exec 9>.venv/.lock

# Everything stays in the checkout; certificates and index are the ones this machine gives to pip.
export UV_CACHE_DIR="$PWD/.venv/cache" UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never
if ! flock 9; then # two set-ups at once would write the same folders, and uv wants locks in its cache
  echo "warning: the file system of $PWD has no locks: start no second set-up here meanwhile" >&2
  UV_CACHE_DIR=$(mktemp -d)
  export UV_LINK_MODE=copy
fi
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=true

if ! installed uv; then
  rm -rf .venv/uv
  "$python" -m venv .venv/uv
  .venv/uv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r envs/uv.lock
  stamp uv >.venv/uv/.installed
fi
index=$(.venv/uv/bin/python -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"

for name in "${missing[@]}"; do
  [ "$name" = uv ] && continue
  echo "setting up .venv/$name from envs/$name.lock" >&2
  [ -x ".venv/$name/bin/python" ] || .venv/uv/bin/uv venv --quiet --clear --python "$python" ".venv/$name"
  rm -f ".venv/$name/.installed"
  .venv/uv/bin/uv pip sync --require-hashes --compile-bytecode --build-constraints envs/build.lock \
    --python ".venv/$name/bin/python" "envs/$name.lock"
  stamp "$name" >".venv/$name/.installed"
done
rm -rf "$UV_CACHE_DIR" # hard links keep what is installed
