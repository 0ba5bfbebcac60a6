# How a node's server is run on this host.
# $1 port  $2 process id by the server, or nothing  $3 unit by the inventory, or nothing  $4 unit
# that replctl would make
# $5 user if there is no process and no unit  $6 the script that reads  $7… what it is asked for
port=$1 told=$2 unit=$3 own=$4 user=$5 reader=$6; shift 6
p uid "$(id -u)"
# A socket that listens on the port, and whose it is as far as that can be seen.
inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p="$(printf ':%04X' "$port")" '$4 == "0A" && substr($2, length($2) - 4) == p { printf "%s ", $10 }')
pid=
if [ -n "$inodes" ]; then
  p listening 1
  pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v list="$inodes" '
    BEGIN { n = split(list, a, " "); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] = 1 }
    /^\/proc\// { split($0, b, "/"); pid = b[3] }
    ($NF in want) { print pid; exit }')
  if [ -z "$pid" ] && [ -n "$told" ] && [ -d "/proc/$told" ]; then pid=$told; fi
fi
uid= gid= more= cgroup=
if [ -n "$pid" ] && [ -r "/proc/$pid/status" ]; then
  p pid "$pid"; p exe "$(readlink "/proc/$pid/exe" 2>/dev/null)"
  printf 'cmdline='; head -c 8192 "/proc/$pid/cmdline" 2>/dev/null | hex; echo
  # Where its arguments were before it wrote its title over them.
  p argbytes "$(sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null | awk '$47 > $46 && $46 > 0 { printf "%d", $47 - $46 }')"
  uid=$(awk '$1 == "Uid:" { print $3 }' "/proc/$pid/status"); gid=$(awk '$1 == "Gid:" { print $3 }' "/proc/$pid/status")
  more=$(awk '$1 == "Groups:" { for (i = 2; i <= NF; i++) printf "%s%s", (i > 2 ? "," : ""), $i }' "/proc/$pid/status")
  p ids "$uid $gid $more"
  p nested "$(awk '$1 == "NSpid:" && NF > 2 { print 1 }' "/proc/$pid/status")"
  cgroup=$(cat "/proc/$pid/cgroup" 2>/dev/null | awk -F: '$1 == 0 || $2 == "name=systemd" { print $3; exit }'); p cgroup "$cgroup"
fi
units=
show() {
  units="$units $1"
  text=$(systemctl show -p Id,LoadState,UnitFileState,FragmentPath,DropInPaths,ExecStart,User,WorkingDirectory,ProtectSystem,ReadOnlyPaths,ReadWritePaths,EnvironmentFiles -- "$1" 2>/dev/null)
  # Variables may be secrets: only those are told whose unit puts some into its command.
  case $text in *'$'*) text="$text
$(systemctl show -p Environment -- "$1" 2>/dev/null)" ;; esac
  f=$(printf '%s\n' "$text" | sed -n 's/^FragmentPath=//p')
  if [ -f "$f" ] && head -n 1 "$f" | grep -q '^# Written by replctl '; then text="$text
Replctl=yes"; fi
  printf 'unit='; printf '%s\n' "$text" | head -c 16384 | hex; echo
  # The file in its command is read with the others.
  c=$(printf '%s\n' "$text" | sed -n 's/^ExecStart=.*argv\[\]=\([^;]*\);.*/\1/p' | tr ' ' '\n' | awk 's && !/^-/ { print; exit } s { exit } /(redis|valkey|keydb)[^\/]*$/ { s = 1 }')
  case $c in /*) case $asked in *"f:$c"*) ;; *) asked="$asked
f:$c" ;; esac ;; esac
  if [ -z "$uid" ]; then user=$(printf '%s\n' "$text" | sed -n 's/^User=//p'); fi
}
asked=
if [ -d /run/systemd/system ] && has systemctl; then
  p systemd 1
  c=${cgroup##*/}
  case $c in user@*) c= ;; *.service) ;; *) c= ;; esac
  p in_unit "$c"
  for x in "$unit" "$c" "$own"; do
    case " $units " in *" $x "*) continue ;; esac
    if [ -n "$x" ] && [ "$(systemctl show -p LoadState --value -- "$x" 2>/dev/null)" = loaded ]; then show "$x"; fi
  done
  # Any other unit that starts such a server: it may be this one, stopped or started by hand.
  if [ -z "$units" ]; then for x in $(grep -lE '^ExecStart=.*(redis|valkey|keydb)-server' /etc/systemd/system/*.service /run/systemd/system/*.service /usr/local/lib/systemd/system/*.service /usr/lib/systemd/system/*.service /lib/systemd/system/*.service 2>/dev/null |
    sed 's,.*/,,' | grep -v '@\.service$' | sort -u | head -n 8;
    ls /etc/systemd/system/*.wants 2>/dev/null | grep -E '^(redis|valkey|keydb)[a-z-]*@.+\.service$' | sort -u | head -n 16); do
    case " $units " in *" $x "*) continue ;; esac
    # Not again by another name.
    [ "$(systemctl show -p Id --value -- "$x" 2>/dev/null)" = "$x" ] || continue
    show "$x"
  done; fi
fi
if [ -x /etc/rc.local ]; then p rc_local "$(grep -E '^[^#]*(redis|valkey|keydb)-server' /etc/rc.local 2>/dev/null | head -n 50 | cut -c1-2000)"; fi
if [ -z "$uid" ]; then
  uid=$(id -u "${user:-root}" 2>/dev/null); gid=$(id -g "${user:-root}" 2>/dev/null); more=$(id -G "${user:-root}" 2>/dev/null | tr ' ' ',')
fi
# Behind a forwarded port root's process is another program, or one with a view of the disk of its own: what its server tells is no path of this host's.
if [ "$(id -u)" = 0 ] && [ "$uid" = 0 ] && [ -n "$pid" ]; then
  strange=
  [ "/proc/$pid/root/" -ef / ] || strange=1
  case $(readlink "/proc/$pid/exe") in *redis* | *valkey* | *keydb*) ;; *) strange=1 ;; esac
  if [ -n "$strange" ]; then p end ""; exit; fi
fi
p reader "$uid $gid $more"
# Whether the server's user may write something, only that user knows, and root in its name.
me=$(id -u)
if [ "$me" != 0 ] && [ "$me" != "$uid" ]; then
  for x; do shift; case $x in w:*) ;; *) set -- "$@" "$x" ;; esac; done
fi
IFS='
'
for c in $asked; do set -- "$@" "$c"; done
unset IFS
if [ -n "$uid" ]; then as "$uid" "$gid" "$more" sh -c "$reader" replctl "$@"; fi
# What its unit lets it see: a folder may be there for everybody and not for it.
if [ -n "$pid" ] && [ "$(id -u)" = 0 ]; then
  for x; do
    case $x in w:*) d=${x#w:}; d=${d%/*}; if [ -d "/proc/$pid/root${d:-/}" ] && [ ! -w "/proc/$pid/root${d:-/}" ]; then p confined "${d:-/}"; fi ;; esac
  done
fi
p end ""
