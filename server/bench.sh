#!/usr/bin/env bash
# Compares the embedded server with the distribution's own, command by command, in one run on this machine.
# Rounds are interleaved, and a command's figure is the median of its rounds' ratios, so that what else the machine does hits both alike.
# Ends with 1 when a command's median falls below the floor. The "cpu" column is the server's processor time per request, which noise moves less.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
embedded=${EMBEDDED:-$(dirname "$here")/payload/$(uname -m)/redis-server}
reference=${REFERENCE:-/usr/bin/redis-server}
rounds=${ROUNDS:-9}    # at least 5
budget=${BUDGET:-240}  # seconds; what is then measured counts, and fewer than 5 rounds are an error
floor=${FLOOR:-0.90}
only=${ONLY:-}         # names of tests, to look at some only

fail() { printf 'error: %s\n hint: %s\n' "$1" "$2" >&2; exit 1; }
[ -x "$embedded" ] || fail "there is no embedded server at $embedded" "make server"
[ -x "$reference" ] || fail "there is no server to compare with at $reference" "sudo apt-get install redis-server"
command -v redis-benchmark >/dev/null || fail "redis-benchmark is not installed" "sudo apt-get install redis-tools"

# name|pipeline|requests|command; __rand_int__ is redis-benchmark's
tests() {
    cat <<'LIST'
SET-P1|1|60000|SET key:__rand_int__ abc
GET-P1|1|60000|GET key:__rand_int__
SET-P16|16|400000|SET key:__rand_int__ abc
GET-P16|16|500000|GET key:__rand_int__
SET-1k-P16|16|300000|SET big:__rand_int__ VALUE1K
GET-1k-P16|16|300000|GET big:__rand_int__
INCR-P16|16|400000|INCR counter:__rand_int__
LPUSH-P16|16|400000|LPUSH pushed abc
LRANGE_100-P4|4|100000|LRANGE list 0 99
HSET-P16|16|400000|HSET hash:__rand_int__ field abc
SADD-P16|16|400000|SADD set element:__rand_int__
ZADD-P16|16|300000|ZADD zset __rand_int__ element:__rand_int__
MSET_10-P4|4|80000|MSET a:__rand_int__ abc b:__rand_int__ abc c:__rand_int__ abc d:__rand_int__ abc e:__rand_int__ abc f:__rand_int__ abc g:__rand_int__ abc h:__rand_int__ abc i:__rand_int__ abc j:__rand_int__ abc
LIST
}

dir=$(mktemp -d)
pids=()
# Only what this script started, by its pid.
stop() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

start() { # start NAME BINARY: its port into $port_NAME, its pid into $pid_NAME
    local name=$1 binary=$2 port attempt
    for attempt in 1 2 3 4 5 6 7 8; do
        port=$((20000 + (RANDOM % 20000)))
        "$binary" --port $port --bind 127.0.0.1 --save '' --appendonly no --daemonize no --dir "$dir" --logfile "$dir/$name.log" --loglevel warning </dev/null >/dev/null 2>&1 &
        local pid=$! tries=0
        while [ $tries -lt 50 ]; do
            if [ "$(redis-cli -p $port info server 2>/dev/null | tr -d '\r' | sed -n 's/^process_id://p')" = "$pid" ]; then
                pids+=("$pid")
                eval "port_$name=$port pid_$name=$pid"
                return 0
            fi
            kill -0 $pid 2>/dev/null || break
            sleep 0.1
            tries=$((tries + 1))
        done
        kill $pid 2>/dev/null || true
    done
    fail "$binary does not start" "cat $dir/$name.log"
}

ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }
value1k=$(head -c 1024 /dev/zero | tr '\0' x)

measure() { # measure PORT PID PIPELINE REQUESTS COMMAND → "requests-per-second ticks-per-million-requests"
    local port=$1 pid=$2 pipeline=$3 requests=$4 before after rps words
    read -ra words <<<"${5/VALUE1K/$value1k}"
    before=$(ticks "$pid")
    rps=$(timeout 120 redis-benchmark -h 127.0.0.1 -p "$port" -c 50 -P "$pipeline" -n "$requests" -r 10000 --csv "${words[@]}" | awk -F'","' 'END { print $2 }')
    after=$(ticks "$pid")
    awk -v r="$rps" -v t=$((after - before)) -v n="$requests" 'BEGIN { print r, t * 1e6 / n }'
}

start e "$embedded"
start r "$reference"
printf 'embedded   %s\nreference  %s\n' "$("$embedded" --version)" "$("$reference" --version)"
began=$SECONDS done_rounds=0
for ((round = 1; round <= rounds; round++)); do
    [ $((SECONDS - began)) -lt "$budget" ] || break
    # shellcheck disable=SC2154  # set by start
    for port in "$port_e" "$port_r"; do
        redis-cli -p "$port" flushall sync >/dev/null
        seq 1 1000 | sed 's/.*/RPUSH list abc/' | redis-cli -p "$port" >/dev/null
    done
    while IFS='|' read -r name pipeline requests command; do
        case " ${only:-$name} " in *" $name "*) ;; *) continue ;; esac
        # shellcheck disable=SC2154
        if [ $((round % 2)) = 1 ]; then
            e=$(measure "$port_e" "$pid_e" "$pipeline" "$requests" "$command")
            r=$(measure "$port_r" "$pid_r" "$pipeline" "$requests" "$command")
        else
            r=$(measure "$port_r" "$pid_r" "$pipeline" "$requests" "$command")
            e=$(measure "$port_e" "$pid_e" "$pipeline" "$requests" "$command")
        fi
        echo "$name $e $r" >>"$dir/rows"
    done < <(tests)
    done_rounds=$round
done

echo "rounds $done_rounds, seconds $((SECONDS - began))"
[ $done_rounds -ge 5 ] || fail "only $done_rounds rounds fitted into $budget s, and 5 are needed" "BUDGET=600 make bench-server"
awk -v floor="$floor" '
    function median(list, n,   i, j, t, a) {
        split(list, a, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
        return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
    }
    { if (!($1 in n)) order[++tests] = $1
      n[$1]++; e[$1] = e[$1] " " $2; r[$1] = r[$1] " " $4; ratio[$1] = ratio[$1] " " $2 / $4; if ($5 > 0) { cpu[$1] = cpu[$1] " " $3 / $5; c[$1]++ } }
    END {
        printf "%-15s %12s %12s %7s %7s\n", "command", "embedded/s", "reference/s", "ratio", "cpu"
        for (i = 1; i <= tests; i++) {
            k = order[i]; m = median(ratio[k], n[k]); low = m < floor; bad += low
            printf "%-15s %12d %12d %7.2f %7.2f%s\n", k, median(e[k], n[k]), median(r[k], n[k]), m, median(cpu[k], c[k]), low ? "  below " floor : ""
        }
        exit bad > 0
    }' "$dir/rows" || { echo "error: the embedded server is slower than $floor of the reference (see the rows marked)" >&2; exit 1; }
