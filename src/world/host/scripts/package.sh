# Installs the distribution's server, and links to it. $1 directory of the link  $2 package or empty
into=$1 name=$2; PATH=$PATH:/usr/sbin:/sbin; DEBIAN_FRONTEND=noninteractive LC_ALL=C; export PATH DEBIAN_FRONTEND LC_ALL
server() { command -v redis-server || command -v valkey-server; }
try() { for p in ${name:-"$@"}; do "$manager" install -y "$p" >&2 && return 0; done; return 1; }
# Whether the host has a unit or script $1 that starts a server.
starts() {
  if [ -d /run/systemd/system ]; then [ "$(systemctl show -p LoadState -- "$1" 2>/dev/null)" = LoadState=loaded ]
  else [ -f "/etc/init.d/$1" ]; fi
}
runs() {
  if [ -d /run/systemd/system ]; then systemctl -q is-active "$1" 2>/dev/null
  elif has service; then service "$1" status >/dev/null 2>&1; else return 1; fi
}
halt() { if [ -d /run/systemd/system ]; then systemctl stop "$1" >/dev/null 2>&1; else service "$1" stop >/dev/null 2>&1; fi; }
has() { command -v "$1" >/dev/null 2>&1; }
if ! server >/dev/null; then
  # The units that start a server which somebody else has installed, in a folder that is not in
  # PATH.
  before= active= enabled=
  for u in redis-server redis valkey-server valkey; do
    if starts "$u"; then before="$before $u "; else continue; fi
    if runs "$u"; then active="$active $u "; fi
    if [ -d /run/systemd/system ] && systemctl -q is-enabled "$u" 2>/dev/null; then enabled="$enabled $u "; fi
  done
  if command -v apt-get >/dev/null 2>&1; then manager=apt-get; apt-get update -q >&2; try redis-server valkey-server
  elif command -v dnf >/dev/null 2>&1; then manager=dnf; try redis valkey
  elif command -v yum >/dev/null 2>&1; then manager=yum; try redis valkey
  elif command -v apk >/dev/null 2>&1; then for p in ${name:-redis valkey}; do apk add "$p" >&2 && break; done
  elif command -v zypper >/dev/null 2>&1; then for p in ${name:-redis valkey}; do zypper --non-interactive install "$p" >&2 && break; done
  fi
  # Stops the server that the package has just started: the node has its own file and unit. A server
  # that was here before is not changed: a stopped one may be an old primary.
  for u in redis-server redis valkey-server valkey; do
    case $before in *" $u "*)
      case $active in *" $u "*) ;; *) if runs "$u"; then halt "$u"; fi ;; esac
      if [ -d /run/systemd/system ]; then case $enabled in *" $u "*) ;; *) systemctl disable "$u" >/dev/null 2>&1 ;; esac; fi
      continue ;;
    esac
    if [ -d /run/systemd/system ]; then systemctl disable --now "$u" >/dev/null 2>&1
    elif command -v service >/dev/null 2>&1 && [ -f "/etc/init.d/$u" ]; then service "$u" stop >/dev/null 2>&1; fi
  done
fi
x=$(server) || { echo "the package brought no server" >&2; exit 1; }
umask 022
mkdir -p "$into" && ln -sfn "$x" "$into/redis-server" || exit 1
c=$(command -v redis-cli || command -v valkey-cli) && ln -sfn "$c" "$into/redis-cli"
"$into/redis-server" --version
