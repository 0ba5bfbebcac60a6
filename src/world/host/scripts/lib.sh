# Put before the scripts that start and stop servers. POSIX sh; only what busybox has.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
nap() { sleep "${1:-0.1}" 2>/dev/null || sleep 1; }
has() { command -v "$1" >/dev/null 2>&1; }
# Sockets that listen on port $1; those of IPv6 where there are no others. They stand before the connections, of which there may be many.
sockets() {
  port=$1 awk '
    BEGIN { p = sprintf(":%04X", ENVIRON["port"]) }
    $4 == "0A" && substr($2, length($2) - 4) == p { printf "%s ", $10; n++ }
    FNR > 1 && $4 !~ /^0[3A]$/ { nextfile }
    END {
      while (!n && (getline line < "/proc/net/tcp6") > 0) {
        split(line, w, " ")
        if (w[4] == "0A" && substr(w[2], length(w[2]) - 4) == p) printf "%s ", w[10]
        if (w[4] ~ /^0[1-9BC]$/ && w[4] != "03") break
      }
    }' /proc/net/tcp 2>/dev/null
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
