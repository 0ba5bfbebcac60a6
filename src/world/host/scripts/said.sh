# How a look tells what it has seen; put behind owner.sh. It changes nothing. No process is started to tell something: on fifty hosts those would be
# most of what a look costs. So functions leave what they have found in variables: `$( )` is a process, too.
# `key:text` is one line of text; `key+text` is one more line of the value that was told last; `key=hex` are bytes. So nothing that stands in a file
# or in a name can be taken for another key.
p() { printf '%s:%s\n' "$1" "${2%%"$nl"*}"; }
# What is there of a path: in $near.
near() { near=$1; while [ ! -e "$near" ] && [ "$near" != / ]; do case $near in */*) near=${near%/*} ;; *) near=/ ;; esac; near=${near:-/}; done; }
# The first line of a small file of the kernel's: in $line.
first_line() { line=; { read -r line <"$1"; } 2>/dev/null; }
# The process that has one of the sockets $1 (numbers between blanks): in $pid. $2: a process that may be it, looked at first, together with its
# program: in $exe, for process $exe_of.
# A name of a file can look like a line of `ls`, so that a line only says where to look: the kernel says what is there.
holder() {
  pid=
  if [ -n "${2:-}" ]; then
    n=$(ls -l "/proc/$2/exe" "/proc/$2/fd/" 2>/dev/null)
    i=${n%%"$nl"*}; case $i in *" /proc/$2/exe -> "*) exe=${i#*" /proc/$2/exe -> "} exe_of=$2 ;; esac
    # Of a server with many clients that is a long text, which awk reads faster.
    if [ ${#n} -lt 16384 ]; then
      for i in $1; do
        case $n$nl in *" -> socket:[$i]$nl"*) ;; *) continue ;; esac
        f=$n$nl; f=${f%%" -> socket:[$i]$nl"*}; f=${f##* }
        case $f in *[!0-9]*) continue ;; esac
        if [ "$(readlink "/proc/$2/fd/$f" 2>/dev/null)" = "socket:[$i]" ]; then pid=$2; return 0; fi
      done
    fi
  fi
  for q in "${2:-}" '[0-9]*'; do
    [ -n "$q" ] || continue
    for f in $(ls -l /proc/$q/fd/ 2>/dev/null | awk -v list="$1" -v one="${q%%[!0-9]*}" '
      BEGIN { n = split(list, a, " "); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] = 1; pid = one }
      /^\/proc\// { split($0, b, "/"); pid = b[3] }
      NF > 8 && ($NF in want) && (pid $(NF - 2)) ~ /^[0-9]+$/ { print pid "/fd/" $(NF - 2) }'); do
      pid=${f%%/*} f=$(readlink "/proc/$f" 2>/dev/null)
      case $f in socket:\[*\]) f=${f#*\[}; case " $1 " in *" ${f%\]} "*) return 0 ;; esac ;; esac
    done
  done
  pid=
}
# Reads what stands in $1, an item of read.sh in each line, with $uid $gid $groups $name: as that user, never with more rights.
read_as() { set -f; IFS=$nl; set -- $1; unset IFS; set +f; [ $# = 0 ] || act sh -c "$reader" replctl "$@" </dev/null; }
