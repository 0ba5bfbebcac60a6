# This text goes before a script that acts on one file as the chosen user.
# $1 the file  $2 number of the server's user, or empty
LC_ALL=C; export LC_ALL
umask 077
cd / 2>/dev/null
p=$1 service=$2 new= me=
# The kernel says who acts. That takes one process less than `id`.
while read -r k v w _; do if [ "$k" = Uid: ]; then me=$w; break; fi; done 2>/dev/null </proc/$$/status
[ -n "$me" ] || me=$(id -u)
no() { echo "$1" >&2; exit 1; }
trap '[ -z "$new" ] || rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
# A user follows a link of their own. Root follows no link.
if [ -L "$p" ] && [ "$me" != 0 ]; then p=$(readlink -f "$p") || no "the link $1 leads nowhere"; fi
folder=${p%/*}; folder=${folder:-/}
# Ends the script unless $1 is a regular file that has one name.
plain() {
  [ -e "$1" ] || [ -L "$1" ] || no "$1 is not there"
  if [ -L "$1" ] || [ ! -f "$1" ]; then no "$1 is no regular file"; fi
  [ "$(stat -c %h "$1")" = 1 ] || no "$1 has another name too (a hard link): remedy: find it with: find / -xdev -samefile $1"
}
# Makes a new file beside $p, for its owner alone. $new is its name.
fresh() { new=$(mktemp "$folder/.replctl-XXXXXXXX") || no "no new file can be made in $folder by $(id -un 2>/dev/null || id -u)"; }
has_acl() { case $(ls -ld "$1") in ??????????+*) return 0 ;; *) return 1 ;; esac; }
# Whether $1 itself holds passwords.
has_secrets() { grep -qaiE '^[[:space:]]*"?((requirepass|masterauth|primaryauth|tls-(client-)?key-file-pass)"?[[:space:]]|user"?[[:space:]].*[#>])' "$1" 2>/dev/null; }
octal() { printf %o "$(($1))"; }
# Gives $new the owner, the group and at most the mode of $p. Where that is not possible, the
# server's user must still be able to read the file.
like_before() {
  set -- $(stat -c '%a %u %g' "$p")
  want=$((0$1 & 0666))
  if [ "$me" = 0 ]; then chown "$2:$3" "$new" || exit 1
  else
    now=$(stat -c %g "$new")
    [ "$now" = "$3" ] || chgrp "$3" "$new" 2>/dev/null || want=$((want & (0707 | (want & 07) << 3)))
    if [ "$me" != "$2" ]; then want=$((want | 0400)); fi
    # The server's user must read the file as its owner, as everybody, or exactly as before.
    if [ "$me" != "$service" ] && [ $((want & 04)) = 0 ] && { [ "$me" != "$2" ] || [ "$(stat -c %g "$new")" != "$3" ]; }; then
      no "$p is user $2's (group $3): written by user $me, the server might not be able to read it any more"
    fi
  fi
  if has_acl "$p"; then want=$((want & (0707 | (want & 07) << 3))); fi
  chmod "$(octal $want)" "$new" || exit 1
}
# Puts $new in the place of $p.
settle() {
  sync "$new" 2>/dev/null || sync
  mv -f "$new" "$p" || exit 1
  new=; sync "$folder" 2>/dev/null; :
}
