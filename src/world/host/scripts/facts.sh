# What replctl wants to know of a host, in one go. POSIX sh; only what busybox has. It changes nothing.
# $1 directory  $2 port  $3 service user  $4 unit  $5 name of the snapshot file  $6 configuration file
# Every line is `key=hex`, so that no file name, log line or host name can be taken for another key. The last line is `end=`.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
d=$1 port=$2 user=$3 unit=$4 dump=$5 c=$6
hex() { od -An -v -tx1 | tr -d ' \n'; }
p() { printf '%s=' "$1"; printf '%s' "$2" | hex; echo; }
f() { if [ -f "$2" ] && [ -r "$2" ]; then printf '%s=' "$1"; head -c "${3:-262144}" <"$2" | hex; echo; fi; }
near() { n=$1; while [ ! -e "$n" ] && [ "$n" != / ]; do n=$(dirname "$n"); done; printf '%s' "$n"; }

p arch "$(uname -m)"; p kernel "$(uname -r)"; p host "$(uname -n)"
p uid "$(id -u)"; p login "$(id -un)"; p epoch "$(date +%s)"
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then p systemd 1; fi
if u=$(id -u "$user" 2>/dev/null); then p user_uid "$u"; fi
for t in awk chmod chown dd head ln mkdir mktemp mv rm sha256sum sleep stat tail; do
  command -v $t >/dev/null 2>&1 || p missing $t
done
# To build a server with.
for t in bzip2 cc gzip make tar xz; do
  command -v $t >/dev/null 2>&1 || p no_build $t
done

# What of the way to the programs others than root could change.
if is_root; then p not_alone "$( (walk "$d/server" && [ "$who" != 0 ] && printf %s "$why") 2>/dev/null)"; fi

w=1
for x in "$d/$port/conf" "$d/server"; do
  n=$(near "$x"); if [ ! -d "$n" ] || [ ! -w "$n" ]; then w=0; fi
done
p writable $w
# The last mount on the longest way to the programs is the one that counts. Octal escapes stand for blanks.
p noexec "$(awk -v d="$(cd "$(near "$d/server")" 2>/dev/null && pwd -P)" '
  { m = $5; gsub(/\\040/, " ", m); gsub(/\\011/, "\t", m); gsub(/\\134/, "\\", m)
    if ((m == "/" || d == m || index(d, m "/") == 1) && length(m) >= n) { n = length(m); o = $6; at = m } }
  END { if (o ~ /(^|,)noexec(,|$)/) print at }' /proc/self/mountinfo 2>/dev/null)"
p free_kb "$(df -Pk "$(near "$d")" 2>/dev/null | awk 'END { print $(NF-2) }')"
p memory_kb "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)"
p overcommit "$(cat /proc/sys/vm/overcommit_memory 2>/dev/null)"
p thp "$(cat /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null)"

for s in "$d"/server/*/redis-server; do
  b=${s%/redis-server}; b=${b##*/}
  case $b in current | current-*) continue ;; esac
  if [ -f "$s" ]; then p server "$b $(sha256sum <"$s" | cut -d' ' -f1)"; fi
done
if [ -L "$d/server/current-$port" ]; then p current "$(readlink "$d/server/current-$port")"; fi
if [ -L "$d/server/current" ]; then p shared "$(readlink "$d/server/current")"; fi
for b in redis-server valkey-server; do
  if x=$(command -v $b 2>/dev/null); then p package "$x"; break; fi
done
for m in apt-get dnf yum apk zypper; do
  if command -v $m >/dev/null 2>&1; then p manager $m; break; fi
done

# What lies in the folder of the server's user is read as that user: it could be a link to what only root may read.
reader() { "$@"; }
if is_root && (walk "$c") >/dev/null 2>&1; then
  walk "$c"
  if [ "$who" = others ]; then who=$(id -u "$user" 2>/dev/null); fi
  if [ -n "$who" ] && [ "$who" != 0 ]; then uid=$who; account "$uid"; reader() { act "$@"; }; fi
fi
if [ -f "$c" ]; then
  p config_owner "$(ls -ldn "$c" | awk '{ print $1, $3 }')"
  if reader test -r "$c"; then
    # Passwords never leave the host.
    printf 'config='; reader cat "$c" | grep -aivE "^[[:space:]]*[\"']?(requirepass|masterauth|primaryauth|user|tls-[a-z-]*pass|sentinel[\"']?[[:space:]]+[\"']?(auth|sentinel)-pass)[\"']?[[:space:]]" | head -c 262144 | hex; echo
  fi
fi
x=$d
while x=${x%/*}; [ -n "$x" ]; do
  if [ -d "$x" ]; then p directory "$(ls -ldn "$x/." | awk '{ print $1, $3 }') $x"; fi
done
for x in "$d" "$d/server" "$d/$port" "$d/$port/conf" "$d/$port/logs" "$d/$port/pid"; do
  if [ -d "$x" ]; then p directory "$(ls -ldn "$x/." | awk '{ print $1, $3 }') $x"; fi
done
for x in tls.crt tls.key tls-ca.crt; do
  x=$d/$port/conf/$x
  if [ -f "$x" ]; then p certificate "$(ls -ldn "$x" | awk '{ print $1, $3 }') $(reader cat "$x" 2>/dev/null | sha256sum | cut -d' ' -f1) $x"; fi
done
if [ -f "$d/$port/$dump" ]; then
  # One that cannot be read may hold keys.
  printf 'dump='; if reader test -r "$d/$port/$dump"; then reader cat "$d/$port/$dump" | head -c 4096 | hex; else printf 3f; fi; echo
fi
if [ -d "$d/$port" ]; then
  p log_of_writes "$(find "$d/$port" \( -name '*.aof' -size +0 \) -o \( -name '*.base.rdb' -size +1 \) 2>/dev/null | head -n 1)"
  p used_kb "$(du -sk "$d/$port/." 2>/dev/null | awk '{ print $1 }')"
  p data_real "$(cd "$d/$port" 2>/dev/null && pwd -P)"
fi

f unit "/etc/systemd/system/$unit"
# Others that replctl has made and that run.
for u in /etc/systemd/system/replctl-[0-9]*.service; do
  n=${u##*/replctl-}; n=${n%.service}
  if [ "$n" = "$port" ] || [ ! -f "$u" ]; then continue; fi
  case $n in *[!0-9]*) continue ;; esac
  if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p="$(printf ':%04X' "$n")" '$4 == "0A" && substr($2, length($2) - 4) == p { r = 1 } END { exit !r }'; then
    p other "$n $(sed -n 's/^Description=//p' "$u" | head -n 1)"
  fi
done
if command -v systemctl >/dev/null 2>&1; then p enabled "$(systemctl is-enabled "$unit" 2>/dev/null)"; fi
f hosts /etc/hosts
if [ -x /etc/rc.local ]; then f rc_local /etc/rc.local; fi

hexport=$(printf ':%04X' "$port")
inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p="$hexport" '$4 == "0A" && substr($2, length($2) - 4) == p { printf "%s ", $10 }')
if [ -n "$inodes" ]; then
  p listening 1
  pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v list="$inodes" '
    BEGIN { n = split(list, a, " "); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] = 1 }
    /^\/proc\// { split($0, b, "/"); pid = b[3] }
    ($NF in want) { print pid; exit }')
  if [ -n "$pid" ]; then
    p pid "$pid"; p exe "$(readlink "/proc/$pid/exe" 2>/dev/null)"; p cwd "$(readlink "/proc/$pid/cwd" 2>/dev/null)"
    p command "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | head -c 200)"
    p pid_user "$(stat -c %U "/proc/$pid" 2>/dev/null)"
    # The host's first process takes over what its parent has left.
    up=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status" 2>/dev/null)
    if [ "${up:-0}" -gt 1 ]; then p parent "$up $(cat "/proc/$up/comm" 2>/dev/null)"; fi
  fi
fi
p end ""
