# render ROLE ADDRESS PRIMARY — the configuration file that every opponent writes. Sourced by fast.sh.
PASS=lab-secret
render() { cat <<C
daemonize yes
bind $2
port 6379
pidfile /db/redis/6379/pid/redis_6379.pid
logfile /db/redis/6379/logs/redis_6379.log
databases 16
dbfilename redis_6379.rdb
dir /db/redis/6379/
requirepass $PASS
masterauth $PASS
repl-diskless-sync-delay 0
C
[ "$1" = primary ] || echo "replicaof $3 6379"; }
