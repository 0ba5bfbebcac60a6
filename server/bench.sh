#!/usr/bin/env bash
# Compares the embedded server with the distribution's own, command by command, in one run on this machine.
# Rounds are interleaved, and a command's figure is the median of its rounds' ratios, so that what else the machine does hits both alike.
# Commands whose median is below the floor after all rounds get as many rounds again, all of which count.
# Ends with 1 when a command's median then still is below it. The "cpu" column is the server's processor time per request, which noise moves less.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
embedded=${EMBEDDED:-$(dirname "$here")/payload/$(uname -m)/redis-server}
reference=${REFERENCE:-/usr/bin/redis-server}
rounds=${ROUNDS:-21}   # many and short: what else runs here then falls on both servers, and the median drops it
fewest=9               # fewer rounds than this prove nothing
budget=${BUDGET:-300}  # seconds; no round begins after that
floor=${FLOOR:-0.90}
only=${ONLY:-}         # names of tests, to look at some only

fail() { printf 'error: %s\n hint: %s\n' "$1" "$2" >&2; exit 1; }
[ -x "$embedded" ] || fail "there is no embedded server at $embedded" "make server"
[ -x "$reference" ] || fail "there is no server to compare with at $reference" "sudo apt-get install redis-server"
command -v redis-benchmark >/dev/null || fail "redis-benchmark is not installed" "sudo apt-get install redis-tools"

# name|pipeline|requests|command; __rand_int__ is redis-benchmark's
tests() {
    cat <<'LIST'
SET-P1|1|20000|SET key:__rand_int__ abc
GET-P1|1|20000|GET key:__rand_int__
SET-P16|16|130000|SET key:__rand_int__ abc
GET-P16|16|150000|GET key:__rand_int__
SET-1k-P16|16|90000|SET big:__rand_int__ VALUE1K
GET-1k-P16|16|90000|GET big:__rand_int__
INCR-P16|16|130000|INCR counter:__rand_int__
LPUSH-P16|16|130000|LPUSH pushed abc
LRANGE_100-P4|4|25000|LRANGE list 0 99
HSET-P16|16|130000|HSET hash:__rand_int__ field abc
SADD-P16|16|130000|SADD set element:__rand_int__
ZADD-P16|16|90000|ZADD zset __rand_int__ element:__rand_int__
MSET_10-P4|4|20000|MSET a:__rand_int__ abc b:__rand_int__ abc c:__rand_int__ abc d:__rand_int__ abc e:__rand_int__ abc f:__rand_int__ abc g:__rand_int__ abc h:__rand_int__ abc i:__rand_int__ abc j:__rand_int__ abc
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

fill() { # the same data on both, once a round: what LPUSH pushed must not grow for ever
    local port
    # shellcheck disable=SC2154  # set by start
    for port in "$port_e" "$port_r"; do
        redis-cli -p "$port" flushall sync >/dev/null
        seq 1 1000 | sed 's/.*/RPUSH list abc/' | redis-cli -p "$port" >/dev/null
    done
}

round() { # round NUMBER NAMES: one measurement of each named command on both servers, who goes first taking turns
    local number=$1 names=" $2 " name pipeline requests command e r
    fill
    while IFS='|' read -r name pipeline requests command; do
        case $names in *" $name "*) ;; *) continue ;; esac
        # shellcheck disable=SC2154
        if [ $((number % 2)) = 1 ]; then
            e=$(measure "$port_e" "$pid_e" "$pipeline" "$requests" "$command")
            r=$(measure "$port_r" "$pid_r" "$pipeline" "$requests" "$command")
        else
            r=$(measure "$port_r" "$pid_r" "$pipeline" "$requests" "$command")
            e=$(measure "$port_e" "$pid_e" "$pipeline" "$requests" "$command")
        fi
        echo "$name $e $r" >>"$dir/rows"
    done < <(tests)
}

# table print|low: the table, or the names of the commands below the floor
table() {
    awk -v floor="$floor" -v what="$1" '
    function median(list, n,   i, j, t, a) {
        split(list, a, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
        return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
    }
    { if (!($1 in n)) order[++tests] = $1
      n[$1]++; e[$1] = e[$1] " " $2; r[$1] = r[$1] " " $4; ratio[$1] = ratio[$1] " " $2 / $4; ce[$1] += $3; cr[$1] += $5 }
    END {
        if (what == "print") printf "%-15s %6s %12s %12s %7s %7s\n", "command", "rounds", "embedded/s", "reference/s", "ratio", "cpu"
        for (i = 1; i <= tests; i++) {
            k = order[i]; m = median(ratio[k], n[k])
            if (what == "low") { if (m < floor) print k; continue }
            printf "%-15s %6d %12d %12d %7.2f %7.2f%s\n", k, n[k], median(e[k], n[k]), median(r[k], n[k]), m, ce[k] / cr[k], m < floor ? "  below " floor : ""
        }
    }' "$dir/rows"
}

began=$SECONDS
run() { # run NAMES
    local number done_rounds=0
    for ((number = 1; number <= rounds; number++)); do
        [ $((SECONDS - began)) -lt "$budget" ] || break
        round "$number" "$1"
        done_rounds=$number
    done
    [ $done_rounds -ge $fewest ] || fail "only $done_rounds rounds fitted into $budget s, and $fewest are needed" "BUDGET=900 make bench-server"
}
run "${only:-$(tests | cut -d'|' -f1 | tr '\n' ' ')}"
low=$(table low | tr '\n' ' ')
if [ -n "$low" ]; then
    echo "below $floor, measured again: $low"
    budget=$((budget * 2))
    run "$low"
fi
echo "seconds $((SECONDS - began))"
table print
[ -z "$(table low)" ] || { echo "error: the embedded server is slower than $floor of the reference (see the rows marked)" >&2; exit 1; }
