#!/usr/bin/env bash
# Install Apptainer for the tests, on Debian 12 as root. Does nothing where it is installed.
#
# Debian 12 has no package of it, Debian's unstable suite has, linked against a newer C library. So the program and the
# few libraries that it needs are taken out of unstable's packages, and it alone is made to use them; nothing else on
# the machine changes. Exit code 69 says that unstable's packages cannot be had, and nothing else says that.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
! apptainer version 2>/dev/null || exit 0
[ "$(id -u)" = 0 ] || { echo "error: installing Apptainer needs root" >&2; exit 1; }

apt-get update -qq
apt-get install -y -qq --no-install-recommends patchelf libcap2-bin debootstrap squashfs-tools squashfuse fuse3 \
  fuse-overlayfs uidmap ca-certificates >/dev/null

place=/opt/apptainer-tests # unstable's libraries
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -1)
mkdir -p "$work"/{lists/partial,archives/partial,packages,libraries,program}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"

unstable() { # apt-get with a list of packages of its own
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache::Archives="$work/archives" -o Dir::Cache::PkgCache= \
    -o Dir::Cache::SrcPkgCache= -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Acquire::Languages=none \
    -o APT::Update::Error-Mode=any "$@"
}
if ! { unstable update && cd "$work/packages" && unstable download apptainer libc6 libseccomp2 libsqlite3-0; }; then
  echo "Debian unstable's apptainer packages cannot be had" >&2
  exit 69
fi

for package in lib*.deb; do dpkg-deb --extract "$package" "$work/libraries"; done
dpkg-deb --extract apptainer_*.deb "$work/program"
mkdir -p "$place"
cp -a "$work"/libraries/usr/lib/x86_64-linux-gnu/*.so* "$place/"
for binary in bin/apptainer lib/x86_64-linux-gnu/apptainer/bin/starter; do
  patchelf --set-interpreter "$place/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$place" "$work/program/usr/$binary"
done
cp -a "$work"/program/{etc,usr} /
mkdir -p /var/lib/apptainer/mnt/session

# Root in a container may hold less than Apptainer asks for by itself; then it may ask for what there is. For builds
# there is only APPTAINER_DROP_CAPS, which conftest.py sets.
if ! capsh --has-p=cap_sys_resource 2>/dev/null; then
  held=$(capsh --decode="$(awk '/^CapBnd/ {print $2}' /proc/self/status)" | cut -d= -f2 | tr '[:lower:]' '[:upper:]')
  apptainer config global --set "root default capabilities" file
  printf '{"users": {"root": ["%s"]}}\n' "${held//,/\",\"}" >/etc/apptainer/capability.json
fi
apptainer version
