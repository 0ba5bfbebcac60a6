# Prints what file $1 is before its server makes it anew: `KIND MODE UID GID INODE ACL SECRETS`,
# then the text of the link and the file that it leads to, in hex. Mode and owner are those of the
# file at the end of the link. Then narrows the mode of the new file as soon as that file is there.
f=$1
[ -f "$f" ] || no "user $(id -un 2>/dev/null || id -u) cannot see $f"
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; echo; }
inode=$(stat -c %i "$f") kind=file to= p=$f
if [ -L "$f" ]; then kind=link to=$(readlink "$f"); p=$(readlink -f "$f") || exit 1; fi
acl=0; if has_acl "$p"; then acl=1; fi
secrets=0; if has_secrets "$p"; then secrets=1; fi
set -- $(stat -c '%a %u %g' "$p")
# The server writes passwords into the new file, with every right that its umask allows. This loop
# limits that to some milliseconds, because replctl learns of the file only later.
(
  n=0
  while [ $n -lt 300 ]; do
    if [ "$(stat -c %i "$f" 2>/dev/null)" != "$inode" ]; then
      now=$(stat -c %a "$f" 2>/dev/null) && [ ! -L "$f" ] && most=0666 &&
        if [ $secrets = 0 ] && has_secrets "$f"; then most=0660; fi && chmod "$(octal "0$1 & 0$now & $most | 0400")" "$f"
      break
    fi
    sleep 0.01 || break
    n=$((n + 1))
  done
) </dev/null >/dev/null 2>&1 &
echo "$kind $1 $2 $3 $inode $acl $secrets"
hex "$to"; hex "$p"
