# Starts a server as it was started before replctl, and waits until it listens. This text goes after
# owner.sh, sockets.sh, lib.sh and as.sh.
# $1 port  $2 unit, or empty  $3 data directory of the node's own server  $4 soft and hard limit of
# open files, or empty  $5 uid  $6 gid  $7 groups(,)  $8 working directory  $9 program  then arguments
port=$1 unit=$2 own=$3 limits=$4 its_uid=$5 its_gid=$6 its_groups=$7 folder=$8 program=$9; shift 9
# Some packages have several names for one program, and the program acts by its name.
case ${program##*/} in
*-server*) ;;
*) for x in redis-server valkey-server keydb-server; do if [ "${program%/*}/$x" -ef "$program" ]; then program=${program%/*}/$x; break; fi; done ;;
esac
# Sets $pid: the process that listens, if it is not the node's own server.
former() { listener "$port"; [ -n "$pid" ] && ! { [ -d "$own" ] && serves "$pid" "$own"; }; }
stays() { former && nap 0.1 && alive "$pid"; }
is_busy() { sockets "$port"; [ -n "$inodes" ]; }
if is_busy; then
  # A server that is about to end still listens.
  nap 1
  if stays; then echo "it runs"; exit 0; fi
  i=0; while is_busy && [ $i -lt 100 ]; do nap; i=$((i + 1)); done
  if is_busy; then echo "port $port is in use by another server" >&2; exit 1; fi
fi
if [ -n "$unit" ]; then
  systemctl reset-failed "$unit" 2>/dev/null
  systemctl start "$unit" || { systemctl status "$unit" 2>&1 | tail -n 8 >&2; exit 1; }
else
  cd / || exit 1
  become "$its_uid" "$its_gid" "$its_groups"
  umask 022
  # With the limits of this login, it might take fewer clients than before.
  if [ -n "$limits" ]; then ulimit -n "${limits#* }" && ulimit -S -n "${limits% *}"; fi 2>/dev/null
  # The server gets no output of this shell, and a session of its own.
  act_apart sh -c 'cd "$1" || exit 1; shift; if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; else exec "$@"; fi' sh "$folder" "$program" "$@" </dev/null >/dev/null 2>&1 &
fi
i=0
while [ $i -lt 300 ]; do
  if stays; then if [ -n "$unit" ]; then echo "started by $unit"; else echo "started"; fi; exit 0; fi
  nap; i=$((i + 1))
done
echo "nobody listens on port $port after 30 s" >&2; exit 1
