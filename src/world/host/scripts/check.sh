# Prints what `check` needs to know of a host and of the servers on it. This text goes after
# owner.sh and said.sh. It is POSIX sh, and uses only what busybox has. It changes nothing. The last
# line is `end:`.
# Arguments: names to look up, then `--`, then address and port of each server that this host should
# reach, then `--`, then four words for each server on it: process, data folder, configuration file,
# program. Each word may be empty. The lines after `node:` are about that server.
names=
while [ $# -gt 0 ] && [ "$1" != -- ]; do names="$names $1"; shift; done
[ $# = 0 ] || shift
keep=1
# Chooses what tries a connection: the servers' client, or another program of the host. If packets
# are dropped, only `timeout` ends a try.
via=
if has timeout; then for x in redis-cli valkey-cli bash nc; do if has $x; then via=$x; break; fi; done; fi
p via "$via"
# Prints whether $2, port $3, accepts a connection from this host. $1 is its number. An error of the
# server is an answer, too.
try() {
  yes=no
  case $via in
  bash) if timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$2" "$3" 2>/dev/null; then yes=yes; fi ;;
  nc) if x=$(printf 'PING\r\nQUIT\r\n' | timeout 3 nc "$2" "$3" 2>/dev/null) || [ -n "$x" ]; then yes=yes; fi ;;
  *) x=$(timeout 3 "$via" -h "$2" -p "$3" PING 2>&1 </dev/null); case $x in '' | 'Could not connect'*) ;; *) yes=yes ;; esac ;;
  esac
  p reach "$1 $yes"
}
n=0
while [ $# -gt 1 ] && [ "$1" != -- ]; do
  if [ -n "$via" ]; then try $n "$1" "$2" & fi
  n=$((n + 1)); shift 2
done
[ $# = 0 ] || shift
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
  { print k ":" $0 }
  END { if (n) print "cpus:" n }' k=memory /proc/meminfo k=cpu /proc/stat k=hosts "$f" $numbers
if [ -n "$names" ] && has getent; then
  for n in $names; do
    x=$(getent ahosts "$n" 2>/dev/null) all=
    set -f; IFS=$nl; for l in $x; do l=${l%%[!0-9a-fA-F.:]*}; case " $all " in *" $l "*) ;; *) all=$all${all:+ }$l ;; esac; done; unset IFS; set +f
    p name "$n $all"
  done
fi
for f in /etc/sysctl.d/90-replctl-*.conf /etc/tmpfiles.d/90-replctl-*.conf /etc/systemd/system/*.service.d/90-replctl-limits.conf; do
  if [ -f "$f" ]; then first_line "$f"; p kept "$f $line"; fi
done
# Prints the size of the disk of $1 and its free space, in kilobytes.
disk() {
  x=$(df -Pk "$1" 2>/dev/null)
  set -f; set -- ${x##*"$nl"}; set +f
  while [ $# -gt 6 ]; do shift; done
  if [ $# = 6 ]; then p disk_kb "$2 $4"; fi
}
# Sets $real_folder: the path of folder $1 without links.
real_folder() { real_folder=$(if cd -P "$1" 2>/dev/null; then printf %s "$PWD"; fi); }
while [ $# -ge 4 ]; do
  pid=$1 dir=$2 conf=$3 program=$4; shift 4
  p node ""
  case $pid in '' | *[!0-9]*) ;; *)
    while read -r a b c d _; do case "$a $b $c" in 'Max open files') p files "$d" ;; esac; done 2>/dev/null <"/proc/$pid/limits"
    while read -r a b c _; do case $a in Uid:) p process_uid "$c" ;; VmSwap:) p swapped_kb "$b" ;; esac; done 2>/dev/null <"/proc/$pid/status"
    while IFS=: read -r a b c; do
      case $a:$b in
      0:) x=/sys/fs/cgroup$c/memory.max ;;
      *:memory | *:memory,* | *,memory) x=/sys/fs/cgroup/memory$c/memory.limit_in_bytes ;;
      *) continue ;;
      esac
      first_line "$x"; case $line in '' | *[!0-9]*) ;; *) p limit "$line" ;; esac
    done 2>/dev/null <"/proc/$pid/cgroup" ;;
  esac
  real_of_dir= real_of_program=
  if [ -n "$dir" ] && [ -d "$dir/." ]; then
    if look "$dir/."; then p folder "$mode $owner $group"; fi
    disk "$dir/."
    real_folder "$dir"; real_of_dir=$real_folder
  fi
  case $program in /*) near "${program%/*}"; real_folder "$near"; real_of_program=$real_folder ;; esac
  # The mount with the longest path above a folder counts, and of two such mounts the last. Octal
  # escapes stand for blanks.
  dir=$real_of_dir program=$real_of_program awk '
    function longest(folder, w) { return folder != "" && (m == "/" || folder == m || index(folder, m "/") == 1) && length(m) >= w }
    { m = $5; gsub(/\\040/, " ", m); gsub(/\\011/, "\t", m); gsub(/\\134/, "\\", m) }
    longest(ENVIRON["dir"], a) { a = length(m); of_dir = $6 }
    longest(ENVIRON["program"], b) { b = length(m); of_program = $6; at = m }
    END {
      if (of_dir != "") print "read_only:" (of_dir ~ /(^|,)ro(,|$)/ ? "yes" : "no")
      if (of_program ~ /(^|,)noexec(,|$)/) print "noexec:" at
    }' /proc/self/mountinfo 2>/dev/null
  case $conf in /*)
    way_of "$conf"; all=$way enclosed=no
    set -f; IFS=$nl
    for x in $all; do
      unset IFS; set +f
      if look "$x"; then case $mode in d????????[!xt]*) enclosed=yes ;; esac; fi
    done
    unset IFS; set +f
    if look "$conf"; then p config "$mode $owner $group"; p enclosed "$enclosed"; fi ;;
  esac
done
p epoch "$(date +%s)"
wait
p end ""
