# shellcheck shell=bash
# Where the server's source comes from. Sourced by build.sh; sets engine, version, revision, origin, patched, fixes, epoch and unpacks into $work/source.
# In this order: --source FILE; the distribution's signed source package; the upstream release that is still maintained.
# Must not change the machine: apt gets its own source list, lists and cache, all under $work.
# shellcheck disable=SC2154  # here, work, source_file, allow_unpatched: build.sh's

# The releases that may be built: engine, version, sha256 of the archive as published, sha256 of the tar inside it ("-": not recorded), standing, address.
# The tar inside Debian's redis_7.0.15.orig.tar.gz and upstream's redis-7.0.15.tar.gz is the same, bit for bit.
releases() {
    cat <<'TABLE'
redis 7.0.15 98066f5363504b26c34dd20fbcc3c957990d764cdf42576c836fc021073f4341 01d20940fd2c383ecb2a87146e3dce073c57754aeb916c8b21282b9364ecf4e7 unpatched https://download.redis.io/releases/redis-7.0.15.tar.gz
redis 7.2.15 7bf7975331511fdb788e85dae63964b128fccee1df026a10db57444babc9c9c4 - maintained https://download.redis.io/releases/redis-7.2.15.tar.gz
TABLE
}
packaged_version=7.0.15
packaged_tar=01d20940fd2c383ecb2a87146e3dce073c57754aeb916c8b21282b9364ecf4e7
# The oldest revision of Debian 12's package that is accepted, and the fixes any distribution's package must name in its changelog.
oldest_revision='5:7.0.15-1~deb12u10'
required_fixes='CVE-2024-31228 CVE-2024-31449 CVE-2024-46981 CVE-2025-21605 CVE-2025-27151 CVE-2025-32023 CVE-2025-46817 CVE-2025-46818
CVE-2025-46819 CVE-2025-48367 CVE-2025-49844 CVE-2025-67733 CVE-2026-21863 CVE-2026-23631 CVE-2026-25243 CVE-2026-66373 CVE-2026-81934 CVE-2026-92925'
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

content_of() { # the archive without its compression
    case $(head -c 6 "$1" | od -An -tx1 | tr -d ' \n') in
        1f8b*) gzip -dc "$1" ;;
        fd377a585a00) xz -dc "$1" ;;
        *) cat "$1" ;;
    esac
}

obtain_source() {
    rm -rf "$work/source" "$work/fetch"
    mkdir -p "$work/fetch"
    if [ -n "$source_file" ]; then
        source_from_file "$source_file"
    elif command -v apt-get >/dev/null && command -v apt-cache >/dev/null; then
        source_from_distribution || source_from_upstream
    else
        source_from_upstream
    fi
}

source_from_file() {
    local file=$1 archive content row
    archive=$(sha256sum <"$file" | cut -d' ' -f1)
    content=$(content_of "$file" | sha256sum | cut -d' ' -f1)
    row=$(releases | awk -v a="$archive" -v c="$content" '$3 == a || $4 == c')
    [ -n "$row" ] || fail "\`$file\` is not a release that server/source.sh lists (sha256 $archive, its tar $content)" \
        "sha256sum $file  # compare with the publisher's; a new release is a new line in server/source.sh"
    local standing address
    read -r engine version _ _ standing address <<<"$row"
    if [ "$standing" = unpatched ] && [ "$allow_unpatched" = no ]; then
        fail "$engine $version as published lacks the fixes of ${required_fixes%% *} and many later ones" \
            "leave out --source on Debian or Ubuntu, or give redis-7.2.15.tar.gz, or say --allow-unpatched"
    fi
    mkdir "$work/source"
    content_of "$file" | tar -x -C "$work/source" --strip-components=1 --no-same-owner
    revision="$version" origin="$address"
    if [ "$standing" = unpatched ]; then
        patched=false fixes="none after the release: KNOWN VULNERABLE"
        say "warning: building $engine $version without the security fixes of ${required_fixes//$'\n'/ }"
    else
        patched=true fixes="upstream's, up to the release $version"
    fi
    epoch=$(stat -c %Y "$work/source/src/version.h")
}

source_from_upstream() {
    local address sum file
    read -r engine version sum _ _ address < <(releases | awk '$5 == "maintained"')
    file="$work/fetch/${address##*/}"
    say "fetching $address (the release line upstream still maintains)"
    if command -v curl >/dev/null; then
        curl -fsSL --proto '=https' --connect-timeout 20 --max-time 600 -o "$file" "$address" || rm -f "$file"
    elif command -v wget >/dev/null; then
        wget -q --https-only --timeout=60 --tries=2 -O "$file" "$address" || rm -f "$file"
    else
        fail "neither curl nor wget is installed" "install curl, or: server/build.sh --source ${address##*/}"
    fi
    [ -s "$file" ] || fail "$address could not be fetched" "fetch it elsewhere, then: server/build.sh --source ${address##*/}"
    echo "$sum  $file" | sha256sum -c --quiet --status - || fail "$address is not the file it should be (sha256 is not $sum)"
    source_from_file "$file"
}

# ---- the distribution's source package -------------------------------------------------------------------------------------------------------

# The machine's own package sources, turned into sources of source packages: same mirrors, same keys. Writes deb822 to stdout.
# $1: "deb-src" or "deb"; $2: the wanted suites as FROM=TO pairs. What is not in $2 (third parties, backports) is left out.
own_sources() {
    local type=$1 pairs=$2 list
    {
        for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [ -r "$list" ] && awk '
                $1 == "deb" || $1 == "deb-src" {
                    key = ""; i = 2
                    if ($2 ~ /^\[/) { for (; i <= NF; i++) { o = $i; gsub(/[][]/, "", o); if (o ~ /^signed-by=/) key = substr(o, 11); if ($i ~ /\]$/) { i++; break } } }
                    uri = $i; suite = $(i + 1); rest = ""
                    for (j = i + 2; j <= NF && $j !~ /^#/; j++) rest = rest " " $j
                    printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:%s\n%s\n", uri, suite, rest, key == "" ? "" : "Signed-By: " key "\n"
                }' "$list"
        done
        for list in /etc/apt/sources.list.d/*.sources; do
            [ -r "$list" ] && { grep -v '^#' "$list"; echo; }
        done
    } | awk -v type="$type" -v pairs="$pairs" '
        BEGIN { RS = ""; FS = "\n"; n = split(pairs, p, " "); for (i = 1; i <= n; i++) { split(p[i], q, "="); to[q[1]] = q[2] } }
        {
            split("", f); name = ""
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^[ \t]/) { f[name] = f[name] "\n" $i; continue }
                c = index($i, ":"); name = tolower(substr($i, 1, c - 1)); v = substr($i, c + 1); sub(/^[ \t]+/, "", v); f[name] = v
            }
            if (tolower(f["enabled"]) == "no" || (" " f["components"] " ") !~ / main /) next
            suites = ""; m = split(f["suites"], s, /[ \t\n]+/)
            for (i = 1; i <= m; i++) if (s[i] in to && index(" " suites " ", " " to[s[i]] " ") == 0) suites = suites " " to[s[i]]
            if (suites == "") next
            comps = (" " f["components"] " ") ~ / universe / ? "main universe" : "main"
            id = f["uris"] suites; if (id in seen) next; seen[id] = 1
            printf "Types: %s\nURIs: %s\nSuites:%s\nComponents: %s\n", type, f["uris"], suites, comps
            if (f["signed-by"] != "") printf "Signed-By: %s\n", f["signed-by"]
            print ""
        }'
}

stanza() { printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: %s\nSigned-By: %s\n\n' "$@"; }

# Redis 7.0.15 is Debian 12's: on every Debian, its sources are asked for by that name at the machine's own mirrors. Elsewhere, and where a
# mirror lacks one of the two suites, at $REPLCTL_DEBIAN_MIRROR (and its …-security), if that is set and Debian's archive keys are installed.
debian_sources() { # debian_sources CODENAME|none
    local text='' c=$1 mirror=${REPLCTL_DEBIAN_MIRROR:-}
    [ "$c" = none ] || text=$(own_sources deb-src "$c=bookworm stable=bookworm testing=bookworm unstable=bookworm sid=bookworm bookworm=bookworm
        $c-security=bookworm-security stable-security=bookworm-security testing-security=bookworm-security bookworm-security=bookworm-security")
    [ -z "$text" ] || printf '%s\n\n' "$text"
    [ -n "$mirror" ] || return 0
    grep -qE '^Suites:.* bookworm( |$)' <<<"$text" || stanza deb-src "$mirror" bookworm main "$debian_keyring"
    grep -qE '^Suites:.* bookworm-security( |$)' <<<"$text" || stanza deb-src "$mirror-security" bookworm-security main "$debian_keyring"
}

# private_apt FOLDER [CONFIG LINE…]: an apt that knows only FOLDER/sources.d; its settings for the network (proxies, keys) stay the machine's.
private_apt() {
    local dir=$1 part
    shift
    mkdir -p "$dir/sources.d" "$dir/conf.d" "$dir/lists/partial" "$dir/cache/archives/partial"
    for part in /etc/apt/apt.conf.d/*; do [ -f "$part" ] && ln -sf "$part" "$dir/conf.d/"; done
    # Read last. The hooks that tidy the machine's own cache after an update have no business here.
    {
        printf '#clear %s;\n' APT::Update::Pre-Invoke APT::Update::Post-Invoke APT::Update::Post-Invoke-Success
        printf '%s\n' 'Acquire::Languages "none";' 'Acquire::Retries "3";' 'Acquire::http::Timeout "30";' 'Acquire::AllowInsecureRepositories "false";' \
            'APT::Get::AllowUnauthenticated "false";' 'APT::Sandbox::User "root";' 'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";' "$@"
    } >"$dir/conf.d/zzz-replctl.conf"
    cat >"$dir/apt.conf" <<CONF
Dir::Etc::parts "$dir/conf.d";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$dir/sources.d";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
CONF
}

update_private_apt() { # fetches the indexes, and forgets those that are not the distribution's own
    local dir=$1 release
    APT_CONFIG="$dir/apt.conf" apt-get -q update >"$dir/update.log" 2>&1 || { tail -n 5 "$dir/update.log" >&2; return 1; }
    for release in "$dir"/lists/*_InRelease; do
        [ -f "$release" ] || continue
        grep -qE '^Origin: (Debian|Ubuntu)$' "$release" || rm -f "${release%InRelease}"*
    done
}

newest_packaged() { # the newest revision of the pinned version that the indexes of the apt in $1 name; nothing where there is none
    local v best=''
    while read -r v; do
        if [ -z "$best" ] || dpkg --compare-versions "$v" gt "$best"; then best=$v; fi
    done < <(APT_CONFIG="$1/apt.conf" apt-cache showsrc redis 2>/dev/null | sed -n "s/^Version: \(.*:\)\{0,1\}\($packaged_version-.*\)/\1\2/p")
    echo "$best"
}

# 0: unpacked. 1: this distribution has no such source (the caller goes on to upstream). Ends the build where the source is there but unfit.
source_from_distribution() {
    local id codename dir="$work/apt" found='' why=''
    id=$(. /etc/os-release && echo "${ID:-}")
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-none}")
    if [ "$id" = ubuntu ]; then
        if try_sources "$dir" "$(own_sources deb-src "$codename=$codename $codename-updates=$codename-updates $codename-security=$codename-security")"; then return 0; fi
        say "note: Ubuntu's own package: $why"
    fi
    if [ "$id" = debian ]; then
        try_sources "$dir" "$(debian_sources "$codename")" && return 0
        fail "Debian's source package cannot be used: $why" "check that /etc/apt/sources.list* names bookworm-security and a current mirror, or: server/build.sh --source redis-7.2.15.tar.gz"
    fi
    if [ -r "$debian_keyring" ] && [ -n "${REPLCTL_DEBIAN_MIRROR:-}" ]; then
        try_sources "$dir" "$(debian_sources none)" && return 0
        say "note: Debian's package: $why"
    else
        say "note: with Debian's archive keys (sudo apt-get install debian-archive-keyring) and a mirror in REPLCTL_DEBIAN_MIRROR the source would be Debian's patched package"
    fi
    return 1
}

# try_sources FOLDER SOURCES: 0 and the source unpacked, or 1 with the reason in `why`. `why` and `found` are the caller's.
try_sources() {
    local dir=$1 fix missing=''
    rm -rf "$dir"
    [ -n "$2" ] || { why="no entry of /etc/apt fits"; return 1; }
    private_apt "$dir"
    printf '%s\n' "$2" >"$dir/sources.d/distribution.sources"
    say "asking the distribution for its source package of redis"
    update_private_apt "$dir" || { why="its indexes could not be fetched"; return 1; }
    found=$(newest_packaged "$dir")
    [ -n "$found" ] || { why="it has no redis $packaged_version"; return 1; }
    if [[ $found == *~deb12u* ]] && dpkg --compare-versions "$found" lt "$oldest_revision"; then
        why="the newest revision there is $found, and $oldest_revision is the oldest with the fixes needed"
        return 1
    fi
    rm -rf "$work/fetch" && mkdir -p "$work/fetch"
    # apt checks the .dsc and the archives against the signed index.
    (cd "$work/fetch" && APT_CONFIG="$dir/apt.conf" apt-get -qq source --download-only "redis=$found" >"$dir/fetch.log" 2>&1) ||
        { tail -n 3 "$dir/fetch.log" >&2; why="$found could not be fetched"; return 1; }
    [ "$(content_of "$work/fetch/redis_$packaged_version.orig.tar.gz" | sha256sum | cut -d' ' -f1)" = "$packaged_tar" ] ||
        { why="the upstream archive inside $found is not redis $packaged_version as published"; return 1; }
    rm -rf "$work/source"
    dpkg-source -q -x "$work"/fetch/redis_*.dsc "$work/source" >"$dir/unpack.log" 2>&1 || { tail -n 5 "$dir/unpack.log" >&2; why="$found could not be unpacked"; return 1; }
    for fix in $required_fixes; do grep -q "$fix" "$work/source/debian/changelog" || missing+=" $fix"; done
    [ -z "$missing" ] || { why="$found lacks the fix of$missing"; return 1; }
    # That patch assumes the system's jemalloc, whatever its flag says: with the bundled one it does not link.
    local jemalloc="$work/source/debian/patches/0004-Add-support-for-USE_SYSTEM_JEMALLOC-flag.patch"
    [ ! -f "$jemalloc" ] || patch -d "$work/source" -R -p1 -s <"$jemalloc" || { why="the patch for the system's jemalloc in $found could not be taken back"; return 1; }
    engine=redis version=$packaged_version revision=$found patched=true
    origin="source package redis $found"
    fixes=$(grep -oE 'CVE-20[0-9]{2}-[0-9]+' "$work/source/debian/changelog" | sort -uV | tr '\n' ' ' | sed 's/ $//')
    epoch=$(dpkg-parsechangelog -l "$work/source/debian/changelog" -STimestamp)
    rm -rf "$dir"
}
