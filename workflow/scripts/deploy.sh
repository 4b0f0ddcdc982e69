#!/usr/bin/env bash
# Copy the checkout to a cluster: exactly the tracked files, as they are here, and on request the image, models and data.
# usage: deploy.sh USER@HOST FOLDER [image] [models] [data]      FOLDER is absolute, or relative to the home there
# RSYNC_RSH="ssh -p 2222" names another way to get there. Copies again only what changed, and goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/../.."
fail() { echo "error: $1" >&2; exit 1; }

host=${1:-} folder=${2:-}
[ -n "$host" ] && [ -n "$folder" ] || fail "say where to: make deploy HOST=user@host DIR=folder WITH=\"image models data\""
with=("${@:3}")
image=containers/xtts-$(sha256sum envs/xtts.lock | cut -c1-12).sif
for part in "${with[@]}"; do
  case $part in
    image) [ -f "$image" ] || fail "$image is not there; build it with: make container" ;;
    models) [ -d data/models ] || fail "data/models is not there; run the chain here first, or leave it out of WITH" ;;
    data) [ -d data ] || fail "data is not there" ;;
    *) fail "WITH knows image, models and data, not $part" ;;
  esac
done
command -v rsync >/dev/null || fail "rsync was not found here: sudo apt install rsync"

export RSYNC_RSH=${RSYNC_RSH:-ssh}
there() { $RSYNC_RSH "$host" "cd $(printf %q "$folder") 2>/dev/null; $1"; }

# One round trip says what the remote has. Without rsync there nothing can be copied; the rest is for later.
needed="rsync make python3.11 apptainer sbatch"
missing=$(there "mkdir -p $(printf %q "$folder") && for name in $needed; do command -v \$name >/dev/null || echo \$name; done") ||
  fail "no command runs on $host: try $RSYNC_RSH $host true"
for name in $missing; do
  case $name in
    rsync) fail "$host has no rsync; ask its administrators, or: module load rsync in your profile there" ;;
    python3.11) echo "note: $host has no python3.11 on PATH; see: module avail python, then make slurm PYTHON=..." >&2 ;;
    apptainer) echo "note: $host has no apptainer on PATH; see: module avail apptainer, or make slurm ENV=venv" >&2 ;;
    *) echo "note: $host has no $name on PATH; is it the login node?" >&2 ;;
  esac
done

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
tracked=$work/.deployed
git ls-files -z --deduplicate | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done |
  LC_ALL=C sort >"$tracked"
rsync --protect-args --archive --files-from="$tracked" ./ "$host:$folder/"
# What an earlier deploy brought and is not tracked any more goes; nothing else there is touched.
there "[ ! -f .deployed ] || LC_ALL=C comm -23 .deployed - | while IFS= read -r file; do rm -f -- \"\$file\"; done" <"$tracked"
printf '["%s", %s]\n' "$(git rev-parse HEAD 2>/dev/null)" "$([ -z "$(git status --porcelain)" ] && echo false || echo true)" >"$work/.revision"
rsync --protect-args --archive "$work/.deployed" "$work/.revision" "$host:$folder/"
echo "$(wc -l <"$tracked") tracked files are in $host:$folder"

copy() { rsync --protect-args --archive --partial --info=progress2 --relative "$@" "$host:$folder/"; }
for part in "${with[@]}"; do
  case $part in
    image) copy "$image" ;;
    models) copy data/models ;;
    data) copy --exclude=/data/models data ;;
  esac
  echo "$part is in $host:$folder"
done
