# Stops a server and waits until its process is gone. It asks the server to end, waits, and kills it
# if it does not end. It stops only servers of the Redis family.
# $1 unit  $2 port  $3 seconds to wait  $4 data directory
# $5 pid file, or empty: then somebody else has made the server
unit=$1 port=$2 wait=$3 data=$4 pidfile=$5
others=; [ -n "$pidfile" ] || others=$unit
listener "$port" "$data" "$others"
main=; if [ -n "$others" ] && has_unit "$unit"; then main=$(systemctl show -p MainPID -- "$unit"); main=${main#MainPID=}; main=${main#0}; fi
# Another server may have the same port on another address of the host.
if [ -n "$main" ] && { [ -z "$pid" ] || ! of_unit "$pid" "$unit"; }; then pid=$main several=; fi
if [ -n "$several" ] && [ -z "$is_server" ]; then pid=; fi
if [ -z "$pid" ] && [ -n "$inodes" ]; then echo "port $port is held by a process of another user, or by several of which none is known as this server" >&2; exit 1; fi
if [ -z "$pidfile" ] && [ -n "$pid" ] && [ -d "$data" ] && ! [ "/proc/$pid/cwd/" -ef "$data/" ] && ! of_unit "$pid" "$unit"; then
  echo "port $port is held by process $pid, which does not work in $data${unit:+ and is none of $unit}: it is not stopped" >&2; exit 1
fi
# The owner of the pid file may only name a process of their own.
if [ -z "$pid" ] && [ -r "$pidfile" ] && [ -f "$pidfile" ] && [ ! -L "$pidfile" ]; then
  pid=$(head -n 1 "$pidfile" | tr -dc 0-9 | head -c 9); look "$pidfile"
  its=$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status" 2>/dev/null)
  if [ "$owner" != 0 ] && [ -n "$its" ] && [ "$its" != "$owner" ]; then pid=; fi
fi
if [ -n "$pid" ] && ! alive "$pid"; then pid=; fi
if [ -n "$pid" ]; then
  name=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) server=no
  case "$name $(readlink "/proc/$pid/exe" 2>/dev/null)" in *redis* | *valkey*) server=yes ;; esac
  if [ -d "$data" ] && serves "$pid" "$data"; then server=yes; fi
  if [ $server = no ]; then
    if [ -n "$inodes" ]; then echo "port $port is held by something else: $name" >&2; exit 1; fi
    pid= # an old pid file, and the number has gone to another process
  fi
fi
# Stops its unit, made by replctl or by the distribution. The server must be the main process of
# that unit: a server that was started by hand may belong to the unit of sshd.
if has_unit "$unit"; then systemctl stop --no-block "$unit"; fi
if [ -z "$pid" ]; then echo "it does not run"; exit 0; fi
its=
if [ -d /run/systemd/system ] && has systemctl; then
  its=$(sed -n 's#.*/\([^/]*\.service\)$#\1#p' "/proc/$pid/cgroup" | tail -n 1)
  if [ -n "$its" ] && [ "$(systemctl show -p MainPID "$its")" != "MainPID=$pid" ]; then its=; fi
fi
if [ -n "$its" ]; then systemctl stop --no-block "$its"; else kill -TERM "$pid" 2>/dev/null; fi
# A process that a signal has stopped does not react to a request. While this script waits, there is
# no primary.
case "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" in [Tt]*) wait=0 ;; esac
end=$(($(date +%s) + wait))
while alive "$pid" && [ "$(date +%s)" -lt "$end" ]; do nap; done
if ! alive "$pid"; then echo "stopped"; exit 0; fi
kill -KILL "$pid" 2>/dev/null
i=0; while alive "$pid" && [ $i -lt 50 ]; do nap; i=$((i + 1)); done
if alive "$pid"; then echo "process $pid does not end" >&2; exit 1; fi
if [ "$wait" = 0 ]; then echo "killed, as it was frozen"; else echo "killed, as it did not stop within $wait s"; fi
