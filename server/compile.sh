# shellcheck shell=bash
# How the server is compiled: gcc with musl's headers and libc.a, jemalloc from the server's own tree, one static file per program. Sourced by build.sh.
# The result depends on the source, the compiler and these files only: not on the folder, the clock, the host's name or the repository around it.
# shellcheck disable=SC2154  # here, work, output, machine, epoch: build.sh's

# Stack protector, read-only relocations and a random load address, as the distributions give their own servers.
hardening='-fPIE -fstack-protector-strong -g0'
hardening_link='-Wl,-z,relro,-z,now'

packages_for() {
    if command -v apt-get >/dev/null; then echo "sudo apt-get install build-essential dpkg-dev musl-tools patch xz-utils"
    elif command -v dnf >/dev/null; then echo "sudo dnf install gcc make patch xz kernel-headers musl-gcc musl-libc-static"
    else echo "install gcc, make, patch, xz, the kernel's headers and musl-gcc with musl's static libc"; fi
}

foreign_headers_for() { # foreign_headers_for ARCH: the command that installs the kernel's headers for another architecture
    if command -v apt-get >/dev/null; then case $1 in
        aarch64) echo "sudo apt-get install linux-libc-dev-arm64-cross" ;;
        x86_64) echo "sudo apt-get install linux-libc-dev-amd64-cross" ;;
    esac
    else echo "install the kernel's headers for $1 into /usr/$1-linux-gnu/include"; fi
}

need_tools() {
    local tool missing=()
    for tool in gcc make patch tar gzip xz strip awk sha256sum flock; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    command -v musl-gcc >/dev/null || case " $* " in *" $machine "*) missing+=(musl-gcc) ;; esac
    if command -v apt-get >/dev/null && [ -z "$source_file" ]; then
        for tool in dpkg-source dpkg-parsechangelog; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    fi
    [ ${#missing[@]} -eq 0 ] || fail "cannot build the server: ${missing[*]} not installed" "$(packages_for)"
    for tool in "$@"; do
        [ "$tool" = "$machine" ] || command -v "$tool-linux-gnu-gcc" >/dev/null ||
            fail "cannot build the server for $tool: $tool-linux-gnu-gcc is not installed" "sudo apt-get install gcc-${tool//_/-}-linux-gnu"
    done
}

compilers_of() {
    local arch
    for arch in "$@"; do
        if [ "$arch" = "$machine" ]; then gcc --version; sha256sum <"$(native_libc)"; else "$arch-linux-gnu-gcc" --version; fi
    done
}

native_specs() { sed -n 's/.*-specs "\([^"]*\)".*/\1/p' "$(command -v musl-gcc)"; }
native_libc() { echo "$(dirname "$(native_specs)")/libc.a"; }

# musl for an architecture this machine is not: its package is downloaded and unpacked into $1, nothing is installed.
fetch_foreign_musl() {
    local into=$1 arch=$2 deb dir="$work/apt-$2" id codename
    case $arch in aarch64) deb=arm64 ;; x86_64) deb=amd64 ;; esac
    if ! command -v apt-get >/dev/null; then
        fail "musl for $arch is taken from a Debian or Ubuntu package, and this machine has no apt" "server/build.sh --arch $machine"
    fi
    id=$(. /etc/os-release && echo "${ID:-}")
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    rm -rf "$dir"
    private_apt "$dir" "APT::Architecture \"$deb\";" "APT::Architectures { \"$deb\"; };" 'Dir::State::status "/dev/null";'
    if [ "$id" = ubuntu ] && [ "$deb" = arm64 ]; then # not on the mirrors that carry amd64
        stanza deb http://ports.ubuntu.com/ubuntu-ports "$codename" "main universe" /usr/share/keyrings/ubuntu-archive-keyring.gpg
    else
        own_sources deb "$codename=$codename $codename-updates=$codename-updates $codename-security=$codename-security stable=stable testing=testing sid=sid unstable=unstable"
    fi >"$dir/sources.d/distribution.sources"
    say "asking the distribution for musl for $arch"
    update_private_apt "$dir" || fail "the package lists for $deb could not be fetched" "server/build.sh --arch $machine"
    (cd "$dir" && APT_CONFIG="$dir/apt.conf" apt-get -qq download musl-dev >"$dir/fetch.log" 2>&1) || {
        tail -n 3 "$dir/fetch.log" >&2
        fail "musl-dev for $deb could not be fetched" "server/build.sh --arch $machine"
    }
    mkdir -p "$into"
    dpkg-deb -x "$dir"/musl-dev_*.deb "$into"
    rm -rf "$dir"
}

# Writes $1/cc: the compiler of $2 with musl's headers and libraries, linking static files that load at a random address (musl's own wrapper cannot).
# -rdynamic, which the server's Makefile adds for modules, must not reach the linker: it leaves relocations that only a dynamic linker could apply.
# The option stays in the specs, with nothing behind it: a compiler from 13 on refuses one that its specs do not name.
make_compiler() {
    local dir=$1 arch=$2 gcc specs prefix='' headers
    if [ "$arch" = "$machine" ]; then
        gcc=gcc specs=$(native_specs)
        headers=/usr/include
        [ -d "$headers/asm" ] && set -- "$dir" "$arch" "$headers/asm" || set -- "$dir" "$arch" "$headers/$arch-linux-gnu/asm"
    else
        gcc="$arch-linux-gnu-gcc"
        fetch_foreign_musl "$dir/musl" "$arch"
        specs="$dir/musl/usr/lib/$arch-linux-musl/musl-gcc.specs" prefix="$dir/musl"
        headers="/usr/$arch-linux-gnu/include"
        set -- "$dir" "$arch" "$headers/asm"
    fi
    [ -f "$specs" ] || fail "cannot build for $arch: musl's specs ($specs) are missing" "$(packages_for)"
    [ -d "$3" ] && [ -d "$headers/linux" ] || fail "cannot build for $arch: the kernel's headers ($3) are missing" \
        "$([ "$arch" = "$machine" ] && packages_for || foreign_headers_for "$arch")"
    sed -e "s#\([ :]\|-L\)/usr/\(lib\|include\)/$arch-linux-musl#\1$prefix/usr/\2/$arch-linux-musl#g" -e 's#Scrt1\.o#rcrt1.o#' \
        -e 's#^-dynamic-linker [^ ]* #-pie --no-dynamic-linker -z text #' -e 's#%{rdynamic:-export-dynamic}#%{rdynamic:}#' "$specs" >"$dir/specs"
    printf '#!/bin/sh\nexec %s "$@" -specs %s\n' "$gcc" "$dir/specs" >"$dir/cc"
    chmod 755 "$dir/cc"
    # Only the kernel's headers: with -I /usr/include those of the host's libc would win over musl's.
    mkdir -p "$dir/headers"
    ln -sfn "$headers/linux" "$dir/headers/linux"
    ln -sfn "$headers/asm-generic" "$dir/headers/asm-generic"
    ln -sfn "$3" "$dir/headers/asm"
}

# A static file that wants an interpreter, or relocations beyond the relative ones that musl's start code applies, would crash at its start.
check_static() {
    if readelf -lW "$1" | grep -q ' INTERP '; then fail "$1 wants a dynamic linker: it is not static"; fi
    if readelf -rW "$1" | grep -E ' R_[A-Z0-9_]+ ' | grep -vq '_RELATIVE '; then fail "$1 has relocations that nothing would apply"; fi
}

build_arch() {
    local arch=$1 dir="$work/$1" tool='' page=12 objects='' jobs started=$SECONDS program own
    rm -rf "$dir"
    mkdir -p "$dir/out"
    jobs=$(nproc 2>/dev/null || echo 2)
    make_compiler "$dir" "$arch"
    [ "$arch" = "$machine" ] || tool="$arch-linux-gnu-"
    # arm64 kernels come with pages of 4, 16 and 64 KiB; a jemalloc built for small ones refuses to run on large ones.
    [ "$arch" != aarch64 ] || page=16
    if [ "$arch" = x86_64 ]; then
        "$dir/cc" -O2 -fPIE -fno-builtin -fno-tree-loop-distribute-patterns -c "$here/fastmem.c" -o "$dir/fastmem.o"
        objects="$dir/fastmem.o"
    fi
    for program in redis-server redis-cli; do
        cp -a "$work/source" "$dir/$program"
        own=(MALLOC=jemalloc)
        [ $program = redis-server ] || own=(MALLOC=libc DEPENDENCY_TARGETS="hiredis linenoise hdr_histogram")
        # The build stamps the repository's commit, the host's name and the clock into the server unless told otherwise.
        env -u MAKEFLAGS -u CFLAGS -u LDFLAGS -u CPPFLAGS SOURCE_DATE_EPOCH="$epoch" GIT_DIR=/dev/null make -s -C "$dir/$program/src" -j"$jobs" "$program" \
            CC="$dir/cc" AR="${tool}ar" RANLIB="${tool}ranlib" uname_M="$arch" \
            "${own[@]}" BUILD_TLS=no USE_SYSTEMD=no \
            JEMALLOC_CONFIGURE_OPTS="--with-lg-page=$page --with-lg-vaddr=48$([ -z "$tool" ] || echo " --host=$arch-linux-gnu")" \
            CFLAGS="$hardening -idirafter $dir/headers" LDFLAGS="-static $hardening_link" REDIS_LDFLAGS="$objects" >"$dir/$program.log" 2>&1 || {
            grep -E 'error|undefined|Error' "$dir/$program.log" | tail -n 20 >&2
            fail "$program for $arch does not compile; the whole log is $dir/$program.log"
        }
        "${tool}strip" -s -o "$dir/out/$program" "$dir/$program/src/$program"
        check_static "$dir/out/$program"
        rm -rf "${dir:?}/$program"
    done
    say "built $arch in $((SECONDS - started)) s"
}
