# Installs the distribution's server, and links to it. $1 directory of the link  $2 package or empty
into=$1 name=$2; PATH=$PATH:/usr/sbin:/sbin; DEBIAN_FRONTEND=noninteractive LC_ALL=C; export PATH DEBIAN_FRONTEND LC_ALL
server() { command -v redis-server || command -v valkey-server; }
try() { for p in ${name:-"$@"}; do "$manager" install -y "$p" >&2 && return 0; done; return 1; }
# Whether the host has something of that name which starts a server.
starts() {
  if [ -d /run/systemd/system ]; then [ "$(systemctl show -p LoadState --value -- "$1" 2>/dev/null)" = loaded ]
  else [ -f "/etc/init.d/$1" ]; fi
}
if ! server >/dev/null; then
  # What starts a server of somebody else, from a folder that is not in PATH.
  before=
  for u in redis-server redis valkey-server valkey; do if starts "$u"; then before="$before $u "; fi; done
  if command -v apt-get >/dev/null 2>&1; then manager=apt-get; apt-get update -q >&2; try redis-server valkey-server
  elif command -v dnf >/dev/null 2>&1; then manager=dnf; try redis valkey
  elif command -v yum >/dev/null 2>&1; then manager=yum; try redis valkey
  elif command -v apk >/dev/null 2>&1; then for p in ${name:-redis valkey}; do apk add "$p" >&2 && break; done
  elif command -v zypper >/dev/null 2>&1; then for p in ${name:-redis valkey}; do zypper --non-interactive install "$p" >&2 && break; done
  fi
  # Stops the server that the package has just started: the node has its own file and unit. A server
  # that was here before stays as it is.
  for u in redis-server redis valkey-server valkey; do
    case $before in *" $u "*) continue ;; esac
    if [ -d /run/systemd/system ]; then systemctl disable --now "$u" >/dev/null 2>&1
    elif command -v service >/dev/null 2>&1 && [ -f "/etc/init.d/$u" ]; then service "$u" stop >/dev/null 2>&1; fi
  done
fi
x=$(server) || { echo "the package brought no server" >&2; exit 1; }
umask 022
mkdir -p "$into" && ln -sfn "$x" "$into/redis-server" || exit 1
c=$(command -v redis-cli || command -v valkey-cli) && ln -sfn "$c" "$into/redis-cli"
"$into/redis-server" --version
