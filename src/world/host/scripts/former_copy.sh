# Copies the data of a server. This text goes after owner.sh and as.sh. The user of that server
# reads the data, and the user of the node's own server writes it, never with more rights. So names
# and links in either folder mean what they mean to that user.
# $1 uid  $2 gid  $3 groups(,)  $4 owner  $5 from  $6 to  $7 name of the snapshot in $5
# $8 its name in $6  $9 append-only file or directory, or empty  $10 the snapshot must not be older,
# seconds since 1970, or empty
old_uid=$1 old_gid=$2 old_groups=$3 owner=$4 from=$5 to=$6 dump=$7 copied=$8 appended=$9; shift 9; since=$1
case $dump$copied$appended in */*) no "the name of a data file has a folder in it" ;; esac
as_old() { become "$old_uid" "$old_gid" "$old_groups"; act "$@"; }
number "$owner"; new_uid=$number
if is_root && [ -z "$new_uid" ]; then no "there is no user $owner"; fi
as_new() { if is_root; then uid=$new_uid; account "$uid"; fi; act "$@"; }
READ='[ -f "$1" ] || { echo "$1 is not a file" >&2; exit 1; }; exec cat "$1"'
WRITE='umask 077; cat >"$1.replctl-new" && { sync "$1.replctl-new" 2>/dev/null || sync; } && mv -f "$1.replctl-new" "$1"'
SUM='sha256sum <"$1"'
# Root reads only where nobody else can change what a path means. Otherwise another user could put a
# link to any file there.
only_root() {
  is_root && [ "$old_uid" = 0 ] || return 0
  walk "$1"
  [ "$who" = 0 ] || no "the server runs as root, and others than root may write at $why: replctl does not read there as root"
}
has_file() { as_old sh -c '[ -f "$1" ]' sh "$1"; }
bytes=0
# Copies one file, and reads the copy again.
copy() {
  only_root "$1"
  as_old sh -c "$READ" sh "$1" | as_new sh -c "$WRITE" sh "$2" || no "$2 could not be written"
  a=$(as_old sh -c "$SUM" sh "$1"); b=$(as_new sh -c "$SUM" sh "$2")
  [ -n "$a" ] && [ "$a" = "$b" ] || no "the copy $2 differs from $1"
  n=$(as_new sh -c 'wc -c <"$1"' sh "$2"); bytes=$((bytes + n))
}
only_root "$from/$dump"; if [ -n "$appended" ]; then only_root "$from/$appended"; fi
has_file "$from/$dump" || no "$from/$dump is not there"
if [ -n "$since" ]; then
  changed=$(as_old sh -c 'stat -L -c %Y "$1" 2>/dev/null || date -r "$1" +%s' sh "$from/$dump")
  case $changed in '' | *[!0-9]*) no "the age of $from/$dump is not known" ;; esac
  [ "$changed" -ge "$since" ] || no "$from/$dump is $((since - changed)) s older than the command to save and end: the server has not saved its data"
fi
copy "$from/$dump" "$to/$copied"
if [ -n "$appended" ]; then
  if as_old sh -c '[ -d "$1" ]' sh "$from/$appended"; then
    as_new sh -c 'umask 077; mkdir -p "$1"' sh "$to/$appended" || no "$to/$appended could not be created"
    list=$(as_old sh -c 'cd "$1" || exit 1; for f in *; do if [ -f "$f" ]; then printf "%s\n" "$f"; fi; done' sh "$from/$appended") || no "$from/$appended cannot be read"
    set -f; IFS=$nl; set -- $list; unset IFS; set +f
    for f; do
      case $f in *[!A-Za-z0-9._-]*) no "$from/$appended has a file that no server writes" ;; esac
      copy "$from/$appended/$f" "$to/$appended/$f"
    done
    [ -n "$list" ] || no "$from/$appended has no file, although the server appends to one"
  else
    has_file "$from/$appended" || no "$from/$appended is not there, although the server appends to it"
    copy "$from/$appended" "$to/$appended"
  fi
fi
echo "$bytes bytes, each file read again"
