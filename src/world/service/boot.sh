# Prints what starts a unit at boot, and which other units start a server on the same port. This
# text goes after owner.sh and as.sh. It changes nothing.
# $1 unit of the server, or empty  $2 the unit that replctl would make  $3 port  $4 process
# $5 the distribution's program, or empty  $6 uid  $7 gid  $8 groups(,)
unit=$1 own=$2 port=$3 pid=$4 program=$5
become "$6" "$7" "$8"
case $(readlink "/proc/$pid/exe" 2>/dev/null) in *' (deleted)') echo deleted: ;; esac
if [ -n "$program" ]; then printf 'version:%s\n' "$(act "$program" --version 2>/dev/null | head -n 1)"; fi
[ -d /run/systemd/system ] && has systemctl || { echo end:; exit 0; }
etc=/etc/systemd/system
if [ -n "$unit" ]; then
  printf 'state:%s\n' "$(systemctl is-enabled "$unit" 2>/dev/null)"
  file=$(systemctl show -p FragmentPath --value -- "$unit" 2>/dev/null); file=$(readlink -f "$file" 2>/dev/null)
  for l in "$etc"/* "$etc"/*.wants/* "$etc"/*.requires/* "$etc"/*.upholds/*; do
    [ -L "$l" ] || continue
    case ${l##*/} in
    # If the unit itself is a link, that link starts nothing at boot.
    "$unit") [ "${l%/*}" != "$etc" ] || continue ;;
    # Another name of the unit. The units of a template all have the same file.
    *) case $unit in *@*) continue ;; esac; [ -n "$file" ] && [ "$(readlink -f "$l" 2>/dev/null)" = "$file" ] || continue ;;
    esac
    printf 'link:%s\ntarget:%s\n' "$l" "$(readlink "$l")"
  done
  for x in WantedBy RequiredBy UpheldBy BoundBy; do printf 'by:%s\n' "$(systemctl show -p "$x" --value -- "$unit" 2>/dev/null)"; done
  printf 'trigger:%s\n' "$(systemctl show -p TriggeredBy --value -- "$unit" 2>/dev/null)"
fi
seen=" $unit $own "
for l in "$etc"/*.wants/*.service "$etc"/*.requires/*.service; do
  [ -L "$l" ] || continue
  u=${l##*/}
  case $seen in *" $u "*) continue ;; esac
  seen="$seen$u "
  e=$(systemctl show -p ExecStart --value -- "$u" 2>/dev/null)
  case $e in *redis-server* | *valkey-server* | *keydb-server*) ;; *) continue ;; esac
  [ "$(systemctl show -p Id --value -- "$u" 2>/dev/null)" != "$unit" ] || continue
  e=${e##*'argv[]='}; e=${e%%;*}
  p= c= before=
  set -f
  for w in $e; do
    case $before in
    '') before=program; continue ;;
    --port) p=$w ;;
    program) case $w in -*) ;; *) c=$w ;; esac ;;
    esac
    before=$w
  done
  set +f
  if [ -z "$p" ] && [ -n "$c" ]; then p=$(awk 'tolower($1) == "port" { x = $2 } END { print x }' "$c" 2>/dev/null); fi
  printf 'other:%s %s\n' "$u" "${p:-6379}"
done
echo end:
