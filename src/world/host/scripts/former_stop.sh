# Stops the node's own server and no other. This text goes after owner.sh, sockets.sh and lib.sh.
# $1 unit  $2 port  $3 data directory  $4 configuration  $5 what it must be: replica or fenced
# $6 the process that has confirmed that itself, or empty; `look`: only print the process
# $7 its log  $8 its user
unit=$1 port=$2 data=$3 config=$4 role=$5 confirmed=$6 log=$7 user=$8
# Prints the last change of its role in its log. The log is in a folder of the user, who reads it.
last_role() {
  [ -e "$log" ] || return 0
  if is_root; then number "$user"; uid=$number; [ -n "$uid" ] || return 0; account "$uid"; fi
  act sh -c 'if [ -f "$1" ]; then tail -c 4000000 "$1" | grep -E "(MASTER|PRIMARY) MODE enabled|(REPLICAOF|SLAVE OF|SLAVEOF) .* enabled" | tail -n 1; fi' sh "$log" 2>/dev/null
}
# Finds the servers that work in the data directory, whether they listen or not. Sets $all: their
# processes, and $p: the first. On Debian, a server has the file of the program that checks
# snapshots. A child of a server, which saves for it, is none.
own() {
  all=
  for f in /proc/[0-9]*; do
    p=${f##*/}
    if [ -d "$data" ] && serves "$p" "$data" && alive "$p"; then
      exe=$(readlink "$f/exe" 2>/dev/null)
      case ${exe##*/} in *-cli* | *sentinel* | *benchmark*) ;; *redis* | *valkey*) all="$all $p" ;; esac
    fi
  done
  found=$all all=
  for p in $found; do
    parent=none
    while read -r k v _; do if [ "$k" = PPid: ]; then parent=$v; break; fi; done 2>/dev/null <"/proc/$p/status"
    case " $found " in *" $parent "*) ;; *) all="$all $p" ;; esac
  done
  p=${all# }; p=${p%% *}
  [ -n "$p" ]
}
if [ "$confirmed" = look ]; then
  if own; then echo "process $p"; else echo "no process"; fi
  exit 0
fi
if own; then
  case " $all " in *" ${confirmed:-none} "*) p=$confirmed ;; *) confirmed= ;; esac
  [ -n "$confirmed" ] || { echo "process $p works in $data and does not answer: it is not known whether it has taken writes, and it is not stopped" >&2; exit 1; }
elif [ -e "$config" ]; then
  # It has ended by itself. Its file says what it was, and its log may say more.
  case $role in
  replica)
    case $(last_role) in *' MODE enabled'*) echo "$log says that it was made a primary: it may have taken writes" >&2; exit 1 ;; esac
    grep -qiE '^[[:space:]]*"?(replicaof|slaveof)"?[[:space:]]' "$config" || { echo "$config says that it was made a primary: it may have taken writes" >&2; exit 1; } ;;
  *) grep -qE '^[[:space:]]*min-replicas-to-write[[:space:]]+1000' "$config" || { echo "$config lets it take writes: it may have taken some" >&2; exit 1; } ;;
  esac
fi
if has_unit "$unit"; then systemctl stop --no-block "$unit"; fi
if [ -z "$p" ]; then echo "it does not run"; exit 0; fi
if ! has_unit "$unit"; then kill -TERM "$p" 2>/dev/null; fi
i=0; while alive "$p" && [ $i -lt 300 ]; do nap; i=$((i + 1)); done
if alive "$p"; then kill -KILL "$p" 2>/dev/null; i=0; while alive "$p" && [ $i -lt 50 ]; do nap; i=$((i + 1)); done; fi
if alive "$p"; then echo "process $p does not end" >&2; exit 1; fi
echo "stopped"
