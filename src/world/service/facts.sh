# Prints how the server of a node is started on this host. This text goes after owner.sh,
# sockets.sh, said.sh and as.sh. It leaves the files that must be read as the server's user in
# $its_reads, and that user in $its_uid $its_gid $its_groups(,).
# $1 port  $2 process id as the server says it, or empty  $3 unit by the inventory, or empty
# $4 unit that replctl would make  $5 user if there is no process and no unit
# $6… items for $reader (read.sh)
port=$1 told=$2 unit=$3 own=$4 user=$5; shift 5
its_reads= its_uid= its_gid= its_groups=
p uid "$me"
# A socket that listens on the port, and its process as far as this user can see it.
if [ "$listens" != "$port" ]; then
  listens=$port pid=
  sockets "$port"
  if [ -n "$inodes" ]; then holder "$inodes" "$told"; fi
fi
if [ -n "$inodes" ]; then
  p listening 1
  if [ -z "$pid" ] && [ -n "$told" ] && [ -d "/proc/$told" ]; then pid=$told; fi
fi
uid= gid= more= cgroup=
if [ -n "$pid" ] && [ -r "/proc/$pid/status" ]; then
  [ "$exe_of" = "$pid" ] || exe=$(readlink "/proc/$pid/exe" 2>/dev/null)
  p pid "$pid"; p exe "$exe"
  x=$(od -An -v -tx1 -N 8192 "/proc/$pid/cmdline" 2>/dev/null); printf cmdline=; printf %s $x; echo
  nested=
  while read -r k v; do
    case $k in
    Uid:) set -f; x=${v#*[!0-9]}; uid=${x%%[!0-9]*}; set +f ;;
    Gid:) x=${v#*[!0-9]}; gid=${x%%[!0-9]*} ;;
    Groups:) for x in $v; do more=$more,$x; done; more=${more#,} ;;
    NSpid:) case $v in *[0-9][!0-9]*[0-9]*) nested=1 ;; esac; break ;;
    # The kernel has no process namespaces.
    VmPeak: | Threads:) break ;;
    esac
  done 2>/dev/null <"/proc/$pid/status"
  # Where its arguments were before the server wrote its title over them.
  first_line "/proc/$pid/stat"
  n=0; for x in ${line##*) }; do
    n=$((n + 1))
    case $n in 46) from=$x ;; 47) if [ "$from" -gt 0 ] 2>/dev/null && [ "$x" -gt "$from" ]; then p argbytes $((x - from)); fi ;; esac
  done
  p ids "$uid $gid $more"
  p nested "$nested"
  while IFS=: read -r x k v _; do if [ "$x" = 0 ] || [ "$k" = name=systemd ]; then cgroup=$v; [ "$v" = / ] || break; fi; done 2>/dev/null <"/proc/$pid/cgroup"
  p cgroup "$cgroup"
fi
units=
# Sets $value: property $1 in the output of systemctl.
property() { case $nl$text in *"$nl$1="*) value=$nl$text; value=${value#*"$nl$1="}; value=${value%%"$nl"*} ;; *) value= ;; esac; }
# Reads unit $1, and prints it if it is loaded. With `itself`, $1 must be its main name.
show() {
  text=$(systemctl show -p Id,LoadState,UnitFileState,FragmentPath,DropInPaths,ExecStart,User,WorkingDirectory,ProtectSystem,ReadOnlyPaths,ReadWritePaths,EnvironmentFiles,RootDirectory,RootImage,BindPaths,BindReadOnlyPaths,TemporaryFileSystem,PrivateTmp -- "$1" 2>/dev/null)
  property LoadState; [ "$value" = loaded ] || [ -n "${2:-}" ] || return 0
  property Id; [ "$value" = "$1" ] || [ -z "${2:-}" ] || return 0
  units="$units $1"
  # Variables may hold secrets. So they are printed only for a unit that uses some in its command.
  case $text in *'$'*) text="$text
$(systemctl show -p Environment -- "$1" 2>/dev/null)" ;; esac
  property FragmentPath
  if [ -f "$value" ]; then first_line "$value"; case $line in '# Written by replctl '*) text="$text
Replctl=yes" ;; esac; fi
  echo unit=; n=0
  set -f; IFS=$nl
  for x in $text; do n=$((n + ${#x} + 1)); [ $n -gt 16384 ] || printf 'unit+%s\n' "$x"; done
  unset IFS
  # The file in its command is read together with the others.
  property ExecStart; c=
  case $value in *'argv[]='*\;*)
    value=${value##*'argv[]='}; x=
    for w in ${value%%;*}; do
      if [ -n "$x" ]; then case $w in -*) ;; *) c=$w ;; esac; break; fi
      case ${w##*/} in *redis* | *valkey* | *keydb*) x=1 ;; esac
    done ;;
  esac
  set +f
  case $c in /*) case $nl$asked$nl in *"${nl}f:$c$nl"*) ;; *) asked="$asked
f:$c" ;; esac ;; esac
  if [ -z "$uid" ]; then property User; user=$value; fi
}
asked=
if [ -d /run/systemd/system ] && has systemctl; then
  p systemd 1
  c=${cgroup##*/}
  case $c in user@*) c= ;; *.service) ;; *) c= ;; esac
  p in_unit "$c"
  in_unit=$c
  for y in "$unit" "$in_unit" "$own"; do
    case " $units " in *" $y "*) continue ;; esac
    if [ -n "$y" ]; then show "$y"; fi
  done
  # Any other unit that starts such a server. This may be the right one, if it is stopped or was
  # started by hand.
  if [ -z "$units" ]; then for y in $(grep -lE '^ExecStart=.*(redis|valkey|keydb)-server' /etc/systemd/system/*.service /run/systemd/system/*.service /usr/local/lib/systemd/system/*.service /usr/lib/systemd/system/*.service /lib/systemd/system/*.service 2>/dev/null |
    sed 's,.*/,,' | grep -v '@\.service$' | sort -u | head -n 8;
    ls /etc/systemd/system/*.wants 2>/dev/null | grep -E '^(redis|valkey|keydb)[a-z-]*@.+\.service$' | sort -u | head -n 16); do
    case " $units " in *" $y "*) continue ;; esac
    show "$y" itself
  done; fi
fi
if [ -x /etc/rc.local ] && [ -r /etc/rc.local ]; then
  echo rc_local=
  awk '/^[^#]*(redis|valkey|keydb)-server/ && n++ < 50 { print "rc_local+" substr($0, 1, 2000) }' /etc/rc.local 2>/dev/null
fi
if [ -z "$uid" ]; then
  number "${user:-root}"; uid=$number
  if [ -n "$uid" ]; then account "$uid"; for x in $groups; do more=$more,$x; done; more=${more#,}; fi
fi
# If the port is forwarded, the process of root is another program, or sees another file system.
# Then the paths that its server reports are not paths of this host.
if is_root && [ "$uid" = 0 ] && [ -n "$pid" ]; then
  strange=
  [ "/proc/$pid/root/" -ef / ] || strange=1
  case $exe in *redis* | *valkey* | *keydb*) ;; *) strange=1 ;; esac
  if [ -n "$strange" ]; then p end ""; return 0; fi
fi
p reader "$uid $gid $more"
# Only the server's user knows whether it may write something, and root as that user.
if ! is_root && [ "$me" != "$uid" ]; then
  for x; do shift; case $x in w:*) ;; *) set -- "$@" "$x" ;; esac; done
fi
if [ -n "$uid" ]; then
  its_uid=$uid its_gid=$gid its_groups=$more
  for x; do its_reads=$its_reads$x$nl; done
  its_reads=$its_reads${asked#"$nl"}
fi
# The unit may hide a folder from the server that everybody else can see.
if [ -n "$pid" ] && is_root; then
  for x; do
    case $x in w:*) d=${x#w:}; d=${d%/*}; if [ -d "/proc/$pid/root${d:-/}" ] && [ ! -w "/proc/$pid/root${d:-/}" ]; then p confined "${d:-/}"; fi ;; esac
  done
fi
p end ""
