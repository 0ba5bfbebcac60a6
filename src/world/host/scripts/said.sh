# How a look tells what it has seen; put behind owner.sh. It changes nothing. No process is started to tell something: on fifty hosts those would be
# most of what a look costs.
# `key:text` is one line of text; `key+text` is one more line of the value that was told last; `key=hex` are bytes. So nothing that stands in a file
# or in a name can be taken for another key.
p() { printf '%s:%s\n' "$1" "${2%%"$nl"*}"; }
near() { n=$1; while [ ! -e "$n" ] && [ "$n" != / ]; do case $n in */*) n=${n%/*} ;; *) n=/ ;; esac; n=${n:-/}; done; printf %s "$n"; }
# The first line of a small file of the kernel's.
first_line() { line=; { read -r line <"$1"; } 2>/dev/null; printf %s "$line"; }
# The process that has one of the sockets $1 (numbers between blanks): in $pid. $2: a process that may be it, looked at first.
# A name of a file can look like a line of `ls`, so that a line only says where to look: the kernel says what is there.
holder() {
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
