# Reads what it is asked for, as the user that runs it, and tells it as said.sh does. POSIX sh; only
# what busybox has. It changes nothing.
# f:PATH the lines of a file that have to do with a server's role   p:PATTERN the files that it
# stands for   w:PATH may it be replaced
LC_ALL=C; export LC_ALL
nl='
'
up() { case $1 in */*) u=${1%/*}; u=${u:-/} ;; *) u=. ;; esac; }
# Whether the folders above it can be gone through: else it cannot be said that it is not there.
seen() { up "$1"; while [ "$u" != / ] && [ "$u" != . ] && [ ! -d "$u" ]; do up "$u"; done; [ -x "$u" ]; }
tell() { printf '%s+%s\n' "$1" "${2%%"$nl"*}"; }
look() {
  if [ ! -e "$1" ]; then if seen "$1"; then tell read missing; else tell read unreadable; fi
  elif [ ! -f "$1" ]; then tell read kind
  elif [ ! -r "$1" ]; then tell read unreadable
  else
    # Nothing else leaves the host: passwords stand in the same file. A line may be without end; the last one says that all of it was read.
    { head -c 1048578 2>/dev/null <"$1" && printf '\n.\n'; } 2>/dev/null | awk '
      {
        if (NR > 1) {
          size += length(line) + 1
          l = tolower(substr(line, 1, 1000))
          if (n < 400 && (l ~ /^[ \t\r\v\f]*["\047]?(include|replicaof|slaveof|dir|port|tls-port)["\047]?[ \t\r\v\f]/ || l ~ /^[ \t\r\v\f]*# replctl [0-9a-f]/)) keep[++n] = substr(line, 1, 1000)
        }
        line = $0
      }
      END {
        if (line != ".") { print "read+unreadable"; exit }
        # With the line break before the last one.
        if (size > 1048577) { print "read+large"; exit }
        print "read+lines"
        for (i = 1; i <= n; i++) print "read+" keep[i]
      }' 2>/dev/null
  fi
}
replace() {
  up "$1"; d=$u
  if [ ! -d "$d" ]; then p write "its folder $d is not there"
  elif [ ! -w "$d" ] || [ ! -x "$d" ]; then p write "its user may not write in $d"
  elif [ -k "$d" ] && [ ! -O "$1" ] && [ ! -O "$d" ] && [ "$(id -u)" != 0 ]; then p write "$d lets only the owner of a file replace it"
  else p write yes; fi
}
p() { printf '%s:%s\n' "$1" "${2%%"$nl"*}"; }
for x; do
  case $x in
    f:*) echo read=; tell read "${x#f:}"; look "${x#f:}" ;;
    p:*) echo matching=; tell matching "${x#p:}"; n=0; IFS=; for m in ${x#p:}; do if [ -e "$m" ] && [ $n -lt 65 ]; then tell matching "$m"; n=$((n + 1)); fi; done; unset IFS ;;
    w:*) replace "${x#w:}" ;;
  esac
done
echo done=
