# Runs $inner on file $1 as the user who runs the server on port $2. The server says that this is
# its file. If that is a lie, it affects only what this user may do anyway. If root runs the server,
# the path is checked.
path=$1 port=$2; shift 2
listener "$port"
if [ -n "$pid" ]; then
  uid=$(awk '$1 == "Uid:" { print $5 }' "/proc/$pid/status" 2>/dev/null)
  account "$uid"
  gid=$(awk '$1 == "Gid:" { print $5 }' "/proc/$pid/status" 2>/dev/null)
  groups=$(sed -n 's/^Groups:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
  # If a process ends, another one may get its number.
  was=$pid; listener "$port"
  [ -n "$uid" ] && [ -n "$gid" ] && [ "$pid" = "$was" ] || no "the process on port $port has changed meanwhile"
fi
real=$path service=$uid
if is_root; then
  [ -n "$pid" ] || no "no process was found that listens on port $port of its host: it may run in a container"
  [ "/proc/$pid/root/" -ef / ] || no "the server on port $port has its own root folder, as in a container"
  if [ "$uid" = 0 ]; then
    case $(readlink "/proc/$pid/exe") in *redis* | *valkey*) ;; *) no "port $port is held by $(readlink "/proc/$pid/exe"), which is no server of the Redis family" ;; esac
    choose "$path" ''; service=0
  elif [ -e "/proc/$pid/root$path" ] && ! [ "/proc/$pid/root$path" -ef "$path" ]; then
    no "the server on port $port sees another file at $path than its host does"
  fi
else uid=$(id -u) gid=$(id -g)
fi
act sh -c "$inner" replctl "$real" "$service" "$@"
