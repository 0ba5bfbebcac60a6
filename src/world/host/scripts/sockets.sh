# Finds out who listens on a port of this host. This text goes after owner.sh. It is POSIX sh, and
# uses only what busybox has. It changes nothing.
# Sets $inodes: the numbers of the sockets that listen on port $1, each with a blank after it.
# Sockets of IPv6 count, too, because another user may have taken that half of the port. Sets $up:
# all ports that have a listener, in hex, with a blank around each. Both tables must be read to
# their ends: otherwise a missing line proves nothing.
sockets() {
  set -- "$1" /proc/net/tcp
  # A kernel without IPv6 has no such table.
  if [ -e /proc/net/tcp6 ]; then set -- "$@" /proc/net/tcp6; fi
  at=$1; shift
  said=$(at=$at awk '
    BEGIN { p = sprintf("%04X", ENVIRON["at"]) }
    FNR > 1 && $4 == "0A" { q = $2; sub(/.*:/, "", q); if (q == p) inodes = inodes $10 " "; up = up q " " }
    END { print inodes; print up; print "whole" }' "$@") && case $said in *"${nl}whole") ;; *) false ;; esac ||
    no "awk did not read /proc/net/tcp and /proc/net/tcp6 to the end"
  inodes=${said%%"$nl"*} up=${said#*"$nl"}; up=" ${up%%"$nl"*}"
}
# Sets $pid: the process that listens on port $1, as far as this user can see it. There may be
# several, on different addresses. If $2 or $3 is given, it is the one that is the server of folder
# $2 or of unit $3, and $is_server says whether there is such a one. $several: there are several,
# and none of them is that server. A process that works in folder $2 is tried first.
its_unit=
listener() {
  sockets "$1"; pid= hint= is_server= several=
  [ -n "$inodes" ] || return 0
  if [ -n "${2:-}" ]; then
    for q in /proc/[0-9]*; do if [ "$q/cwd/" -ef "$2/" ]; then hint=${q#/proc/}; break; fi; done
  fi
  its_unit=${3:-}; holder "$inodes" "$hint" "${2:-}"; its_unit=
}
# Sets $pid: the process that has one of the sockets $1 (numbers with blanks between them). $2 is a
# process that may be the one. It is tried first, and its program is in $exe, for process $exe_of.
# $3: if there are several, the server of that folder is wanted.
# The name of a file can look like a line of `ls`. So a line only says where to look, and the kernel
# says what is there.
holder() {
  pid= one_of= is_server= several=
  if [ -n "${2:-}" ]; then
    n=$(ls -l "/proc/$2/exe" "/proc/$2/fd/" 2>/dev/null)
    id=${n%%"$nl"*}; case $id in *" /proc/$2/exe -> "*) exe=${id#*" /proc/$2/exe -> "} exe_of=$2 ;; esac
    # A server with many clients has a long list, which awk reads faster.
    if [ ${#n} -lt 16384 ]; then
      for id in $1; do
        case $n$nl in *" -> socket:[$id]$nl"*) ;; *) continue ;; esac
        f=$n$nl; f=${f%%" -> socket:[$id]$nl"*}; f=${f##* }
        case $f in *[!0-9]*) continue ;; esac
        if [ "$(readlink "/proc/$2/fd/$f" 2>/dev/null)" = "socket:[$id]" ] && the_one "$2" "${3:-}"; then return 0; fi
      done
    fi
  fi
  for q in "${2:-}" '[0-9]*'; do
    [ -n "$q" ] || continue
    for f in $(ls -l /proc/$q/fd/ 2>/dev/null | awk -v list="$1" -v one="${q%%[!0-9]*}" '
      BEGIN { n = split(list, a, " "); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] = 1; pid = one }
      /^\/proc\// { split($0, b, "/"); pid = b[3] }
      NF > 8 && ($NF in want) && (pid $(NF - 2)) ~ /^[0-9]+$/ { print pid "/fd/" $(NF - 2) }'); do
      q=${f%%/*} f=$(readlink "/proc/$f" 2>/dev/null)
      case $f in socket:\[*\]) f=${f#*\[}; case " $1 " in *" ${f%\]} "*) if the_one "$q" "${3:-}"; then return 0; fi ;; esac ;; esac
    done
  done
  pid=$one_of
}
# Whether process $1, which has such a socket, is the wanted one.
the_one() {
  pid=$1; [ -n "$2$its_unit" ] || return 0
  [ "$1" != "$one_of" ] || return 1
  if serves "$1" "$2" || of_unit "$1" "$its_unit"; then is_server=1 several=; return 0; fi
  if [ -n "$one_of" ]; then several=1; else one_of=$1; fi
  return 1
}
# Whether process $1 runs in unit $2.
of_unit() { [ -n "$2" ] && grep -qF "/$2" "/proc/$1/cgroup" 2>/dev/null; }
# Whether process $1 is the server of folder $2: it works there, and runs as the owner of the folder
# or as root. A process of another user may work in a folder, too. This compares the folder itself,
# because a process with another root folder can give any name to any folder.
serves() {
  [ -n "$2" ] && [ "/proc/$1/cwd/" -ef "$2/" ] || return 1
  acts=
  while read -r k v w _; do if [ "$k" = Uid: ]; then acts=$w; break; fi; done 2>/dev/null <"/proc/$1/status"
  case $acts in 0) return 0 ;; '') return 1 ;; esac
  known=; know "$2/."; look "$2/." && [ "$owner" = "$acts" ]
}
