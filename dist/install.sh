#!/bin/sh
# install.sh FILE.tar.gz — install a release of replctl into your home; root is not needed, and nothing is fetched.
#
#   sh install.sh replctl-VERSION-ARCH-linux.tar.gz     install it, or replace an earlier one
#   sh install.sh --uninstall                           remove what was installed
#
# Options:
#   --prefix DIR   install there instead of ~/.local
#   --sums FILE    the checksums [default: SHA256SUMS beside the tar.gz]
#   --force        replace files of these names which this script has not installed
#
# It checks the checksum and the architecture, runs the new program once before it replaces anything, and writes:
#   bin/replctl  share/man/man1/  share/bash-completion/completions/  share/zsh/site-functions/  share/fish/vendor_completions.d/
#   share/doc/replctl/  share/replctl/ (the list of these files, and this script)
set -eu
umask 022
LC_ALL=C; export LC_ALL

usage() { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p;}' "$0"; }
fail() { # SENTENCE [HINT]
  echo "error: $1" >&2
  [ $# -lt 2 ] || echo " hint: $2" >&2
  exit 1
}
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

archive='' sums='' prefix='' force='' uninstall=''
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ $# -ge 2 ] || fail "--prefix needs a folder"; prefix=$2; shift;;
    --sums) [ $# -ge 2 ] || fail "--sums needs a file"; sums=$2; shift;;
    --force) force=yes;;
    --uninstall) uninstall=yes;;
    -h | --help) usage; exit 0;;
    -*) usage >&2; exit 2;;
    *) [ -z "$archive" ] || { usage >&2; exit 2; }; archive=$1;;
  esac
  shift
done
if [ -z "$prefix" ]; then
  [ -n "${HOME:-}" ] || fail "HOME is not set, so there is no home to install into" "sh install.sh --prefix DIR ${archive:-FILE.tar.gz}"
  prefix=$HOME/.local
fi
case $prefix in /*) ;; *) prefix=$(pwd)/$prefix;; esac
case $prefix in *"
"*) fail "the name of the folder has a line break in it";; esac
record=$prefix/share/replctl/installed

# ------------------------------------------------------------------------------------------------------------ uninstall
if [ -n "$uninstall" ]; then
  [ -z "$archive" ] || { usage >&2; exit 2; }
  [ -f "$record" ] || fail "no replctl that this script has installed is in $prefix"
  count=0
  while IFS= read -r file; do
    # Only what install writes; a list that was changed removes nothing else.
    case $file in *..* | /*) fail "$record names a file outside $prefix: $file";; esac
    if [ -f "$prefix/$file" ] || [ -L "$prefix/$file" ]; then
      rm -f "$prefix/$file" || fail "$prefix/$file cannot be removed; $count files were, and the others are left"
      count=$((count + 1))
    fi
  done <"$record"
  rm -f "$record" || fail "the files are removed, and the list of them, $record, cannot be"
  doc=$prefix/share/doc/replctl
  rmdir "$doc"/docs/*/ "$doc/docs" "$doc/schema" "$doc" "$prefix/share/replctl" 2>/dev/null || true
  echo "removed replctl from $prefix ($count files)"
  echo "left as they are: your inventories, and what journals there are in ${XDG_STATE_HOME:-${HOME:-~}/.local/state}/replctl"
  exit 0
fi

# --------------------------------------------------------------------------------------------------------------- checks
[ -n "$archive" ] || { usage >&2; exit 2; }
[ -f "$archive" ] || fail "$archive is not there"
for tool in tar gzip sha256sum sed; do command -v $tool >/dev/null || fail "the program $tool is not installed"; done
name=$(basename "$archive")
machine=$(uname -m)
case $name in
  replctl-*-"$machine"-linux.tar.gz) ;;
  replctl-*-linux.tar.gz)
    arch=${name%-linux.tar.gz}; arch=${arch##*-}
    fail "$name is for $arch, and this machine is $machine; nothing was installed";;
  *) fail "$name is not called like a release of replctl (replctl-VERSION-$machine-linux.tar.gz); nothing was installed";;
esac
[ "$(uname -s)" = Linux ] || fail "$name is for Linux, and this machine runs $(uname -s); nothing was installed"
[ -n "$sums" ] || sums=$(dirname "$archive")/SHA256SUMS
[ -f "$sums" ] || fail "the checksums $sums are not there; nothing was installed" "put SHA256SUMS of the same release beside $name, or name it with --sums FILE"
wanted=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$(printf %s "$name" | sed 's/[.]/\\./g')\$/\1/p" "$sums")
[ "$(printf %s "$wanted" | wc -c)" -eq 64 ] || fail "$sums has not one checksum of $name; nothing was installed"
found=$(sha256sum <"$archive"); found=${found%% *}
[ "$found" = "$wanted" ] || fail "$name is not the file that $sums describes: its checksum is $found, not $wanted; nothing was installed" "get it again"

program=$prefix/bin/replctl
if [ -z "$force" ] && { [ -e "$program" ] || [ -L "$program" ]; } && ! grep -qsx 'bin/replctl' "$record"; then
  fail "$program is there, and this script has not installed it; nothing was installed" "move it away, or replace it with --force"
fi

# --------------------------------------------------------------------------------------------------------------- unpack
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT; trap 'exit 143' TERM; trap 'exit 129' HUP
tree=${name%.tar.gz}
tar -xzf "$archive" -C "$work" -o || fail "$name cannot be unpacked into $work; nothing was installed"
tree=$work/$tree
for file in replctl install.sh README.md LICENSE NOTICE man/replctl.1 completions/replctl.bash completions/_replctl completions/replctl.fish; do
  [ -f "$tree/$file" ] || fail "$name has no $file in it; nothing was installed"
done
# Beside its later place: a temporary folder may be one from which nothing can be run.
mkdir -p "$prefix/bin" || fail "the folder $prefix/bin cannot be made; nothing was installed"
new=$(mktemp "$prefix/bin/.replctl.XXXXXX") || fail "$prefix/bin cannot be written; nothing was installed"
trap 'rm -rf "$work" "$new"' EXIT
cp "$tree/replctl" "$new" && chmod 755 "$new" || fail "$prefix/bin cannot be written; nothing was installed"
version=$("$new" --version 2>"$work/words") || fail "the program does not run on this machine: $(head -n 1 "$work/words"); nothing was installed"

# -------------------------------------------------------------------------------------------------------------- install
# What goes where: FILE FOLDER NAME.
{
  for page in "$tree"/man/*.1; do echo "man/$(basename "$page") share/man/man1 $(basename "$page")"; done
  echo 'completions/replctl.bash share/bash-completion/completions replctl'
  echo 'completions/_replctl share/zsh/site-functions _replctl'
  echo 'completions/replctl.fish share/fish/vendor_completions.d replctl.fish'
  for file in README.md README.zh.md CHANGELOG.md LICENSE NOTICE NOTICE-rust-std.html inventory.toml.example CONTRIBUTING.md; do
    [ ! -f "$tree/$file" ] || echo "$file share/doc/replctl $file"
  done
  # The pages that the README leads to, in their folders.
  (cd "$tree" && for file in docs/*.md docs/*/* schema/*.json; do
    [ ! -f "$file" ] || echo "$file share/doc/replctl/$(dirname "$file") $(basename "$file")"
  done)
  echo 'install.sh share/replctl install.sh'
} >"$work/plan"
{ while read -r file folder name; do echo "$folder/$name"; done <"$work/plan"; echo bin/replctl; } >"$work/installed"
mkdir -p "$prefix/share/replctl" || fail "the folder $prefix/share/replctl cannot be made; nothing was installed"
: >"$work/earlier"
[ ! -f "$record" ] || cp "$record" "$work/earlier" || fail "$record cannot be read; nothing was installed"
while IFS= read -r file; do
  [ -z "$force" ] && { [ -e "$prefix/$file" ] || [ -L "$prefix/$file" ]; } && ! grep -qxF "$file" "$work/earlier" || continue
  fail "$prefix/$file is there, and this script has not installed it; nothing was installed" "move it away, or replace it with --force"
done <"$work/installed"
# What is in its place is on the list at once, and nothing else is: a run that stops half-way can be undone, and takes no file of others for its own.
put() { # TEMPORARY FILE
  mv -f "$1" "$prefix/$2" || { rm -f "$1"; return 1; }
  grep -qsxF "$2" "$record" || echo "$2" >>"$record"
}
while read -r file folder name; do
  mkdir -p "$prefix/$folder" && next=$(mktemp "$prefix/$folder/.new.XXXXXX") &&
    { cp "$tree/$file" "$next" && chmod 644 "$next" || { rm -f "$next"; false; }; } && put "$next" "$folder/$name" ||
    fail "$prefix/$folder/$name cannot be written; some files are installed, and the program is as it was" "make room, then run this again"
done <"$work/plan"
put "$new" bin/replctl || fail "$program cannot be replaced, or not be put on the list; the other files are installed"
# What an earlier release had and this one has not.
while IFS= read -r file; do
  case $file in *..* | /*) continue;; esac
  grep -qxF "$file" "$work/installed" || rm -f "$prefix/$file" || fail "$version is installed, and $prefix/$file of an earlier one cannot be removed"
done <"$work/earlier"
next=$(mktemp "$prefix/share/replctl/.new.XXXXXX") && cp "$work/installed" "$next" && chmod 644 "$next" && mv -f "$next" "$record" ||
  fail "$version is installed, and the list of its files, $record, cannot be written: it may name too many"

# ------------------------------------------------------------------------------------------------------------------ say
echo "installed: $version, as $program"
echo "  man pages    $prefix/share/man/man1"
echo "  completions  $prefix/share: bash (where bash-completion is installed), zsh, fish"
echo "  documents    $prefix/share/doc/replctl"
case :$PATH: in
  *:"$prefix/bin":*) ;;
  *) echo "not yet on your PATH; add to your shell's start file:"
     echo "  export PATH=$(quoted "$prefix/bin"):\"\$PATH\"";;
esac
if command -v zsh >/dev/null; then
  echo "zsh looks for completions there after this line in ~/.zshrc, before compinit:"
  echo "  fpath=($(quoted "$prefix/share/zsh/site-functions") \$fpath)"
fi
# Older releases of fish look only in other folders; it is asked where somebody uses it, as it makes folders of its own when it starts.
if command -v fish >/dev/null && [ -d "${XDG_CONFIG_HOME:-${HOME:-}/.config}/fish" ] &&
  ! fish -c 'printf "%s\n" $fish_complete_path' </dev/null 2>/dev/null | grep -qxF "$prefix/share/fish/vendor_completions.d"; then
  echo "this fish does not look for completions there; add to ~/.config/fish/config.fish:"
  echo "  $(quoted "$program") completions fish | source"
fi
if [ "$prefix/share" != "${XDG_DATA_HOME:-${HOME:-}/.local/share}" ]; then
  echo "bash does not look for completions there by itself; add to ~/.bashrc:"
  echo "  source $(quoted "$prefix/share/bash-completion/completions/replctl")"
fi
undo="sh $(quoted "$prefix/share/replctl/install.sh") --uninstall"
[ "$prefix" = "${HOME:-}/.local" ] || undo="$undo --prefix $(quoted "$prefix")"
echo "to undo this:"
echo "  $undo"
