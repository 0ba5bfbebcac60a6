# Prints what replctl needs to know of a host. This text goes after owner.sh, sockets.sh and
# said.sh. It is POSIX sh, and uses only what busybox has. It changes nothing. The last line is
# `end:`.
# $1 directory  $2 port  $3 service user  $4 unit  $5 name of the snapshot file
# $6 configuration file
# It calls each program once for many facts, because a process for each fact would be most of the
# cost.
# A later script reads the files in the folder of the server's user, as that user: such a file could
# be a link to a file that only root may read. $his_reads lists them, and $his_uid $his_gid
# $his_groups $his_name are that user. If $with_passwords is set, the list includes the passwords of
# the configuration file.
d=$1 port=$2 user=$3 unit=$4 dump=$5 c=$6
keep=1

first_line /proc/sys/kernel/arch; p arch "${line:-$(uname -m)}"
first_line /proc/sys/kernel/osrelease; p kernel "$line"; first_line /proc/sys/kernel/hostname; p host "$line"
p uid "$me"
login=
if is_root; then while IFS=: read -r n _ u _; do if [ "$u" = 0 ]; then login=$n; break; fi; done 2>/dev/null </etc/passwd; fi
p login "${login:-$(id -un 2>/dev/null)}"
systemd=
if [ -d /run/systemd/system ] && has systemctl; then systemd=1; p systemd 1; fi
number "$user"; user_uid=$number
if [ -n "$user_uid" ]; then p user_uid "$user_uid"; fi
for t in awk chmod chown dd head ln mkdir mktemp mv rm sha256sum sleep stat tail; do has $t || p missing $t; done
# The programs that build a server.
for t in bzip2 cc gzip make tar xz; do has $t || p no_build $t; done
for b in redis-server valkey-server; do
  if has $b; then p package "$(command -v $b)"; break; fi
done
for m in apt-get dnf yum apk zypper; do if has $m; then p manager $m; break; fi; done

w=1
for x in "$d/$port/conf" "$d/server"; do near "$x"; if [ ! -d "$near" ] || [ ! -w "$near" ]; then w=0; fi; done
p writable $w
near "$d"; x=$(df -Pk "$near" 2>/dev/null); set -f; set -- ${x##*"$nl"}; set +f
if [ $# -ge 3 ]; then shift $(($# - 3)); p free_kb "$1"; fi
first_line /proc/sys/vm/overcommit_memory; p overcommit "$line"
first_line /sys/kernel/mm/transparent_hugepage/enabled; p thp "$line"

# Who listens on the port, and the files that root (or the login) reads.
sockets "$port"; listens=$port pid=
set --
for x in mounts:/proc/self/mountinfo memory:/proc/meminfo; do
  if [ -r "${x#*:}" ]; then set -- "$@" "k=${x%%:*}" "${x#*:}"; fi
done
for x in unit:/etc/systemd/system/$unit hosts:/etc/hosts rc_local:/etc/rc.local; do
  f=${x#*:}
  case $x in rc_local:*) [ -x "$f" ] || continue ;; esac
  if [ -f "$f" ] && [ -r "$f" ]; then echo "${x%%:*}="; set -- "$@" "k=${x%%:*}" "$f"; fi
done
# Other servers that replctl has made. Those that run are printed.
for x in /etc/systemd/system/replctl-[0-9]*.service; do
  n=${x##*/replctl-}; n=${n%.service}
  case $n in "$port" | *[!0-9]*) ;; *) if [ -f "$x" ] && [ -r "$x" ]; then set -- "$@" k=other "$x"; fi ;; esac
done
# The mount with the longest path above the programs counts, and of two such mounts the last. Octal
# escapes stand for blanks.
near "$d/server"
text=$(if cd -P "$near" 2>/dev/null; then at=$PWD; else at=; fi; at=$at up=$up awk '
  BEGIN { d = ENVIRON["at"] }
  k == "mounts" {
    m = $5; gsub(/\\040/, " ", m); gsub(/\\011/, "\t", m); gsub(/\\134/, "\\", m)
    if ((m == "/" || d == m || index(d, m "/") == 1) && length(m) >= n) { n = length(m); o = $6; at = m }
    next }
  k == "memory" { if ($1 == "MemAvailable:") print "memory_kb:" $2; next }
  k == "other" { if (!(FILENAME in said) && sub(/^Description=/, "")) said[FILENAME] = $0; next }
  FNR == 1 { size = 0 }
  (size += length($0) + length(k) + 2) <= 262144 { print k "+" $0 }
  END {
    if (o ~ /(^|,)noexec(,|$)/) print "noexec:" at
    for (f in said) { x = f; sub(/.*replctl-/, "", x); sub(/\.service$/, "", x); if (index(ENVIRON["up"], sprintf(" %04X ", x))) print "other:" x " " said[f] }
    print "whole:" }' "$@")
# Without the last line, the output would mean that these files are empty.
case $nl$text in *"${nl}whole:") ;; *) no "awk did not read /proc and /etc to the end" ;; esac
printf '%s\n' "$text"
if [ -n "$inodes" ]; then p listening 1; holder "$inodes" "$told"; fi

# One `stat` for the owners and modes of all these paths.
config=$d/$port/conf
set -- "$d" "$d/server" "$d/$port" "$config" "$d/$port/logs" "$d/$port/pid"
x=$d; while x=${x%/*}; [ -n "$x" ]; do set -- "$x" "$@"; done
dirs=
for x; do if [ -d "$x" ]; then dirs=$dirs$x$nl; fi; done
set -f; IFS=$nl; set -- $dirs; unset IFS; set +f
for x; do set -- "$@" "$x/."; shift; done
way_of "$d/server"; x=$way; way_of "$c"; way=$way$nl$x
all_ways() { set -f; IFS=$nl; set -- "$@" $way; unset IFS; set +f; know "$@"; }
# This path belongs to the process of the `stat`, so its time is the time of the answer.
now=/proc/self/.
all_ways "$@" $now "$c" "$config/tls.crt" "$config/tls.key" "$config/tls-ca.crt"
for x; do if look "$x"; then p directory "$mode $owner ${x%/.}"; fi; done
if look $now && [ -n "$changed" ]; then p epoch "$changed"; else p epoch "$(date +%s)"; fi

# The part of the path to the programs that other users than root could change.
if is_root && trace "$d/server" && [ "$who" != 0 ]; then p not_alone "$why"; fi
for s in "$d"/server/*/redis-server; do
  b=${s%/redis-server}; b=${b##*/}
  case $b in current | current-*) continue ;; esac
  if [ -f "$s" ]; then x=$(sha256sum <"$s"); p server "$b ${x%% *}"; fi
done
# Sets $leads: where link $1 leads. That is the name of the folder of a server, or the text of the
# link. A folder may have two names, and the link has one of them.
leads() {
  it=$(readlink "$1") leads=${it##*/}
  case $leads in '' | . | .. | current | current-*) ;; *) if [ "$1/" -ef "$d/server/$leads/" ]; then return 0; fi ;; esac
  for s in "$d"/server/*/; do
    leads=${s%/}; leads=${leads##*/}
    case $leads in current | current-*) continue ;; esac
    if [ "$1/" -ef "$s" ]; then return 0; fi
  done
  leads=$it
}
if [ -L "$d/server/current-$port" ]; then leads "$d/server/current-$port"; p current "$leads"; fi
if [ -L "$d/server/current" ]; then leads "$d/server/current"; p shared "$leads"; fi

data= his_reads= his_uid=$me his_gid= his_groups= his_name= there=$c not=
if is_root; then
  if trace "$c"; then
    there=$real x=$who
    if [ "$x" = others ]; then
      x=$user_uid
      if [ -z "$x" ] || [ "$x" = 0 ]; then not="others than root may write in $why: replctl does not act there as root; remedy: chmod go-w $why"; fi
    fi
    if [ -n "$x" ] && [ "$x" != 0 ]; then account "$x"; his_uid=$x his_gid=$gid his_groups=$groups his_name=$name; fi
  else not=$fault; fi
fi
as_him() { uid=$his_uid gid=$his_gid groups=$his_groups name=$his_name; }
if [ -f "$c" ]; then
  if look "$c"; then p config_owner "$mode $owner"; fi
  his_reads=c:$c$nl
fi
if [ -n "$with_passwords" ] && { [ -e "$c" ] || [ -L "$c" ]; }; then
  if [ -n "$not" ]; then p no_passwords "$not"
  else
    x=K; if look "$there"; then case $mode$links in -*[!0-9]1) x=k ;; esac; fi
    his_reads=$his_reads$x:$there$nl; p asked passwords
  fi
fi
for x in tls.crt tls.key tls-ca.crt; do
  x=$config/$x
  if [ -f "$x" ] && look "$x"; then s=$(as_him; act_apart cat "$x" 2>/dev/null | sha256sum); p certificate "$mode $owner ${s%% *} $x"; fi
done
x=$d/$port/$dump
if [ -f "$x" ]; then his_reads=${his_reads}d:$x$nl; p asked dump; fi
if [ -d "$d/$port" ]; then
  # Starts `find` only if there can be such a file: by its name, or in a folder that replctl did not
  # make.
  text=
  for x in "$d/$port"/* "$d/$port"/.[!.]* "$d/$port"/..?* "$d/$port"/*/* "$d/$port"/*/.[!.]* "$d/$port"/*/..?*; do
    case $x in
    "$d/$port/conf" | "$d/$port/logs" | "$d/$port/pid") continue ;;
    *.aof | *.base.rdb) text=1; break ;;
    esac
    if [ -d "$x" ]; then text=1; break; fi
  done
  n=0
  if [ -n "$text" ]; then
    # An append-only file may begin with a snapshot, which is read. A server has one or two.
    text=; set -f; IFS=$nl
    for x in $(find "$d/$port" \( -name '*.aof' -size +0 \) -o -name '*.base.rdb' 2>/dev/null); do
      case $x in *.base.rdb) n=$((n + 1)) his_reads=${his_reads}b:$x$nl ;; *) text=$x ;; esac
      if [ $n -gt 8 ]; then text=$x; break; fi
    done
    unset IFS; set +f
  fi
  if [ $n != 0 ]; then p asked base; fi
  # Parts that cannot be listed may hold keys.
  x=$d/$port/appendonlydir; if [ -d "$x" ] && { [ ! -r "$x" ] || [ ! -x "$x" ]; }; then text=$x; fi
  p log_of_writes "$text"
  # A look that includes the passwords does not need this.
  if [ -z "$with_passwords" ]; then x=$(du -sk "$d/$port/." 2>/dev/null); p used_kb "${x%%[!0-9]*}"; fi
  data=$d/$port
fi
if [ -n "$systemd" ]; then p enabled "$(systemctl is-enabled "$unit" 2>/dev/null)"; fi

if [ -n "$pid" ]; then
  [ "$exe_of" = "$pid" ] || { exe=$(readlink "/proc/$pid/exe" 2>/dev/null); exe_of=$pid; }
  p pid "$pid"; p exe "$exe"
  # The process is the node's own server if it works in the data folder, and runs as the owner of
  # the folder or as root. The name of the folder proves nothing: a process with another root folder
  # can give any name to any folder. And any user may work in a folder. Of another server, the
  # script prints which program it is.
  acts= up=
  while read -r k v w _; do case $k in PPid:) up=$v ;; Uid:) acts=$w; break ;; esac; done 2>/dev/null <"/proc/$pid/status"
  ours=; if [ -n "$data" ] && [ "/proc/$pid/cwd/" -ef "$data/" ] && look "$data/."; then case $acts in 0 | "$owner") ours=1 ;; esac; fi
  p ours "$ours"
  if [ -z "$exe" ] || [ -z "$ours" ]; then p command "$(tr '\0\n' '  ' <"/proc/$pid/cmdline" 2>/dev/null | head -c 200)"; fi
  # The kernel says who it is. The owner of its folder in /proc does not: that is root if the
  # process hides its memory.
  if [ -n "$acts" ]; then
    if [ "$acts" = "$user_uid" ]; then p pid_user "$user"; else entry "$acts"; p pid_user "${line%%:*}"; fi
  fi
  # If the parent of a process ends, the first process of the host becomes its parent.
  if [ "${up:-0}" -gt 1 ]; then first_line "/proc/$up/comm"; p parent "$up $line"; fi
fi
p end ""
