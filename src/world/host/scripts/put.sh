# Sees that an upload arrived whole and runs here. $1 directory  then pairs of name and sha256
d=$1; shift
while [ $# -ge 2 ]; do
  [ "$(sha256sum <"$d/$1" | cut -d' ' -f1)" = "$2" ] || { echo "$d/$1 did not arrive whole" >&2; exit 1; }
  shift 2
done
for l in redis-sentinel redis-check-rdb redis-check-aof; do ln -sfn redis-server "$d/$l" || exit 1; done
"$d/redis-server" --version || { echo "the program does not run on this host" >&2; exit 1; }
