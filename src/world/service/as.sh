# Put before the scripts that look at a server as it is run. POSIX sh; only what busybox has. It
# changes nothing.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
has() { command -v "$1" >/dev/null 2>&1; }
quoted() { printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
p() { printf '%s=' "$1"; printf '%s' "$2" | hex; echo; }
# as UID GID GROUPS(,) COMMAND… — with the rights of a server's user, never with more: what it may
# not read is not read for it.
as() {
  u=$1 g=$2 more=$3; shift 3
  if [ "$(id -u)" != 0 ] || [ "$u" = 0 ]; then "$@" </dev/null; return; fi
  if [ -n "$more" ]; then groups="--groups=$more"; else groups=--clear-groups; fi
  if has setpriv && setpriv --reuid="$u" --regid="$g" "$groups" true 2>/dev/null; then
    setpriv --reuid="$u" --regid="$g" "$groups" -- env -i PATH="$PATH" "$@" </dev/null; return
  fi
  n=$(awk -F: -v u="$u" '$3 == u { print $1; exit }' /etc/passwd)
  [ -n "$n" ] || return 1
  line=; for w; do line="$line$(quoted "$w")"; done
  if has su && su -s /bin/sh "$n" -c true </dev/null >/dev/null 2>&1; then su -s /bin/sh "$n" -c "$line" </dev/null; return; fi
  has start-stop-daemon && start-stop-daemon -S -q -c "$n" -p /nonexistent/pid -x /bin/sh -- -c "$line" </dev/null
}
