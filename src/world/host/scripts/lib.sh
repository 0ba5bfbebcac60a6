# Put before the scripts that start and stop servers. POSIX sh; only what busybox has.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
nap() { sleep "${1:-0.1}" 2>/dev/null || sleep 1; }
has() { command -v "$1" >/dev/null 2>&1; }
# Sockets that listen on port $1. They stand before the connections, of which there may be many. Those of IPv6 too, where others listen on IPv4:
# another user may have taken that half of the port.
sockets() {
  port=$1 awk '
    BEGIN { p = sprintf(":%04X", ENVIRON["port"]) }
    $4 == "0A" && substr($2, length($2) - 4) == p { printf "%s ", $10 }
    FNR > 1 && $4 !~ /^0[3A]$/ { nextfile }
    END {
      while ((getline line < "/proc/net/tcp6") > 0) {
        split(line, w, " ")
        if (w[4] == "0A" && substr(w[2], length(w[2]) - 4) == p) printf "%s ", w[10]
        if (w[4] ~ /^0[1-9BC]$/ && w[4] != "03") break
      }
    }' /proc/net/tcp 2>/dev/null
}
# The process that listens on port $1, as far as it can be seen. A name of a file can look like a line of `ls`, so that a line only says where to look.
# Where there are several, on addresses of their own: the one that is the server of folder $2 or of unit $3, if they are given.
listener() {
  s=$(sockets "$1") all=
  [ -n "$s" ] || return 0
  for f in $(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v list="$s" '
    BEGIN { n = split(list, a, " "); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] = 1 }
    /^\/proc\// { split($0, b, "/"); pid = b[3] }
    NF > 8 && ($NF in want) && (pid $(NF - 2)) ~ /^[0-9]+$/ { print pid "/fd/" $(NF - 2) }'); do
    p=${f%%/*}
    case " $all " in *" $p "*) continue ;; esac
    f=$(readlink "/proc/$f" 2>/dev/null)
    case $f in socket:\[*\]) f=${f#*\[}; case " $s " in *" ${f%\]} "*) all="${all:+$all }$p" ;; esac ;; esac
  done
  case $all in *' '*)
    if [ -n "${2:-}${3:-}" ]; then
      s=; for p in $all; do if serves "$p" "${2:-}" || of_unit "$p" "${3:-}"; then s=$p; break; fi; done
      all=$s
    fi ;;
  esac
  [ -z "$all" ] || echo "${all%% *}"
}
# The user that process $1 acts as.
user_of() { awk '$1 == "Uid:" { print $3 }' "/proc/$1/status" 2>/dev/null; }
# Whether process $1 is the server of folder $2: it works there, as the folder's owner or as root. Another user's process may stand in a folder, too.
# The folder itself, not its name: another root folder gives any name to any folder.
serves() {
  [ -n "$2" ] && [ "/proc/$1/cwd/" -ef "$2/" ] || return 1
  u=$(user_of "$1")
  case $u in 0) ;; '') return 1 ;; *) [ "$(stat -c %u "$2/." 2>/dev/null)" = "$u" ] ;; esac
}
# Whether process $1 runs in unit $2.
of_unit() { [ -n "$2" ] && grep -qF "/$2" "/proc/$1/cgroup" 2>/dev/null; }
# Whether systemd runs here and has unit $1, from us or from others.
has_unit() { [ -d /run/systemd/system ] && has systemctl && { [ -f "/etc/systemd/system/$1" ] || [ "$(systemctl show -p LoadState -- "$1" 2>/dev/null)" = LoadState=loaded ]; }; }
# Whether process $1 is there and no zombie.
alive() {
  while read -r k v _; do
    if [ "$k" = State: ]; then case $v in [ZX]*) return 1 ;; *) return 0 ;; esac; fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}
