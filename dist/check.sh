#!/bin/bash
# check.sh — prove that the files in target/dist/release (made by build.sh) do on other systems what they are for. Needs root.
#
# 1. The checksums are right, and the program asks for no symbol that is newer than glibc 2.17.
# 2. On Debian 11: an ordinary user installs the tar.gz into a fresh home, and plays the demo with that program; then the .deb.
# 3. On a host whose package manager is dnf: the .rpm, its dependencies resolved against what a glibc package provides; and the demo.
#
# The two systems are made by mmdebstrap, once, in target/dist/check. What runs in them runs in namespaces of its own, without a network, and on
# an overlay in memory: nothing stays. What is done there is in inside.sh.
set -euo pipefail
umask 022
export LC_ALL=C
self=$(realpath "$0") here=$(dirname "$(realpath "$0")") repo=$(realpath "$(dirname "$(realpath "$0")")/..")
release=$repo/target/dist/release bases=$repo/target/dist/check
die() { echo "dist-check: $*" >&2; exit 1; }

# A system on an overlay, in the namespaces of `unshare` below; the kernel takes all of it away when this process ends.
enter() { # BASE WHAT
  local root
  mount -t tmpfs -o size=2G,mode=755 tmpfs "$bases/mnt"
  root=$bases/mnt/root
  mkdir "$bases/mnt"/{upper,work,root}
  mount -t overlay -o "lowerdir=$1,upperdir=$bases/mnt/upper,workdir=$bases/mnt/work" overlay "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom tty; do : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
  mkdir "$root/dev/pts" "$root/dev/shm"; mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"; mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s /proc/self/fd "$root/dev/fd"
  mkdir -p "$root/check/demo"
  cp -r "$release" "$root/check/release"; cp "$here/inside.sh" "$root/check/"; cp "$repo/demo/demo.sh" "$root/check/demo/"
  ip link set lo up
  hostname checked
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$root" /bin/bash /check/inside.sh "$2"
}
if [ "${1:-}" = _enter ]; then enter "$2" "$3"; fi
in_system() { # BASE WHAT
  timeout --kill-after=10 600 \
    unshare --mount --propagation private --net --uts --ipc --pid --fork --kill-child=KILL -- "$self" _enter "$1" "$2" </dev/null
}

[ $# = 0 ] || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2; }
[ "$(id -u)" = 0 ] || die "this needs root, for systems of its own: run it with sudo"
"$repo/scripts/need" dist-check
[ -f "$release/SHA256SUMS" ] || die "target/dist/release is not there: run \`make dist\`"
mkdir -p "$bases/mnt"

# ----------------------------------------------------------------------------------------------------------- the systems
mirror=${REPLCTL_DEBIAN_MIRROR:-$(apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI)" "Created-By: Packages" | awk '$1 == "Debian" && $2 !~ /security/ {print $2; exit}')}
[ -n "$mirror" ] || die "no Debian mirror is configured here: name one in REPLCTL_DEBIAN_MIRROR"
base() { # NAME SUITE PACKAGES
  local new=$bases/$1.new
  [ ! -e "$bases/$1/.complete" ] || return 0
  echo "dist-check: making $1 ($2)" >&2
  rm -rf "$new" "${bases:?}/$1"
  mmdebstrap --quiet --mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --include="openssh-server,openssh-client,procps,$3" "$2" "$new" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $2 main" ||
    die "$2 cannot be had from the Debian mirror that is configured here"
  : >"$new/.complete"; mv -T "$new" "$bases/$1"
}
base debian11 bullseye man-db,bash-completion,zsh,fish
base dnf "$(. /etc/os-release; echo "$VERSION_CODENAME")" dnf,rpm,createrepo-c,man-db,bash-completion

# ------------------------------------------------------------------------------------------------------------ the checks
echo "== checksums, symbols"
(cd "$release" && sha256sum --quiet -c SHA256SUMS)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
tar -xzf "$release"/replctl-*-x86_64-linux.tar.gz -C "$work"
"$here/abi.sh" "$work"/replctl-*/replctl
echo "== Debian 11: tar.gz in a home, demo, .deb"
in_system "$bases/debian11" debian
echo "== a host with dnf: .rpm, demo"
in_system "$bases/dnf" dnf
echo "dist-check: all of it holds"
