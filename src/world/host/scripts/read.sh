# Reads what its arguments ask for, as the user that runs it, and prints it in the form of said.sh.
# It is POSIX sh, and uses only what busybox has. It changes nothing.
# f:PATH the lines of a file that concern the role of a server
# a:PATH all lines; of a line with a password, the name only
# c:PATH all lines without passwords
# k:PATH the lines with passwords
# K:PATH the same, if nobody has checked yet that the file has only one name
# d:PATH the beginning of a snapshot
# b:PATH the beginning of the base of an append-only file
# p:PATTERN the files that match it
# w:PATH whether the file may be replaced
# It reads each file once, however many arguments name the file.
LC_ALL=C; export LC_ALL
# Earlier output comes through the same pipe, and may have no line break at its end.
echo
nl='
'
up() { case $1 in */*) u=${1%/*}; u=${u:-/} ;; *) u=. ;; esac; }
# Whether this user may enter the folders above it. If not, the user cannot know that it is missing.
seen() { up "$1"; while [ "$u" != / ] && [ "$u" != . ] && [ ! -d "$u" ]; do up "$u"; done; [ -x "$u" ]; }
tell() { printf '%s+%s\n' "$1" "${2%%"$nl"*}"; }
p() { printf '%s:%s\n' "$1" "${2%%"$nl"*}"; }
# Whether the passwords of file $1 may be printed. If $2 has K, the names of the file are counted.
open_for_passwords() {
  [ -e "$1" ] || [ -L "$1" ] || return 1
  # A user follows a link of their own.
  if [ ! -f "$1" ] || { [ -L "$1" ] && [ "$(id -u)" = 0 ]; }; then p no_passwords "$1 is no regular file"; return 1; fi
  case $2 in
  *K*) [ "$(stat -L -c %h "$1" 2>/dev/null)" = 1 ] || { p no_passwords "$1 has another name too (a hard link): remedy: find it with: find / -xdev -samefile $1"; return 1; } ;;
  esac
  [ -r "$1" ] || { p no_passwords "$1 cannot be read by the user who acts there"; return 1; }
}
# Reads file $1. $2 says for what: some of f, a, c, k, K.
lines() {
  what=$2
  case $what in *[fa]*) echo read=; tell read "$1" ;; esac
  case $what in *[kK]*) if ! open_for_passwords "$1" "$2"; then what=${what%%[kK]*}${what#*[kK]}; fi ;; esac
  state=
  if [ ! -e "$1" ]; then if seen "$1"; then state=missing; else state=unreadable; fi
  elif [ ! -f "$1" ]; then state=kind
  elif [ ! -r "$1" ]; then state=unreadable
  fi
  if [ -n "$state" ]; then case $what in *[fa]*) tell read $state ;; esac; return; fi
  # Nothing else leaves the host, because passwords are in the same file. The last line of the file
  # may have no line break. The line that is added behind it proves that awk has read the whole
  # file.
  { head -c 1048578 2>/dev/null <"$1" && printf '\n.\n'; } 2>/dev/null | file=$1 awk -v what="$what" '
    function take(lower, start) {
      size += length(line) + 1
      lower = tolower(line)
      start = substr(lower, 1, 1000)
      if (whole) {
        if (lower ~ secret_line) { sub(/^[ \t\r\v\f]*["\047]?/, "", lower); sub(/["\047 \t\r\v\f].*/, "", lower); keep[++n] = lower }
        else if (lower ~ /^[ \t\r\v\f]*#.*(pass|pwd|secret|token|auth|credential|login|user[ \t]|:\/\/.*@)/) keep[++n] = "#"
        else keep[++n] = substr(line, 1, 4000)
      }
      else if (role && n < 400 && (start ~ /^[ \t\r\v\f]*["\047]?(include|replicaof|slaveof|dir|dbfilename|appendfilename|appenddirname|port|tls-port)["\047]?[ \t\r\v\f]/ || start ~ /^[ \t\r\v\f]*# replctl [0-9a-f]/)) keep[++n] = substr(line, 1, 1000)
      if (config) {
        if (NR == 2) print "config="
        if ((told += length(line) + 8) > 262144) config = 0
        else if (lower !~ secret_line) print "config+" line
      }
      if (secrets && lower ~ /^[ \t\r\v\f]*["\047]?(requirepass|masterauth|primaryauth|masteruser|primaryuser|aclfile|user)["\047]?[ \t\r\v\f]/) {
        if ((held += length(line) + 1) <= 65536) secret[++m] = line
      }
    }
    BEGIN { secret_line = "^[ \t\r\v\f]*[\"\047]?(requirepass|masterauth|primaryauth|user|tls-[a-z-]*pass|sentinel[\"\047]?[ \t\r\v\f]+[\"\047]?(auth|sentinel)-pass)[\"\047]?[ \t\r\v\f]"; whole = what ~ /a/; role = what ~ /[fa]/; config = what ~ /c/; secrets = what ~ /[kK]/ }
    { if (NR > 1) take(); line = $0 }
    END {
      # The size includes the line break before the last line.
      state = line != "." ? "unreadable" : size > 1048577 ? "large" : "lines"
      if (role) { print "read+" state; if (state == "lines") for (i = 1; i <= n; i++) print "read+" keep[i] }
      if (!secrets) exit
      if (state == "unreadable") print "no_passwords:" ENVIRON["file"] " cannot be read to its end"
      else if (state == "large") print "no_passwords:" ENVIRON["file"] " is larger than 1 MiB"
      else { print "passwords="; for (i = 1; i <= m; i++) print "passwords+" secret[i] }
    }' 2>/dev/null
}
replace() {
  up "$1"; d=$u
  if [ ! -d "$d" ]; then p write "its folder $d is not there"
  elif [ ! -w "$d" ] || [ ! -x "$d" ]; then p write "its user may not write in $d"
  elif [ -k "$d" ] && [ ! -O "$1" ] && [ ! -O "$d" ] && [ "$(id -u)" != 0 ]; then p write "$d lets only the owner of a file replace it"
  else p write yes; fi
}
read_already=
for x; do
  case $x in
  [fackK]:*)
    path=${x#?:}
    case $nl$read_already$nl in *"$nl$path$nl"*) continue ;; esac
    read_already=$read_already$nl$path all=
    for y; do case $y in [fackK]:*) if [ "${y#?:}" = "$path" ]; then all=$all${y%%:*}; fi ;; esac; done
    lines "$path" "$all" ;;
  # A file that cannot be read may hold keys.
  [db]:*)
    y=$(od -An -v -tx1 -N 4096 "${x#?:}" 2>/dev/null) || y=3f
    case $x in d:*) printf dump= ;; *) printf base= ;; esac
    printf %s $y; echo ;;
  p:*) echo matching=; tell matching "${x#p:}"; n=0; IFS=; for m in ${x#p:}; do if [ -e "$m" ] && [ $n -lt 65 ]; then tell matching "$m"; n=$((n + 1)); fi; done; unset IFS ;;
  w:*) replace "${x#w:}" ;;
  esac
done
echo done=
