#!/bin/bash
# build.sh [--keep] — make the files of a release, into target/dist/release: a program that needs glibc 2.17 or newer and nothing else, packed by pack.sh.
#
# It builds for the architectures whose standard library is installed, x86_64 in any case, on an x86_64 Linux machine. The cross linker comes from
# PyPI by checksum (requirements.txt), the maker of the SBOM from crates.io by version and lock file, into target/dist/tools: nothing is
# installed elsewhere but the distribution's packages that scripts/need names. The dates inside are those of the last commit.
#
# With --keep what an earlier run has compiled is used: for trying something out, not for a release.
#
# The same commit gives the same files where the toolchain and the path of the repository are the same (OpenSSL keeps that path inside it).
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
here=$(dirname "$(realpath "$0")") repo=$(realpath "$(dirname "$(realpath "$0")")/..")
keep=''
[ "${1:-}" != --keep ] || { keep=yes; shift; }
[ $# = 0 ] || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2; }
cyclonedx=0.5.9
die() { echo "dist: $*" >&2; exit 1; }
say() { echo "dist: $*" >&2; }

PATH=$PATH:${HOME:-/root}/.cargo/bin
cd "$repo"
[ "$(uname -sm)" = "Linux x86_64" ] || die "the cross linker that is pinned here runs on x86_64 Linux only, and this machine is $(uname -sm)"
scripts/need dist
unset OPENSSL_NO_VENDOR OPENSSL_DIR OPENSSL_LIB_DIR RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || die "this is no git checkout: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH
[ -z "$(git status --porcelain 2>/dev/null)" ] || say "WARNING: there are changes that are not committed: this is no release of a commit"
work=$repo/target/dist tools=$repo/target/dist/tools
mkdir -p "$tools"

say "the server that replctl carries"
make -s --no-print-directory server >&2

say "tools"
if ! cmp -s dist/requirements.txt "$tools/requirements.txt"; then
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/python" -m pip -q install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r dist/requirements.txt
  cp dist/requirements.txt "$tools/requirements.txt"
fi
"$tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null | grep -qF " $cyclonedx" ||
  CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --debug --root "$tools" "cargo-cyclonedx@$cyclonedx"
PATH=$tools/python/bin:$tools/bin:$PATH
# Paths of this machine stand in no panic message.
export RUSTFLAGS="--remap-path-prefix=$repo=/replctl --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=/crates --remap-path-prefix=$(rustc --print sysroot)=/rust"
export LIBZ_SYS_STATIC=1 ZIG_GLOBAL_CACHE_DIR=$work/zig ZIG_LOCAL_CACHE_DIR=$work/zig CARGO_ZIGBUILD_CACHE_DIR=$work/zigbuild

[ -n "$keep" ] || rm -rf "$work/build"
rm -rf "$work/release"; mkdir -p "$work/release"
for arch in x86_64 aarch64; do
  target=$arch-unknown-linux-gnu
  if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    echo "$arch: not built here: the standard library for it is not installed (rustup target add $target)"
    continue
  fi
  say "replctl for $arch"
  cargo zigbuild --release --locked --target "$target.2.17" --target-dir "$work/build" --features vendored-openssl >&2
  program=$work/build/$target/release/replctl
  said=$("$here/abi.sh" "$program")
  echo "$arch: $said"
  "$here/pack.sh" "$arch" "$program" "$work/release"
done
cp dist/install.sh "$work/release/"
(cd "$work/release" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
# The time stamp of a file is no part of it, but of a listing.
find "$work/release" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
echo "made in target/dist/release:"
(cd "$work/release" && for file in *; do printf '  %9d  %s\n' "$(stat -c %s "$file")" "$file"; done)
