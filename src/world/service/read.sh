# Reads what it is asked for, as the user that runs it, and prints `key=hex` lines. POSIX sh; only
# what busybox has. It changes nothing.
# f:PATH the lines of a file that have to do with a server's role   p:PATTERN the files that it
# stands for   w:PATH may it be replaced
LC_ALL=C; export LC_ALL
hex() { od -An -v -tx1 | tr -d ' \n'; }
up() { case $1 in */*) u=${1%/*}; printf '%s' "${u:-/}" ;; *) printf . ;; esac; }
# Whether the folders above it can be gone through: else it cannot be said that it is not there.
seen() { d=$(up "$1"); while [ "$d" != / ] && [ ! -d "$d" ]; do d=$(up "$d"); done; [ -x "$d" ]; }
look() {
  if [ ! -e "$1" ]; then if seen "$1"; then echo missing; else echo unreadable; fi
  elif [ ! -f "$1" ]; then echo kind
  elif [ ! -r "$1" ]; then echo unreadable
  elif [ "$(wc -c <"$1")" -gt 1048576 ]; then echo large
  else
    echo lines
    # Nothing else leaves the host: passwords stand in the same file.
    head -c 1048576 <"$1" | grep -aiE '^[[:space:]]*["'\'']?(include|replicaof|slaveof|dir|port|tls-port)["'\'']?[[:space:]]|^[[:space:]]*# replctl [0-9a-f]' | head -n 400 | cut -c1-1000
  fi
}
replace() {
  d=$(up "$1")
  if [ ! -d "$d" ]; then echo "its folder $d is not there"
  elif [ ! -w "$d" ] || [ ! -x "$d" ]; then echo "its user may not write in $d"
  elif [ -k "$d" ] && [ ! -O "$1" ] && [ ! -O "$d" ] && [ "$(id -u)" != 0 ]; then echo "$d lets only the owner of a file replace it"
  else echo yes; fi
}
for x; do
  case $x in
    f:*) printf 'read='; { printf '%s\n' "${x#f:}"; look "${x#f:}"; } | hex; echo ;;
    p:*) printf 'matching='; { printf '%s\n' "${x#p:}"; IFS=; for m in ${x#p:}; do if [ -e "$m" ]; then printf '%s\n' "$m"; fi; done | head -n 65; } | hex; echo ;;
    w:*) printf 'write='; replace "${x#w:}" | hex; echo ;;
  esac
done
echo done=
