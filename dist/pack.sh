#!/bin/bash
# pack.sh ARCH PROGRAM DIR — make of a built program what a release has for an architecture: tar.gz, .deb, .rpm and an SBOM, in DIR.
#
# build.sh calls it, and sets SOURCE_DATE_EPOCH and the path of its tools. All is sorted, owned by root, and dated by SOURCE_DATE_EPOCH.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
here=$(dirname "$(realpath "$0")") repo=$(realpath "$(dirname "$(realpath "$0")")/..")
[ $# = 3 ] || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2; }
arch=$1 program=$(realpath "$2") into=$(realpath "$3")
: "${SOURCE_DATE_EPOCH:?is not set: build.sh sets it}"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml" | head -n 1)
maintainer='The replctl maintainers <maintainers@replctl.invalid>'
summary='Set up, look at and hand over Redis and Valkey replication deployments'
name=replctl-$version-$arch-linux
work=$(mktemp -d "$into/.pack.XXXXXX"); trap 'rm -rf "$work"' EXIT
cd "$repo"
# docs/, and what its pages and the README lead to.
documents() { cp -r docs "$1/"; chmod -R u=rwX,go=rX "$1/docs"; install -D -m 644 -t "$1/schema" schema/replctl.schema.json; install -m 644 CONTRIBUTING.md "$1/"; }
dated() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# ------------------------------------------------------------------------------------------------------------ the tar.gz
tree=$work/$name
mkdir -p "$tree"/{man,completions}
install -m 755 "$program" "$tree/replctl"
install -m 755 dist/install.sh "$tree/install.sh"
install -m 644 README.md README.zh.md CHANGELOG.md LICENSE inventory.toml.example "$tree/"
documents "$tree"
install -m 644 man/*.1 "$tree/man/"
install -m 644 completions/* "$tree/completions/"
python3 dist/licences.py "$arch-unknown-linux-gnu" >"$tree/NOTICE"
install -m 644 "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" "$tree/NOTICE-rust-std.html"
dated "$tree"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$into/$name.tar.gz"

# -------------------------------------------------------------------------------------------------------------- the SBOM
(cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$arch-unknown-linux-gnu" --features vendored-openssl --override-filename "sbom-$arch")
mv "sbom-$arch.json" "$work/sbom.json"
python3 dist/sbom.py "$work/sbom.json" payload/manifest.toml >"$into/$name.cdx.json"

# ---------------------------------------------------------------------------------- what both kinds of packages install
root=$work/root doc=usr/share/doc/replctl
mkdir -p "$root"/usr/share/{man/man1,bash-completion/completions,fish/vendor_completions.d} "$root/$doc"
install -D -m 755 "$program" "$root/usr/bin/replctl"
install -m 644 man/*.1 "$root/usr/share/man/man1/"
gzip -9n "$root"/usr/share/man/man1/*.1
install -m 644 completions/replctl.bash "$root/usr/share/bash-completion/completions/replctl"
install -m 644 completions/replctl.fish "$root/usr/share/fish/vendor_completions.d/replctl.fish"
install -m 644 README.md README.zh.md CHANGELOG.md inventory.toml.example "$tree/NOTICE-rust-std.html" "$root/$doc/"
documents "$root/$doc"

# ----------------------------------------------------------------------------------------------------------------- .deb
declare -A of_debian=([x86_64]=amd64 [aarch64]=arm64)
deb=$work/deb
cp -a "$root" "$deb"; mkdir "$deb/DEBIAN"
install -D -m 644 completions/_replctl "$deb/usr/share/zsh/vendor-completions/_replctl"
cat LICENSE "$tree/NOTICE" >"$deb/$doc/copyright"
(cd "$deb" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$deb/DEBIAN/md5sums"
cat >"$deb/DEBIAN/control" <<CONTROL
Package: replctl
Version: $version
Architecture: ${of_debian[$arch]}
Maintainer: $maintainer
Installed-Size: $(du -ks --apparent-size "$deb/usr" | cut -f1)
Depends: libc6 (>= 2.17)
Recommends: openssh-client
Section: database
Priority: optional
Description: $summary
 From an inventory of hosts reached by SSH, replctl sets up one primary with its
 replicas, shows replication as it really is, and changes the primary without
 losing an acknowledged write.
CONTROL
dated "$deb"
dpkg-deb --root-owner-group --uniform-compression -Zxz -b "$deb" "$into/replctl_${version}_${of_debian[$arch]}.deb" >/dev/null

# ----------------------------------------------------------------------------------------------------------------- .rpm
install -D -m 644 completions/_replctl "$root/usr/share/zsh/site-functions/_replctl"
install -D -m 644 LICENSE "$root/usr/share/licenses/replctl/LICENSE"
install -m 644 "$tree/NOTICE" "$root/usr/share/licenses/replctl/NOTICE"
dated "$root"
cat >"$work/replctl.spec" <<SPEC
Name: replctl
Version: $version
Release: 1
Summary: $summary
License: MIT AND BSD-3-Clause AND Apache-2.0
Recommends: openssh-clients
%description
From an inventory of hosts reached by SSH, replctl sets up one primary with its
replicas, shows replication as it really is, and changes the primary without
losing an acknowledged write.
%install
cp -a $root/. %{buildroot}/
%files
/usr/bin/replctl
%doc /usr/share/doc/replctl
%license /usr/share/licenses/replctl
/usr/share/man/man1/*
/usr/share/bash-completion/completions/replctl
/usr/share/fish/vendor_completions.d/replctl.fish
/usr/share/zsh/site-functions/_replctl
SPEC
# As it was built and dated: not stripped, not compressed anew, in a form that old rpm reads, too.
rpmbuild --quiet -bb --target "$arch-linux" --define "_topdir $work/rpm" --define "_buildhost release" --define "_rpmdir $work/rpms" \
  --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" --define "__os_install_post %{nil}" \
  --define "debug_package %{nil}" --define "_build_id_links none" --define "_binary_payload w9.gzdio" --define "_docdir_fmt %{NAME}" \
  "$work/replctl.spec" >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log" >&2; exit 1; }
cp "$work/rpms/$arch/replctl-$version-1.$arch.rpm" "$into/"
