#!/usr/bin/env bash
# Build containers/xtts-<lock hash>.sif from xtts.def; does nothing where it is there. Arguments go to `apptainer build`:
#   --build-arg Bootstrap=... From=... MirrorURL=...   another base than the public one (see xtts.def)
# APPTAINER_TMPDIR names the scratch folder; in memory (/dev/shm) the build takes half the time.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$(sha256sum envs/xtts.lock | cut -c1-12)
image=containers/xtts-$lock.sif
[ ! -f "$image" ] || { echo "$image is there"; exit 0; }

fail() { echo "error: $1" >&2; exit 1; }
command -v apptainer >/dev/null || fail "apptainer was not found, and it builds the image
  Debian, Ubuntu:  https://apptainer.org/docs/admin/latest/installation.html
  cluster:         module load apptainer (see: module avail apptainer)
  no Apptainer:    make reproduce ENV=venv needs none"
scratch=${APPTAINER_TMPDIR:-${TMPDIR:-/tmp}}
for place in "$scratch:15" "containers:5"; do
  free=$(df --output=avail --block-size=1G "${place%:*}" | tail -1)
  [ "$free" -ge "${place##*:}" ] || fail "the image needs ${place##*:} GB in ${place%:*} and ${free// /} GB are free there
  APPTAINER_TMPDIR=/other/folder names another scratch folder"
done

exec 9<containers/xtts.def
flock --nonblock --conflict-exit-code 75 9 || case $? in
  75) fail "another build of the image is under way in this folder" ;;
  *) echo "warning: the file system of $PWD has no locks: start no second build here meanwhile" >&2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work" "$image.partial"' EXIT

# The build sees nothing of this machine but what it is given here: how to reach the network.
{
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
  done
  index=${UV_DEFAULT_INDEX:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
  [ -z "$index" ] || printf 'export UV_DEFAULT_INDEX=%q PIP_INDEX_URL=%q\n' "$index" "$index"
  if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    cp /etc/ssl/certs/ca-certificates.crt "$work/"
    echo 'export SSL_CERT_FILE=/mnt/ca-certificates.crt PIP_CERT=/mnt/ca-certificates.crt'
  fi
} >"$work/network"

begin=$SECONDS
APPTAINER_BIND="$work:/mnt${APPTAINER_BIND:+,$APPTAINER_BIND}" apptainer build --force \
  --mksquashfs-args "-comp zstd -Xcompression-level 3" \
  --build-arg "Lock=$lock" --build-arg "Revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  "$@" "$image.partial" containers/xtts.def
mv "$image.partial" "$image"
echo "$image: $(du --apparent-size -h "$image" | cut -f1), built in $((SECONDS - begin)) s"
