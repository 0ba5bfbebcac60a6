# fence.sh FILE HOST PORT — give a stopped server's file another role, keeping the file's mode and owner.
set -eu
[ -f "$1" ] || { echo "$1 is not there" >&2; exit 1; }
new=$1.replctl-new
umask 077
trap 'rm -f "$new"' EXIT
grep -viE '^[[:space:]]*(replicaof|slaveof)[[:space:]]' "$1" >"$new" || [ $? = 1 ]
printf 'replicaof %s %s\n' "$2" "$3" >>"$new"
chmod "$(stat -c %a "$1")" "$new"
[ "$(id -u)" != 0 ] || chown "$(stat -c %u:%g "$1")" "$new"
mv -f "$new" "$1"
sync "$1" 2>/dev/null || sync
grep -iE '^replicaof[[:space:]]' "$1" | tail -n 1
