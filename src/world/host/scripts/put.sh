# Gives an uploaded server its other names, and checks that it runs here. $1 directory
d=$1
for l in redis-sentinel redis-check-rdb redis-check-aof; do ln -sfn redis-server "$d/$l" || exit 1; done
"$d/redis-server" --version || { echo "the program does not run on this host" >&2; exit 1; }
