# Restores the former owner (number $2) and mode ($3) of a file or folder ($1).
path=$1 was=$2 mode_was=$3
AGAIN='p=$1
[ -e "$p" ] || exit 0
if [ -f "$p.replctl-other" ] && [ "$(stat -c %u "$p.replctl-other")" = "$2" ]; then mv -f "$p.replctl-other" "$p" || exit 1; fi
if [ "$(id -u)" = 0 ]; then chown "$2" "$p" || exit 1; fi
[ "$(stat -c %u "$p")" = "$2" ] || { echo "$p is not user $2'"'s"' again" >&2; exit 1; }
[ "$(stat -c %a "$p")" = "$3" ] || chmod "$3" "$p"'
if is_root; then
  # The folder decides: root may give away a file that lies in one of root's own folders.
  folder=${path%/*}; walk "${folder:-/}"
  [ "$who" != others ] || no "others than root may write in $why"
  real=$real/${path##*/} uid=$who
  [ "$uid" != 0 ] || [ ! -L "$real" ] || { walk "$path"; uid=$who; }
  account "$uid"
else real=$path uid=$(id -u); fi
act sh -c "$AGAIN" replctl "$real" "$was" "$mode_was"
