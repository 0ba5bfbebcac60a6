# Prints what starts a unit at boot, and which other units start a server on the same port. This
# text goes after owner.sh and as.sh. It changes nothing.
# $1 unit of the server, or empty  $2 the unit that replctl would make  $3 port  $4 process
# $5 the distribution's program, or empty  $6 directory of its data  $7 its configuration file, or
# empty  $8 name of its snapshot  $9 name of its append-only file or directory, or empty
# $10 uid  $11 gid  $12 groups(,)
unit=$1 own=$2 port=$3 pid=$4 program=$5 folder=$6 file=$7 dump=$8 appended=$9; shift 9
become "$1" "$2" "$3"
case $(readlink "/proc/$pid/exe" 2>/dev/null) in *' (deleted)') echo deleted: ;; esac
if [ -n "$program" ]; then printf 'version:%s\n' "$(act "$program" --version 2>/dev/null | head -n 1)"; fi
while read -r a b c soft hard _; do
  if [ "$a $b $c" = 'Max open files' ]; then echo "files:$soft $hard"; break; fi
done 2>/dev/null <"/proc/$pid/limits"
# Root reads its data only where nobody else can change what a path means.
if is_root && [ "$uid" = 0 ] && [ -n "$folder" ]; then
  for f in "$folder" "$folder/${dump:-.}" "$folder/${appended:-.}"; do
    if ! trace "$f"; then x="unknown $fault"
    elif [ "$who" != 0 ]; then case $mode in l*) x="link $why" ;; *) x="path $why" ;; esac
    elif [ -n "$sticky" ]; then x="sticky $real"
    else continue; fi
    printf 'theirs:%s\n' "$x"; break
  done
fi
names=$unit
if [ -n "$unit" ] && [ -d /run/systemd/system ] && has systemctl; then
  x=$(systemctl show -p Names --value -- "$unit" 2>/dev/null); names=${x:-$unit}
fi
# Files of cron and start scripts that start such a server. Only their names are printed, because
# their lines may hold passwords.
set --
for f in /etc/crontab /etc/anacrontab /etc/cron.d/* /var/spool/cron/* /var/spool/cron/crontabs/* /var/spool/cron/tabs/* /etc/rc.local /etc/rc.d/rc.local /etc/local.d/*.start /etc/init.d/*; do
  [ -f "$f" ] || continue
  case $f in
  */rc.local | /etc/local.d/*) [ -x "$f" ] || continue ;;
  /etc/init.d/*)
    # systemd runs it only if it is started at boot and no native unit has its name.
    n=${f##*/} on=
    for l in /etc/rc[2345].d/S??"$n" /etc/rc.d/rc[2345].d/S??"$n"; do if [ -e "$l" ]; then on=1; fi; done
    for d in /etc /run /usr/local/lib /usr/lib /lib; do if [ -e "$d/systemd/system/$n.service" ]; then on=; fi; done
    [ -n "$on" ] && [ -x "$f" ] || continue ;;
  esac
  set -- "$@" "$f"
done
# Whether file $1 is the configuration of a server on another port.
another() {
  [ -f "$1" ] && ! [ "$1" -ef "$file" ] || return 1
  at=$(awk 'tolower($1) == "port" { x = $2 } tolower($1) == "include" { i = 1 } END { if (!i) print x }' "$1" 2>/dev/null)
  case $at in '' | *[!0-9]* | "$port") return 1 ;; esac
}
# For each such file, this prints `sure FILE`, or for each configuration that it names `PATH FILE`.
STARTS='
# 2: the command names its configuration, or has its unit started. 1: it starts a server.
function about(s,  w, n, i, by, asks, its) {
  if (config != "" && index(s, config)) return 2
  n = split(s, w, /[^A-Za-z0-9_.@:\\-]+/)
  for (i = 1; i <= n; i++) {
    sub(/\.service$/, "", w[i])
    if (w[i] ~ /^(systemctl|service|rc-service|invoke-rc\.d)$/) by = 1
    else if (w[i] ~ /^(status|show|is-active|is-failed|is-enabled)$/) asks = 1
    else if (w[i] in unit) its = 1
  }
  if (by && its && !asks) return 2
  return s ~ /(redis|valkey|keydb)-server/
}
# The configurations in a command. `?`: one whose path is not clear, or a port beside it.
function confs(s,  w, n, i, list) {
  if (s ~ /--port/) list = " ?"
  n = split(s, w, /[ \t"\047=()]+/)
  for (i = 1; i <= n; i++) if (w[i] ~ /\.conf$/) list = list " " (w[i] ~ /^\/[A-Za-z0-9_.\/@:-]+$/ ? w[i] : "?")
  return list
}
function tell(f, list,  w, n, i) {
  n = list ~ /\?/ ? 0 : split(list, w, " ")
  if (!n) print "sure " f
  for (i = 1; i <= n; i++) print w[i] " " f
}
BEGIN {
  config = ENVIRON["config"]; n = split(ENVIRON["names"], w, " ")
  for (i = 1; i <= n; i++) { sub(/\.service$/, "", w[i]); unit[w[i]] }
}
!/^[ \t]*#/ {
  n = split($0, part, /[;&|]+/)
  for (i = 1; i <= n; i++) {
    a = about(part[i]); c = confs(part[i])
    if (a == 2) print "sure " FILENAME
    # In a start script, the program and its configuration are in several lines.
    else if (FILENAME ~ /\/init\.d\//) { all[FILENAME] = all[FILENAME] c; if (a) starts[FILENAME] }
    else if (a && part[i] !~ /sentinel/) tell(FILENAME, c)
  }
}
END { for (f in starts) tell(f, all[f]) }'
if [ $# -gt 0 ]; then
  lines=$(config=$file names=$names awk "$STARTS" "$@") || echo unread:
  said=
  set -f; IFS=$nl; set -- $lines; unset IFS; set +f
  for x; do
    c=${x%% *} f=${x#* }
    case $said in *"|$f|"*) continue ;; esac
    if [ "$c" != sure ] && another "$c"; then continue; fi
    said="$said|$f|"; printf 'script:%s\n' "$f"
  done
fi
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
  for x in WantedBy RequiredBy UpheldBy BoundBy; do
    by=$(systemctl show -p "$x" --value -- "$unit" 2>/dev/null); printf 'by:%s\n' "$by"
    # What wants it by a line, or by a link outside of /etc, does so without those links, too.
    for w in $by; do
      # A line may go on in the next one.
      lines=$(systemctl cat -- "$w" 2>/dev/null | awk 'held != "" && /^[ \t]*[#;]/ { next } sub(/\\$/, " ") { held = held $0; next } { print held $0; held = "" } END { print held }' | grep -E '^[[:space:]]*(Wants|Requires|Upholds|BindsTo)[[:space:]]*=' | tr '=\n\t' '   ')
      for n in $names; do
        case " $lines " in *" $n "*) echo "line:$w" ;; esac
        for d in /run/systemd/system /run/systemd/transient /run/systemd/generator /run/systemd/generator.early /run/systemd/generator.late /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
          for k in wants requires upholds; do if [ -L "$d/$w.$k/$n" ] || [ -e "$d/$w.$k/$n" ]; then echo "line:$w"; fi; done
        done
      done
    done
  done
  group=
  text=$(systemctl show -p Type,RemainAfterExit,MainPID,ControlGroup -- "$unit" 2>/dev/null)
  set -f; IFS=$nl
  for x in $text; do
    case $x in
    Type=*) echo "kind:${x#*=}" ;; RemainAfterExit=*) echo "remains:${x#*=}" ;; MainPID=*) echo "main:${x#*=}" ;; ControlGroup=*) group=${x#*=} ;;
    esac
  done
  unset IFS; set +f
  # All processes of the unit. systemd ends them together with its main process.
  if [ -n "$group" ]; then
    for f in /proc/[0-9]*; do
      in=
      while IFS=: read -r x k v; do
        case $x:$k in 0:* | *:name=systemd) case $v in "$group" | "$group"/*) in=1 ;; esac ;; esac
      done 2>/dev/null <"$f/cgroup"
      [ -n "$in" ] || continue
      n= s= p=
      while read -r k v; do
        case $k in Name:) n=$v ;; State:) s=$v ;; PPid:) p=$v; break ;; esac
      done 2>/dev/null <"$f/status"
      case $s in '' | [ZX]*) ;; *) printf 'inside:%s %s %s\n' "${f#/proc/}" "$p" "$n" ;; esac
    done
  fi
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
