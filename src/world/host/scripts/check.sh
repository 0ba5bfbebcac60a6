# Prints what `check` needs to know of a host and of the servers on it. This text goes after
# owner.sh and said.sh. It is POSIX sh, and uses only what busybox has. It changes nothing. The last
# line is `end:`.
# Arguments: names to look up, then `--`, then address and port of each server that this host should
# reach, then `--`, then five words for each server on it: process, data folder, configuration file,
# program, name of its dump. Each word may be empty. The lines after `node:` are about that server.
begun=$(date +%s)
p epoch "$begun"
names=
while [ $# -gt 0 ] && [ "$1" != -- ]; do names="$names $1"; shift; done
[ $# = 0 ] || shift
keep=1
# Runs a command for two seconds at most: a dead name server or file system must not end the look.
if has timeout; then bounded() { timeout 2 "$@"; }
else
  bounded() {
    "$@" & ran=$!
    (sleep 2; kill "$ran") >/dev/null 2>&1 </dev/null & ends=$!
    wait "$ran" 2>/dev/null; status=$?
    kill "$ends" 2>/dev/null
    return $status
  }
fi
# Prints the addresses of name $1. If the lookup was cut short, the name is not known: no line.
look_up() {
  x=$(bounded getent ahosts "$1" 2>/dev/null); status=$?
  case $status in 0 | 2) ;; *) return 0 ;; esac
  all=
  set -f; IFS=$nl; for l in $x; do l=${l%%[!0-9a-fA-F.:]*}; case " $all " in *" $l "*) ;; *) all=$all${all:+ }$l ;; esac; done; unset IFS; set +f
  p name "$1 $all"
}
if has getent; then for n in $names; do look_up "$n" & done; fi
# Chooses what tries a connection: the servers' client, or another program of the host. If packets
# are dropped, only `timeout` ends a try.
via=
if has timeout; then for x in redis-cli valkey-cli bash nc; do if has $x; then via=$x; break; fi; done; fi
p via "$via"
by_bash() { timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2" 2>/dev/null; }
# Prints whether $2, port $3, accepts a connection from this host. $1 is its number. An error of the
# server is an answer, too. If the client says something else, as it does where the server wants
# TLS, bash decides.
try() {
  said=no
  case $via in
  bash) if by_bash "$2" "$3"; then said=yes; fi ;;
  nc)
    if x=$(printf 'PING\r\nQUIT\r\n' | timeout 3 nc "$2" "$3" 2>/dev/null) || [ -n "$x" ]; then said=yes; fi
    case $x in -DENIED*) said=denied ;; esac ;;
  *)
    x=$(timeout 3 "$via" -h "$2" -p "$3" PING 2>&1 </dev/null)
    case $x in
    '' | 'Could not connect'*) ;;
    DENIED* | -DENIED* | *'(error) DENIED'*) said=denied ;;
    PONG* | -[A-Z]* | '(error) '* | NOAUTH* | NOPERM* | LOADING* | MASTERDOWN* | MISCONF* | BUSY* | 'ERR '*) said=yes ;;
    *) if ! has bash; then return 0; elif by_bash "$2" "$3"; then said=yes; fi ;;
    esac ;;
  esac
  p reach "$1 $said"
}
# A batch takes three seconds at most. After eight seconds, what is left is not tried.
n=0
while [ $# -gt 1 ] && [ "$1" != -- ]; do
  if [ -n "$via" ]; then try $n "$1" "$2" & fi
  n=$((n + 1)); shift 2
  if [ $((n % 32)) = 0 ] && [ -n "$via" ]; then
    wait
    if [ $(($(date +%s) - begun)) -gt 8 ]; then via=; fi
  fi
done
[ $# = 0 ] || shift
# A program with much output writes it in parts, and another line must not come between them.
wait
p uid "$me"
if [ -d /run/systemd/system ] && has systemctl; then p systemd yes; else p systemd no; fi
for x in host:kernel/hostname kernel:kernel/osrelease boot:kernel/random/boot_id overcommit:vm/overcommit_memory; do
  first_line "/proc/sys/${x#*:}"; p "${x%%:*}" "$line"
done
first_line /sys/kernel/mm/transparent_hugepage/enabled; p thp "$line"
for f in /etc/os-release /usr/lib/os-release; do
  [ -r "$f" ] || continue
  while IFS= read -r line; do case $line in PRETTY_NAME=*) line=${line#*=}; line=${line#[\"\']}; p os "${line%[\"\']}" ;; esac; done <"$f"
  break
done
# Some numbers of the kernel must be read in one call, and a shell reads a line byte by byte.
numbers=
for x in somaxconn:core/somaxconn ephemeral:ipv4/ip_local_port_range reserved:ipv4/ip_local_reserved_ports; do
  f=/proc/sys/net/${x#*:}; if [ -r "$f" ]; then numbers="$numbers k=${x%%:*} $f"; fi
done
for x in swap:/proc/swaps own:/proc/net/fib_trie own_six:/proc/net/if_inet6; do
  if [ -r "${x#*:}" ]; then numbers="$numbers k=${x%%:*} ${x#*:}"; fi
done
# Who else sets what a fix sets: files that are read when the host starts. A file hides those of its
# name in later folders, even if it is a link to nothing.
set -f; hides=' '
for x in $(cd / && set +f && echo etc/sysctl.d/*.conf run/sysctl.d/*.conf usr/local/lib/sysctl.d/*.conf usr/lib/sysctl.d/*.conf lib/sysctl.d/*.conf etc/tmpfiles.d/*.conf run/tmpfiles.d/*.conf usr/lib/tmpfiles.d/*.conf); do
  f=${x%/*}; f=${f##*/}/${x##*/}
  case $hides in *" $f "*) continue ;; esac
  if [ -e "/$x" ] || [ -L "/$x" ]; then hides="$hides$f "; fi
  if [ -f "/$x" ] && [ -r "/$x" ]; then case $x in *=*) ;; *) numbers="$numbers k=sets /$x" ;; esac; fi
done
if [ -r /etc/hosts ]; then f=/etc/hosts; else f=/dev/null; fi
echo hosts=
awk '
  k == "memory" {
    if ($1 == "MemTotal:") print "memory_kb:" $2
    if ($1 == "MemAvailable:") print "available_kb:" $2
    if ($1 == "SwapTotal:") print "swap_kb:" $2
    next }
  k == "cpu" { if ($1 ~ /^cpu[0-9]+$/) n++; next }
  k == "hosts" { if ($0 ~ /^[^#]/ && m++ < 2000) print "hosts+" substr($0, 1, 500); next }
  k == "swap" { if ($1 ~ /^\//) print "swap:" $NF " " $1; next }
  k == "own" {
    if ($1 == "|--") ip = $2
    else if ($2 == "host" && $3 == "LOCAL" && !(ip in own) && own_n++ < 2000) { own[ip]; print "own:" ip }
    next }
  k == "own_six" { if (six_n++ < 2000) print "own_six:" $1; next }
  k == "sets" {
    if ($0 ~ /^[ \t]*[#;]/) next
    if (FILENAME ~ /tmpfiles/) {
      value = ($1 ~ /^w/ && index($2, "transparent_hugepage/enabled") && NF == 7) ? $7 : ""
      if (index($0, "transparent_hugepage/enabled")) print "sets:huge-pages " FILENAME " " value
      next }
    at = index($0, "="); if (!at) next
    name = substr($0, 1, at - 1); gsub(/[ \t]/, "", name); sub(/^-/, "", name); gsub("/", ".", name)
    value = substr($0, at + 1, 200); sub(/^[ \t]+/, "", value); sub(/[ \t\r]+$/, "", value)
    if (name ~ /^(vm\.overcommit_memory|net\.core\.somaxconn|net\.ipv4\.ip_local_reserved_ports)$/) print "sets:" name " " FILENAME " " value
    next }
  { print k ":" $0 }
  END { if (n) print "cpus:" n }' k=memory /proc/meminfo k=cpu /proc/stat k=hosts "$f" $numbers
set +f
for f in /etc/sysctl.d/90-replctl-*.conf /etc/tmpfiles.d/90-replctl-*.conf /etc/systemd/system/*.service.d/90-replctl-limits.conf; do
  [ -e "$f" ] || [ -L "$f" ] || continue
  # A link, such as a mask, is not replctl's.
  if [ ! -f "$f" ] || [ -L "$f" ]; then p kept_more "$f"; continue; fi
  line= more= rest= most=1
  { IFS= read -r line; IFS= read -r more; IFS= read -r rest; } 2>/dev/null <"$f"
  case $f:$line in *.service.d/*:'[Service]') line=$more more=$rest most=2 ;; esac
  if [ -z "$more" ] && [ -n "$line" ] && [ "$(wc -l <"$f")" -le $most ]; then p kept "$f $line"; else p kept_more "$f"; fi
done
# Prints the size of the disk of $1 and its free space, in kilobytes.
disk() {
  x=$(bounded df -Pk "$1" 2>/dev/null)
  set -f; set -- ${x##*"$nl"}; set +f
  while [ $# -gt 6 ]; do shift; done
  if [ $# = 6 ]; then p disk_kb "$2 $4"; fi
}
# Sets $real_folder: the path of folder $1 without links.
real_folder() { real_folder=$(if cd -P "$1" 2>/dev/null; then printf %s "$PWD"; fi); }
# Prints the memory limits of control group $2 below folder $1 and of all groups above it; $3 is the
# name of the file.
limits() {
  at=$2
  while :; do
    first_line "$1$at/$3"; case $line in '' | *[!0-9]*) ;; *) p limit "$line" ;; esac
    case $at in ?*/* | /?*) at=${at%/*} ;; *) break ;; esac
  done
}
# Prints whether folder $1 has nothing but files of a server with dump $2, and the three folders
# that replctl makes. No name has a slash: only a list that ends with one is complete.
content() {
  all=$({ bounded ls -A "$1/." 2>/dev/null && echo /; } | head -n 300)
  case $nl$all in *"$nl/") ;; *) return 0 ;; esac
  its=yes
  set -f; IFS=$nl
  for l in $all; do
    case $l in / | appendonly* | temp-*.rdb | nodes.conf | conf | logs | pid) ;; *) [ "$l" = "$2" ] || its=no ;; esac
  done
  unset IFS; set +f
  p its $its
}
while [ $# -ge 5 ]; do
  pid=$1 dir=$2 conf=$3 program=$4 dump=$5; shift 5
  p node ""
  mounts=/proc/self/mountinfo on_host=
  case $pid in '' | *[!0-9]*) ;; *)
    while read -r a b c d e _; do case "$a $b $c" in 'Max open files') p files "$d"; p files_most "$e" ;; esac; done 2>/dev/null <"/proc/$pid/limits"
    while read -r a b c _; do case $a in Uid:) p process_uid "$c" ;; VmSwap:) p swapped_kb "$b" ;; THP_enabled:) p thp_enabled "$b" ;; esac; done 2>/dev/null <"/proc/$pid/status"
    while IFS=: read -r a b c; do
      case $a:$b in
      0:) limits /sys/fs/cgroup "$c" memory.max ;;
      *:memory | *:memory,* | *,memory) limits /sys/fs/cgroup/memory "$c" memory.limit_in_bytes ;;
      esac
    done 2>/dev/null <"/proc/$pid/cgroup"
    if [ -e "/proc/$pid/root/." ]; then
      if [ "/proc/$pid/root/." -ef /. ]; then p on_host yes; if [ -r "/proc/$pid/mountinfo" ]; then mounts="$mounts k=its /proc/$pid/mountinfo"; fi; else p on_host no; fi
    fi ;;
  esac
  real_of_dir= real_of_program=
  case $dir in /*) ;; *) dir= ;; esac
  if [ -n "$dir" ] && bounded test -d "$dir/."; then
    if look "$dir/."; then p folder "$mode $owner $group"; fi
    disk "$dir/."
    case $dump in */*) dump= ;; esac
    content "$dir" "$dump"
    real_folder "$dir"; real_of_dir=$real_folder
  fi
  case $program in /*) near "${program%/*}"; real_folder "$near"; real_of_program=$real_folder ;; esac
  # The mount with the longest path above a folder counts, and of two such mounts the last. Octal
  # escapes stand for blanks. The last field has the options of the file system itself: the kernel
  # sets `ro` only there after a fault of the disk, or `emergency_ro` or `shutdown` if it is newer.
  # The server may have mounts of its own.
  dir=$real_of_dir program=$real_of_program awk '
    function longest(folder, w) { return folder != "" && (m == "/" || folder == m || index(folder, m "/") == 1) && length(m) >= w }
    function closed(options) { return options ~ /(^|,)ro(,|$)/ }
    function broken(options) { return options ~ /(^|,)(emergency_ro|shutdown)(,|$)/ }
    { m = $5; gsub(/\\040/, " ", m); gsub(/\\011/, "\t", m); gsub(/\\134/, "\\", m) }
    k == "its" { if (longest(ENVIRON["dir"], c)) { c = length(m); its = $6 "," $NF }; next }
    longest(ENVIRON["dir"], a) { a = length(m); of_dir = $6 "," $NF; number = $3 }
    longest(ENVIRON["program"], b) { b = length(m); of_program = $6; at = m }
    END {
      if (of_dir != "") { print "read_only:" (broken(of_dir) ? "broken" : closed(of_dir) ? "yes" : closed(its) ? "its" : "no"); print "file_system:" number }
      if (of_program ~ /(^|,)noexec(,|$)/) print "noexec:" at
    }' $mounts 2>/dev/null
  case $conf in /*)
    way_of "$conf"; all=$way enclosed=no
    set -f; IFS=$nl
    for x in $all; do
      unset IFS; set +f
      if look "$x"; then case $mode in d????????[!xt]*) enclosed=yes ;; esac; fi
    done
    unset IFS; set +f
    if look "$conf"; then case $mode in -*) p config "$mode $owner $group"; p enclosed "$enclosed" ;; esac; fi ;;
  esac
done
p epoch_after "$(date +%s)"
p end ""
