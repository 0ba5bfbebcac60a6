# Put before the scripts that start and stop servers. POSIX sh; only what busybox has.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
nap() { sleep "${1:-0.1}" 2>/dev/null || sleep 1; }
has() { command -v "$1" >/dev/null 2>&1; }
# Sockets that listen on port $1. The kernel tells those that listen (0A) or are being asked (03)
# first, and then goes through a table of all connections, which takes long.
sockets() {
  awk -v p="$(printf ':%04X' "$1")" '
    $4 == "0A" && substr($2, length($2) - 4) == p { printf "%s ", $10 }
    FNR > 1 && $4 != "0A" && $4 != "03" { nextfile }' \
    /proc/net/tcp $([ ! -r /proc/net/tcp6 ] || echo /proc/net/tcp6) 2>/dev/null
}
# The process that listens on port $1, as far as it can be seen.
listener() {
  s=$(sockets "$1")
  [ -n "$s" ] || return 0
  ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v list="$s" '
    BEGIN { n = split(list, a, " "); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] = 1 }
    /^\/proc\// { split($0, b, "/"); pid = b[3] }
    ($NF in want) { print pid; exit }'
}
# Whether systemd runs here and has unit $1, from us or from others.
has_unit() { [ -d /run/systemd/system ] && has systemctl && { [ -f "/etc/systemd/system/$1" ] || [ "$(systemctl show -p LoadState --value -- "$1" 2>/dev/null)" = loaded ]; }; }
# Whether process $1 is there and no zombie.
alive() {
  while read -r k v _; do
    if [ "$k" = State: ]; then case $v in [ZX]*) return 1 ;; *) return 0 ;; esac; fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}
