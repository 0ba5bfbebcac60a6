#!/bin/bash
# fast.sh PRIMARY REPLICA... — the best shell script that we could write: one multiplexed connection for each host, all hosts at once, one
# look, uploads only where they are needed. In the environment: BENCH_SSH (an ssh configuration), BENCH_SERVER (the server program).
set -euo pipefail
. "$(dirname "$(realpath "$0")")/redis.cnf.sh"
server=$BENCH_SERVER d=$(mktemp -d); O="-F $BENCH_SSH -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=$d/%h"
sum=$(sha256sum <"$server"); m=$1
trap 'for h; do [ ! -S $d/$h ] || ssh $O -O exit $h 2>/dev/null & done; wait; rm -rf $d' EXIT
prep() { # ROLE HOST
  local state; render $1 $2 $m >$d/$2.cnf
  state=$(ssh $O $2 'id redis >/dev/null 2>&1 || ! command -v useradd >/dev/null || useradd -r -M -d /db/redis -s /usr/sbin/nologin redis
    mkdir -p /db/redis/bin /db/redis/6379/conf /db/redis/6379/logs /db/redis/6379/pid; chown -R redis:redis /db/redis/6379
    sha256sum </db/redis/bin/redis-server 2>/dev/null || echo none; sha256sum </db/redis/6379/conf/redis.cnf 2>/dev/null || echo none')
  if [ "$(head -1 <<<"$state")" != "$sum" ]; then echo changed >>$d/changed
    [ "$(ssh $O $2 'cd /db/redis/bin && cat >.new && chmod 755 .new && mv .new redis-server && sha256sum <redis-server' <"$server")" = "$sum" ]; fi
  if [ "$(tail -1 <<<"$state")" != "$(sha256sum <$d/$2.cnf)" ]; then echo changed >>$d/changed
    ssh $O $2 'cd /db/redis/6379/conf && umask 027 && cat >.new && chown redis:redis .new && mv .new redis.cnf' <$d/$2.cnf; fi
}
start() { [ "$(ssh $O $1 'kill -0 $(cat /db/redis/6379/pid/redis_6379.pid) 2>/dev/null && echo up || runuser -u redis -- /db/redis/bin/redis-server /db/redis/6379/conf/redis.cnf')" = up ] || echo changed >>$d/changed; }
all() { local f=$1 h p=(); shift; for h; do $f $h & p+=($!); done; for h in "${p[@]}"; do wait $h; done; }
pm() { prep primary $1; }; pr() { prep replica $1; }
: >$d/changed; pm $m & p=$!; shift; all pr "$@"; wait $p
start $m; all start "$@"
"$(dirname "$(realpath "$0")")/verify.sh" $m "$@"; echo "changed=$(wc -l <$d/changed)"
