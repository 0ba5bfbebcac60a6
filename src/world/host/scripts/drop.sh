# Removes file $1, which root owns and which did not exist before, if it still has text $3 alone. If
# $2 is set, systemd reads its units again. This text goes after owner.sh.
folder=${1%/*}
if [ -e "$1" ] || [ -L "$1" ]; then
  walk "$folder"
  [ "$who" = 0 ] || no "others than root may write in $why"
  p=$real/${1##*/}
  [ -f "$p" ] && [ ! -L "$p" ] && [ "$(cat "$p")" = "$3" ] || no "$p is not as it was written: it stays"
  rm -f "$p" || exit 1
fi
case $folder in *.service.d) rmdir "$folder" 2>/dev/null ;; esac
if [ -n "$2" ]; then systemctl daemon-reload; fi
