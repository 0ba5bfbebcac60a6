# Prints what CONFIG REWRITE will make of file $1: `KIND UID GID ME`, then the text of its link and
# the file that the link leads to, in hex. KIND is `file`, `link` (replctl can put the link back) or
# `lost` (replctl cannot).
f=$1
[ -f "$f" ] || no "user $(id -un 2>/dev/null || id -u) cannot see $f"
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; echo; }
kind=file to= p=$f
if [ -L "$f" ]; then
  kind=lost to=$(readlink "$f"); p=$(readlink -f "$f") || exit 1
  folder=${p%/*}
  if [ -w "${folder:-/}" ] && [ "$(stat -c %h "$p")" = 1 ]; then kind=link; fi
fi
echo "$kind $(stat -c '%u %g' "$p") $(id -u)"
hex "$to"; hex "$p"
