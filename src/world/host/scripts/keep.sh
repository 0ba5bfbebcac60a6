# Writes text $2 into file $1, which root owns. The old file stays beside it, and no earlier copy is
# written over. If $3 is set, systemd reads its units again. If $4 is set, this puts back text $2,
# where text $4 was written: the copy with the old text takes the place of the file again. A file
# with another text stays. This text goes after owner.sh.
folder=${1%/*}
# Whether file $1 is no link, and has text $2 alone.
holds() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(cat "$1")" = "$2" ]; }
if [ -n "$4" ] && holds "$1" "$2"; then [ -z "$3" ] || systemctl daemon-reload; exit; fi
[ -n "$4" ] || [ -d "$folder" ] || { umask 022; mkdir -p "$folder" || exit 1; }
walk "$folder"
[ "$who" = 0 ] || no "others than root may write in $why"
p=$real/${1##*/}
if [ -L "$p" ]; then no "$p is a link"; fi
[ -z "$4" ] || holds "$p" "$4" || no "$p is not as it was written: it stays"
# Sets $last: the last copy beside the file, or nothing. Sets $next: the name for one more copy.
last= next=$p.before-replctl n=1
while [ -e "$next" ] || [ -L "$next" ]; do last=$next n=$((n + 1)) next=$p.before-replctl.$n; done
reload() {
  [ -n "$1" ] || return 0
  systemctl daemon-reload || exit 1
  case $2 in *LimitNOFILE=*) ;; *) return 0 ;; esac
  # Another file may have the last word.
  unit=${folder##*/}; unit=${unit%.d} wanted=${2##*LimitNOFILE=}
  got=$(systemctl show -p LimitNOFILE -- "$unit"); got=${got#LimitNOFILE=}
  case $got in infinity | "$wanted") ;; *) no "LimitNOFILE of $unit is $got after $p was written: another file of the unit sets it, too" ;; esac
}
if [ -n "$4" ] && holds "$last" "$2"; then
  mv -f "$last" "$p" || exit 1
  reload "$3" ""
  exit 0
fi
if [ -e "$p" ]; then
  if [ "$(cat "$p")" = "$2" ]; then exit 0; fi
  cp -p "$p" "$next" || exit 1
fi
new=$(mktemp "$real/.replctl-XXXXXXXX") || exit 1
if printf '%s\n' "$2" >"$new" && chmod 644 "$new" && mv -f "$new" "$p"; then sync "$p" 2>/dev/null || sync; else rm -f "$new"; exit 1; fi
reload "$3" "$2"
