# Starts a server and sees it listen. $1 unit  $2 program  $3 configuration  $4 log  $5 user  $6 port  $7 data directory  $8 --sentinel, or empty
unit=$1 program=$2 config=$3 log=$4 user=$5 port=$6 data=$7 mode=$8
size=0; if [ -f "$log" ]; then size=$(wc -c <"$log"); fi
told() { if [ -f "$log" ]; then tail -c "+$((size + 1))" "$log" | tail -n 12; fi; }
ours() { p=$(listener "$port"); [ -n "$p" ] && [ "$(readlink "/proc/$p/cwd")" = "$(cd "$data" && pwd -P)" ]; }
fail() { { echo "$1"; told; } >&2; exit 1; }

# What the server said on its own, without systemd's words about it.
words() { journalctl -u "$unit" -n 16 --no-pager -o cat 2>/dev/null | grep -vE "^(Started|Stopped|Stopping|Scheduled|$unit:) " | tail -n 8; }

if ours; then echo "it runs already"; exit 0; fi
if [ -n "$(sockets "$port")" ]; then fail "port $port is in use by another process: $(p=$(listener "$port"); [ -z "$p" ] || tr '\0' ' ' <"/proc/$p/cmdline" | head -c 200)"; fi

if has_unit "$unit"; then
  systemctl reset-failed "$unit" 2>/dev/null
  systemctl start "$unit" || fail "systemctl start $unit: $(systemctl status "$unit" 2>&1 | tail -n 8)"
  i=0
  while [ $i -lt 150 ]; do
    ours && { echo "started by $unit"; exit 0; }
    case $(systemctl is-active "$unit") in
    # `activating` is the wait before the next try.
    failed | inactive | activating) fail "$unit ended at once: $(words)" ;;
    esac
    nap; i=$((i + 1))
  done
  fail "$unit does not listen on port $port after 15 s: $(words)"
fi

# Nobody else may read the password, in the file that CONFIG REWRITE makes anew either.
umask 077
cd / || exit 1
as_user() {
  if [ "$(id -u)" != 0 ] || [ "$user" = root ]; then "$@"
  elif has setpriv && setpriv --help 2>&1 | grep -q -- --reuid; then setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
  elif has runuser; then runuser -u "$user" -- "$@"
  elif has su; then su -s /bin/sh "$user" -c 'exec "$0" "$@"' "$@"
  elif has start-stop-daemon; then x=$1; shift; start-stop-daemon -S -c "$user" -p "$data/pid/none" -x "$x" -- "$@"
  else echo "no setpriv, runuser, su or start-stop-daemon to become $user with"; return 1; fi
}
said=$(as_user "$program" "$config" ${mode:+"$mode"} </dev/null 2>&1) || fail "$program could not be started: $said"
i=0
while [ $i -lt 150 ]; do
  ours && { echo "started"; exit 0; }
  if told | grep -qE 'Failed listening|Fatal error|aborting|FATAL'; then nap; fail "it ended at once"; fi
  nap; i=$((i + 1))
done
fail "it does not listen on port $port after 15 s"
