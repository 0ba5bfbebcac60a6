# Runs after CONFIG REWRITE: makes file $1 as narrow as it was before, and a link again.
# $3 … are as state.sh printed them: kind, mode, uid, gid, inode, acl, secrets, link, target.
# Prints `MODE UID GID WHAT COPIED`, then the role lines of the file. WHAT is `same`, `new`, `link`
# (again) or `unlinked`. COPIED is 1 where the file now holds passwords that none of its own lines
# held before.
f=$1 kind=$3 was=$4 group=$6 inode=$7 acl=$8 secrets=$9; shift 9; to=$1 target=$2 copied=0
[ -f "$f" ] || no "user $(id -un 2>/dev/null || id -u) cannot see $f"
# Writes the new text into the file that the link led to, and puts the link back. This runs in a
# subshell: where it fails, the file stays as the server made it.
back() (
  trap '[ -z "$new" ] || rm -f "$new"' EXIT
  p=$target folder=${target%/*}; folder=${folder:-/}
  [ "$(stat -c %h "$p")" = 1 ] && [ -f "$p" ] && [ ! -L "$p" ] || exit 1
  fresh && cat "$f" >"$new" && like_before || exit 1
  if [ $copied = 1 ]; then chmod o= "$new" || exit 1; fi
  settle || exit 1
  new=$(mktemp -u "${f%/*}/.replctl-XXXXXXXX") && ln -s "$to" "$new" && mv -f "$new" "$f" || exit 1
  new=
)
what=same
if [ "$(stat -c %i "$f")" != "$inode" ] && [ ! -L "$f" ]; then
  what=new most=0666
  # CONFIG REWRITE copies the lines of an included file into this one. Passwords are among them, and
  # everybody on the host could read them here.
  if [ "$secrets" = 0 ] && has_secrets "$f"; then copied=1 most=0660; fi
  set -- $(stat -c '%a %g' "$f")
  # The new mode allows nothing that the old one did not allow, and never execution. The owner of
  # the file is the server's user, who could read the file before.
  all=$((0$was & 0$1 & most | 0400)) tight=$((0$was & 0$1 & most | 0400))
  # Where the group is another one, it gets what everybody had.
  if [ "$2" != "$group" ] || [ "$acl" = 1 ]; then tight=$((all & (0707 | (all & 07) << 3))); fi
  chmod "$(octal $tight)" "$f" 2>/dev/null
  if [ $tight != $all ] && [ "$acl" = 0 ] && chgrp "$group" "$f" 2>/dev/null; then chmod "$(octal $all)" "$f"; fi
  if [ "$kind" = link ]; then if back 2>/dev/null; then what=link; else what=unlinked; fi; fi
fi
echo "$(stat -L -c '%a %u %g' "$f") $what $copied"
