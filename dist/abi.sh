#!/bin/bash
# abi.sh FILE — fail unless FILE, a program, runs on every Linux of its architecture that has glibc 2.17 or newer and nothing else.
#
# Prints the newest version of a glibc symbol that it asks for, and the libraries that it loads.
set -euo pipefail
export LC_ALL=C
[ $# = 1 ] && [ -f "$1" ] || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2; }
newest_allowed=2.17
libraries_allowed='^(libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|libutil\.so\.1|ld-linux-(x86-64\.so\.2|aarch64\.so\.1))$'
die() { echo "abi: $1" >&2; exit 1; }

symbols=$(objdump -T "$1") || die "objdump cannot read $1"
# A version of another kind than GLIBC_n.n (GLIBC_ABI_DT_RELR, GCC_3.0) is no number to compare: each is a demand of its own.
versions=$(objdump -p "$1" | sed -n '/^Version References:/,/^$/s/^ *0x[0-9a-f]* 0x[0-9a-f]* [0-9]* //p' | sort -u)
[ -n "$versions" ] || die "$1 asks for no version of any library: is it a dynamic program?"
others=$(grep -vE '^GLIBC_[0-9.]+$' <<<"$versions" || true)
[ -z "$others" ] || die "$1 needs ${others//$'\n'/, }, which glibc $newest_allowed has not"
newest=$(sed 's/^GLIBC_//' <<<"$versions" | sort -V | tail -n 1)
if [ "$(printf '%s\n' "$newest" "$newest_allowed" | sort -V | tail -n 1)" != "$newest_allowed" ]; then
  echo "$symbols" | grep -F "GLIBC_$newest" >&2 || true
  die "$1 needs glibc $newest, and at most $newest_allowed is allowed"
fi
libraries=$(objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }')
foreign=$(grep -vE "$libraries_allowed" <<<"$libraries" || true)
[ -z "$foreign" ] || die "$1 loads ${foreign//$'\n'/, }, which not every machine has"
echo "newest glibc symbol: GLIBC_$newest; libraries: ${libraries//$'\n'/ }"
