# Waits until a server that was asked to end is gone. This text goes after owner.sh, sockets.sh and
# lib.sh.
# $1 port  $2 unit of the server, or empty  $3 data directory of the node's own server
port=$1 unit=$2 own=$3
i=0
while [ $i -lt 600 ]; do
  sockets "$port"
  state=; if [ -n "$unit" ]; then state=$(systemctl is-active "$unit" 2>/dev/null); fi
  case $state in active | activating | reloading | deactivating) ;; *) if [ -z "$inodes" ]; then break; fi ;; esac
  i=$((i + 1)); nap
done
if [ -n "$inodes" ]; then
  listener "$port"
  # Its arguments may hold a password.
  [ -z "$pid" ] || { [ -d "$own" ] && serves "$pid" "$own"; } || echo "process $pid ($(head -n 1 "/proc/$pid/comm" 2>/dev/null | tr -cd ' -~')) listens on port $port" >&2
  echo "something still listens on port $port" >&2; exit 1
fi
case $state in active | activating | reloading | deactivating) echo "$unit is $state" >&2; exit 1 ;; esac
# A server that is killed closes its connections, too, and may have saved nothing.
if [ -n "$unit" ]; then
  result=$(systemctl show -p Result -- "$unit" 2>/dev/null); result=${result#Result=}
  case $result in
  signal | core-dump | oom-kill | timeout | watchdog) echo "$unit has not ended by itself ($result): it may not have saved its data" >&2; exit 1 ;;
  esac
fi
# If something starts it again at once, that shows a moment later.
nap 0.5
sockets "$port"
if [ -n "$inodes" ]; then echo "something starts a server on port $port again at once" >&2; exit 1; fi
if [ -n "$unit" ]; then echo "$unit is ${state:-gone}, and nobody listens on port $port"; else echo "nobody listens on port $port"; fi
