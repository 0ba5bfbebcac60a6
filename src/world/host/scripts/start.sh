# Starts a server and waits until it listens. $1 unit  $2 program  $3 configuration  $4 log  $5 user
# $6 port  $7 data directory  $8 --sentinel, or empty  $9 pid file
# Without a program, only the unit starts the server: somebody else has made it.
unit=$1 program=$2 config=$3 log=$4 user=$5 port=$6 data=$7 mode=$8 pidfile=$9
# Older versions of replctl made one link for all nodes of a host.
if [ -n "$program" ] && [ ! -e "$program" ]; then
  shared=${program%/current-*}/current/redis-server
  if [ -e "$shared" ]; then program=$shared; fi
fi
# The log is in a folder of the user. Only that user reads it, so a link there gains nothing.
as_user() {
  if ! is_root; then act_apart "$@"; return; fi
  number "$user"; uid=$number
  [ -n "$uid" ] || { echo "there is no user $user"; return 1; }
  account "$uid"; "$how" "$@"
}
size() { as_user sh -c 'if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi' sh "$log" 2>/dev/null | tr -dc 0-9; }
size=0
if [ -e "$log" ]; then size=$(how=act_apart; size); size=${size:-0}; fi
told() { as_user sh -c 'if [ -f "$1" ]; then tail -c "+$(($2 + 1))" "$1" | tail -n 12; fi' sh "$log" "$size" 2>/dev/null; }
# Root may own its folder, together with its group. Then the unit decides whose process it is.
its=; [ -n "$program" ] || its=$unit
ours() { listener "$port" "$data" "$its"; [ -n "$is_server" ]; }
# It listens, and still does so a moment later. A server that fails during its start may have
# listened before.
stays() { ours && nap 0.05 && alive "$pid"; }
fail() { { echo "$1"; told; } >&2; exit 1; }

# The last lines of the server, without those of systemd about it.
words() { journalctl -u "$unit" -n 16 --no-pager -o cat 2>/dev/null | grep -vE "^(Started|Stopped|Stopping|Scheduled|$unit:) " | tail -n 8; }

if ours; then echo "it runs already"; exit 0; fi
if [ -n "$inodes" ]; then
  # Its arguments may hold a password.
  fail "port $port is in use by another process: $([ -z "$pid" ] || echo "$pid ($(head -n 1 "/proc/$pid/comm" 2>/dev/null | tr -cd ' -~'))")"
fi
# Most servers listen after a few hundredths of a second. So the first checks follow each other
# quickly.
i=0
pause() { i=$((i + 1)); if [ $i -lt 10 ]; then nap 0.02; else nap; fi; }

if has_unit "$unit"; then
  systemctl reset-failed "$unit" 2>/dev/null
  systemctl start "$unit" || fail "systemctl start $unit: $(systemctl status "$unit" 2>&1 | tail -n 8)"
  while [ $i -lt 160 ]; do
    stays && { echo "started by $unit"; exit 0; }
    case $(systemctl is-active "$unit") in
    # `activating` is the wait before the next try.
    failed | inactive | activating) fail "$unit ended at once: $(words)" ;;
    esac
    pause
  done
  fail "$unit does not listen on port $port after 15 s: $(words)"
fi

[ -n "$program" ] || fail "$unit is not loaded there, and nothing else starts this server"
# Nobody else may read the password, also not in the file that CONFIG REWRITE makes.
umask 077
cd / || exit 1
said=$(how=act_apart; as_user "$program" "$config" ${mode:+"$mode"} </dev/null 2>&1) || fail "$program could not be started: $said"
while [ $i -lt 160 ]; do
  pause
  # The server writes its pid file at about the time when it begins to listen. To find out who
  # listens costs a host more than the rest of this loop. So the first rounds check only for that
  # file.
  [ $i -gt 8 ] || [ -e "$pidfile" ] || continue
  stays && { echo "started"; exit 0; }
  if [ $((i % 5)) = 0 ] && told | grep -qE 'Failed listening|Fatal error|aborting|FATAL'; then nap; fail "it ended at once"; fi
done
fail "it does not listen on port $port after 15 s"
