#!/usr/bin/env bash
# Builds the server that replctl embeds: a static Redis, from the distribution's signed and patched source package, into payload/.
# This file reads the options, decides whether there is anything to do, and writes payload/manifest.toml for build.rs.
# Where the source comes from: source.sh. How it is compiled: compile.sh. No third-party source is kept in the repository.
set -euo pipefail
umask 022
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=source.sh
. "$here/source.sh"
# shellcheck source=compile.sh
. "$here/compile.sh"

usage() {
    cat <<'TEXT'
Usage: server/build.sh [OPTIONS]

Builds the static server that replctl carries, into payload/. It does nothing when payload/ is up to date.

Options:
  --arch ARCH         only this one (x86_64 or aarch64; repeatable) [default: this machine's,
                      and aarch64 where aarch64-linux-gnu-gcc is installed]
  --source FILE       build this release archive; its content must be one that source.sh lists
  --allow-unpatched   accept a release with known vulnerabilities that are not fixed in it
  --update            ask the distribution for a newer revision, although payload/ is up to date
  --force             build although payload/ is up to date
  --output DIR        write there instead of payload/ (the work folder, target/server, is moved by $REPLCTL_SERVER_WORK)
  --print-tests       print the folder of the server's own test suite, fetching the source where it is missing, and build nothing
  -h, --help          this text
TEXT
}

say() { printf '%s\n' "$*" >&2; }
fail() { # fail SENTENCE [HINT]
    say "error: $1"
    [ $# -lt 2 ] || say " hint: $2"
    exit 1
}

archs=() source_file='' allow_unpatched=no update=no force=no output="$root/payload" print_tests=no
while [ $# -gt 0 ]; do
    case $1 in
        --arch) [ $# -ge 2 ] || fail "--arch needs a value"; archs+=("$2"); shift ;;
        --source) [ $# -ge 2 ] || fail "--source needs a file"; source_file=$2; shift ;;
        --output) [ $# -ge 2 ] || fail "--output needs a folder"; output=$2; shift ;;
        --allow-unpatched) allow_unpatched=yes ;;
        --update) update=yes ;;
        --force) force=yes ;;
        --print-tests) print_tests=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

machine=$(uname -m)
if [ ${#archs[@]} -eq 0 ]; then
    archs=("$machine")
    if [ "$machine" != aarch64 ] && command -v aarch64-linux-gnu-gcc >/dev/null; then
        # The compiler's package only recommends the kernel's headers.
        if [ -d /usr/aarch64-linux-gnu/include/asm ]; then archs+=(aarch64)
        else say "not building for aarch64: its compiler is here, the kernel's headers for it are not ($(foreign_headers_for aarch64))"; fi
    fi
fi
for arch in "${archs[@]}"; do
    case $arch in x86_64 | aarch64) ;; *) fail "the server is built for x86_64 and aarch64, not for \`$arch\`" "server/build.sh --arch x86_64" ;; esac
done
[ -z "$source_file" ] || [ -f "$source_file" ] || fail "\`$source_file\` is not a file"

mkdir -p "$output"
output=$(cd "$output" && pwd)
work=${REPLCTL_SERVER_WORK:-$root/target/server}
mkdir -p "$work"
work=$(cd "$work" && pwd)
# Two builds in one folder would mix their trees: the second waits.
exec 9>"$work/lock"
flock -w 1800 9 || fail "another build holds $work/lock since 30 minutes"

# Everything that decides the bytes, without asking the network: our scripts, the compilers, what was asked for.
recipe_of() {
    {
        cat "$here/build.sh" "$here/source.sh" "$here/compile.sh" "$here/fastmem.c"
        printf '%s\n' "${archs[*]}" "$allow_unpatched"
        [ -z "$source_file" ] || sha256sum <"$source_file"
        compilers_of "${archs[@]}"
    } | sha256sum | cut -d' ' -f1
}

up_to_date() { # the recipe is the one that was built, and every file still has its checksum
    local manifest="$output/manifest.toml"
    [ -f "$manifest" ] && grep -qx "recipe = \"$1\"" "$manifest" || return 1
    (cd "$output" && awk -F'"' '/^path = /{p=$2} /^sha256 = /{print $2 "  " p}' manifest.toml | sha256sum -c --quiet --status -)
}

write_manifest() { # write_manifest RECIPE < lines "ARCH NAME"
    local recipe=$1 arch name file manifest="$work/manifest.toml"
    {
        echo "# Written by server/build.sh; build.rs embeds the files it lists."
        echo "format = 1"
        printf '%s = "%s"\n' engine "$engine" version "$version" revision "$revision" origin "$origin" licence "BSD-3-Clause"
        printf 'patched = %s\nfixes = "%s"\n' "$patched" "$fixes"
        printf 'source_date_epoch = %s\nrecipe = "%s"\n' "$epoch" "$recipe"
        while read -r arch name; do
            file="$work/$arch/out/$name"
            printf '\n[[file]]\narch = "%s"\nname = "%s"\npath = "%s"\n' "$arch" "$name" "$arch/$name"
            printf 'sha256 = "%s"\nsize = %s\n' "$(sha256sum <"$file" | cut -d' ' -f1)" "$(stat -c %s "$file")"
        done
    } >"$manifest"
}

if [ $print_tests = yes ]; then
    obtain_source >&2
    echo "$work/source/tests"
    exit 0
fi

need_tools "${archs[@]}"
recipe=$(recipe_of)
if [ $force = no ] && up_to_date "$recipe"; then
    built=$(sed -n 's/^revision = "\(.*\)"/\1/p' "$output/manifest.toml")
    if [ $update = no ]; then
        say "payload/ is up to date: $built (a newer revision is looked for with: server/build.sh --update)"
        exit 0
    fi
    obtain_source
    if [ "$revision" = "$built" ]; then
        say "payload/ is up to date: $built is what the distribution has"
        exit 0
    fi
else
    obtain_source
fi

say "building $engine $version ($revision) for ${archs[*]}"
for arch in "${archs[@]}"; do build_arch "$arch"; done
for arch in "${archs[@]}"; do printf '%s redis-server\n%s redis-cli\n' "$arch" "$arch"; done | write_manifest "$recipe"
# All at the end, the manifest last: a replctl built meanwhile finds the old payload or none, not a mixture.
rm -f "$output/manifest.toml"
rm -rf "$output/x86_64" "$output/aarch64"
for arch in "${archs[@]}"; do mv "$work/$arch/out" "$output/$arch"; done
mv "$work/manifest.toml" "$output/manifest.toml"
for arch in "${archs[@]}"; do (cd "$output" && stat -c '%s bytes  %n' "$arch/redis-server" "$arch/redis-cli") >&2; done
