# Writes text $2 into file $1, which root owns. The old file stays beside it, and no earlier copy is
# written over. If $3 is set, systemd reads its units again. If $4 is set, this puts back text $2:
# the copy with that text takes the place of the file again. This text goes after owner.sh.
folder=${1%/*}
[ -d "$folder" ] || { umask 022; mkdir -p "$folder" || exit 1; }
walk "$folder"
[ "$who" = 0 ] || no "others than root may write in $why"
p=$real/${1##*/}
if [ -L "$p" ]; then no "$p is a link"; fi
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
if [ -n "$4" ] && [ -f "$last" ] && [ ! -L "$last" ] && [ "$(cat "$last")" = "$2" ]; then
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
