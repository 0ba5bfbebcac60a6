# Who may act on a path, and acting as that user. Put before the scripts that touch files of a host. POSIX sh; only what busybox has.
#
# Root acts only where nobody else can change what a path means: every folder from / on is root's, and no other user may write there.
# From the first folder on that is another user's, that user acts: whatever he plants there, he gets only what he could do himself.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
umask 077
nl='
'
# Nothing of these comes from the login's environment.
how=act keep= numbered= number_gid= account_of= by_number= exe_of= listens= told= with_passwords=
no() { echo "$1" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
# Who we are, told by the kernel: a process less than `id`.
me=
while read -r k v w _; do if [ "$k" = Uid: ]; then me=$w; break; fi; done 2>/dev/null </proc/$$/status
[ -n "$me" ] || me=$(id -u)
is_root() { [ "$me" = 0 ]; }
# What `stat` says of existing paths, all by one process: a line `PATH|MODE LINKS OWNER GROUP CHANGED` for each in $known. It prints no name, so that
# no name can be taken for a line; where one is gone meanwhile, nothing of it is kept.
known=
know() {
  need=
  for a; do
    case $a in *"$nl"*) continue ;; esac
    case $nl$known$nl$need in *"$nl$a|"* | *"$nl$a$nl"*) continue ;; esac
    if [ -e "$a" ] || [ -L "$a" ]; then need=$need$a$nl; fi
  done
  [ -n "$need" ] || return 0
  set -f; IFS=$nl; set -- $need; said=$(stat -c '%A %h %u %g %Y' "$@" 2>/dev/null) || said=
  got=
  for a in $said; do
    [ $# -gt 0 ] || { got=; break; }
    got="$got$1|$a$nl"; shift
  done
  unset IFS; set +f
  [ $# = 0 ] || got=
  known=$known$got
}
# All folders on the way to a path, and itself, as lines: in $way.
way_of() {
  way=/ b=
  case $1 in *"$nl"*) return 0 ;; /*) a=${1#/} ;; *) return 0 ;; esac
  while [ -n "$a" ]; do
    case ${a%%/*} in '') ;; .|..) break ;; *) b=$b/${a%%/*}; way=$way$nl$b ;; esac
    case $a in */*) a=${a#*/} ;; *) a= ;; esac
  done
}
# `know` of them.
know_way() { way_of "$1"; set -f; IFS=$nl; set -- $way; unset IFS; set +f; know "$@"; }
# The fields of `ls -ldn` of $1 in $mode $links $owner $group; a name with a line break has them in its first line. When it was changed, in
# $changed: seconds since 1970, or nothing where `ls` was asked.
look() {
  mode= changed=
  [ -e "$1" ] || [ -L "$1" ] || return 1
  case $nl$known in *"$nl$1|"*)
    a=$nl$known; a=${a#*"$nl$1|"}; a=${a%%"$nl"*}
    mode=${a%% *} a=${a#* }; links=${a%% *} a=${a#* }; owner=${a%% *} a=${a#* }; group=${a%% *} changed=${a#* }
    # Only `ls` tells that there is an access list, which counts where the group may write.
    case $mode in ?????w*) ;; *) return 0 ;; esac ;;
  esac
  set -f; set -- $(ls -ldn "$1" 2>/dev/null); set +f
  mode=${1:-} links=${2:-} owner=${3:-} group=${4:-}
  [ -n "$group" ]
}
# Whether others than root may put names into the folder that was looked at.
is_open() {
  case $mode in
  ?????w????+*) return 0 ;;
  ????????w*) return 0 ;;
  ?????w*) [ "$group" != 0 ] ;;
  *) return 1 ;;
  esac
}
# Walks $1 from / on. Sets $real: the path, without links as far as root alone can change them; $who: 0, or the user to act as, or `others`
# where root's folder may be written by others; $why: the folder that says so; $kind: what was found at the end of root's part of the path.
walk() { trace "$1" || no "$fault"; }
# The same; a path that cannot be walked is told in $fault.
trace() {
  real= who=0 why= kind=folder hops=0 sticky= fault=
  case $1 in /*) rest=$1 ;; *) fault="$1 is no absolute path"; return 1 ;; esac
  [ -n "$keep" ] || known=
  know_way "$1"
  look / && [ "$owner" = 0 ] && ! is_open || { fault="the folder / is not root's alone"; return 1; }
  while [ -n "$rest" ]; do
    case $rest in */*) part=${rest%%/*} rest=${rest#*/} ;; *) part=$rest rest= ;; esac
    case $part in '' | .) continue ;; ..) real=${real%/*} sticky=; continue ;; esac
    here=$real/$part
    if ! look "$here"; then real=$here${rest:+/$rest} kind=missing; return 0; fi
    case $mode in
    l*)
      if [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      hops=$((hops + 1)); [ $hops -le 8 ] || { fault="$1 has too many links"; return 1; }
      to=$(readlink "$here") || { fault="the link $here cannot be read"; return 1; }
      case $to in /*) real= sticky= ;; esac
      rest=$to${rest:+/$rest} ;;
    d*)
      if [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      sticky=
      if is_open; then case $mode in ?????????[tT]*) sticky=1 ;; *) who=others why=$here; break ;; esac; fi
      real=$here ;;
    -*)
      [ -z "$rest" ] || { fault="$here is no folder"; return 1; }
      # In a sticky folder its owner may take a name away.
      if [ -n "$sticky" ] && [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      real=$here kind=file; return 0 ;;
    *) fault="$here is no file"; return 1 ;;
    esac
  done
  if [ -n "$why" ]; then real=$here${rest:+/$rest} kind=theirs; fi
}
# The line of /etc/passwd, or of what the host has instead, of a user by name or number: in $line.
entry() {
  if has getent; then line=$(getent passwd "$1" 2>/dev/null)
  else line=$(awk -F: -v u="$1" '$1 == u || $3 == u { print; exit }' /etc/passwd 2>/dev/null); fi
  line=${line%%"$nl"*}
}
# The number of the user called $1, in $number; nothing where there is none. Its groups are asked for by the same process, for `account`.
number() {
  [ "$numbered" != "$1" ] || return 0
  numbered=$1 number= number_gid= number_groups=
  case $1 in
  '') ;;
  *[!0-9]*)
    line=$(id "$1" 2>/dev/null)
    case $line in
    # uid=999(redis) gid=997(redis) groups=997(redis),4(adm)
    uid=[0-9]*\ gid=[0-9]*\ groups=[0-9]*)
      number=${line#uid=}; number=${number%%[!0-9]*}
      a=${line#* gid=}; b=${a%%[!0-9]*} a=${line#* groups=}
      while [ -n "$a" ]; do
        one=${a%%,*}; case $a in *,*) a=${a#*,} ;; *) a= ;; esac
        # A name with a comma or a bracket could be taken for a group of its own: `account` asks for numbers then.
        case ${one#"${one%%[!0-9]*}"} in '' | '('*')') ;; *) return 0 ;; esac
        case ${one#*'('} in *'('* | *')'?*) return 0 ;; esac
        number_groups="$number_groups ${one%%[!0-9]*}"
      done
      number_gid=$b ;;
    '') if ! has id; then entry "$1"; number=${line#*:*:}; number=${number%%:*}; fi ;;
    *) entry "$1"; number=${line#*:*:}; number=${number%%:*} ;;
    esac ;;
  *) number=$(id -u "$1" 2>/dev/null) ;;
  esac
}
# Name and first group of user number $1, in $name and $gid, and all its groups.
account() {
  if [ "$account_of" != "$1" ]; then
    account_of=$1
    if [ -n "$number_gid" ] && [ "$number" = "$1" ]; then user_name=$numbered user_gid=$number_gid user_groups=$number_groups
    else
      entry "$1"
      user_name=${line%%:*}; user_gid=${line#*:*:*:}; user_gid=${user_gid%%:*}
      user_groups=; [ -z "$user_name" ] || user_groups=$(id -G "$user_name" 2>/dev/null)
    fi
  fi
  name=$user_name gid=$user_gid groups=$user_groups
}
# Runs a command as $uid with $gid and $groups: without this process's environment, and never to gain rights again. That user can take over what runs
# with these rights, and keep its outputs: so these are pipes of its own, and never those to which something else is told afterwards.
act() {
  if ! is_root || [ "$uid" = 0 ]; then act_apart "$@"; return; fi
  able
  { acted=$({ { { act_apart "$@" 3>&- 4>&- 5>&- 6>&-; echo $? >&6; } 2>&1 >&5 | cat >&4; } 5>&1 | cat >&3; } 6>&1); } 3>&1 4>&2
  return "${acted:-1}"
}
# The same with both of its outputs as one, which costs a host less.
act_joined() {
  if ! is_root || [ "$uid" = 0 ]; then act_apart "$@" 2>&1; return; fi
  able
  { acted=$({ { act_apart "$@" 3>&- 6>&-; echo $? >&6; } 2>&1 | cat >&3; } 6>&1); } 3>&1
  return "${acted:-1}"
}
# The same where the caller has given it outputs of its own.
act_apart() {
  set -- env -i "PATH=$PATH" LC_ALL=C "$@"
  if ! is_root || [ "$uid" = 0 ]; then "$@"; return; fi
  [ -n "$gid" ] || { echo "user $uid has no entry in /etc/passwd on this host" >&2; return 1; }
  able
  if [ $by_number = yes ]; then
    list=
    for a in $groups; do list=$list,$a; done
    if [ -n "$list" ]; then list=--groups=${list#,}; else list=--clear-groups; fi
    setpriv --reuid "$uid" --regid "$gid" "$list" --no-new-privs -- "$@"
  elif [ -z "$name" ]; then echo "user $uid has no entry in /etc/passwd on this host" >&2; return 1
  elif has runuser; then runuser -u "$name" -- "$@"
  elif has su; then su -s /bin/sh "$name" -c 'exec "$0" "$@"' -- "$@"
  else echo "there is no setpriv, runuser or su to become $name with" >&2; return 1; fi
}
# Whether setpriv is the one that takes numbers: busybox has another, and need not be there by its own name.
able() {
  [ -z "$by_number" ] || return 0
  by_number=no
  a=$(command -v setpriv 2>/dev/null)
  case $a in /*) ;; *) return 0 ;; esac
  # A program of its own is util-linux's. A link, and many programs in one, are asked.
  if [ ! -L "$a" ] && [ -e "${a%/*}/cat" ] && ! [ "$a" -ef "${a%/*}/cat" ]; then by_number=yes; return 0; fi
  case $(setpriv --help 2>&1) in *--reuid*) by_number=yes ;; esac
}
# Chooses who acts on path $1 whose server runs as user $2 (or nobody's name): sets $uid $gid $groups $name and $real.
choose() {
  if ! is_root; then uid=$me gid= groups= name= real=$1 service=$me kind=theirs; return; fi
  number "$2"; service=$number
  walk "$1"
  if [ "$who" = others ]; then
    # Root's folder, in which others may write: the server's own user at most.
    who=$service
    [ -n "$who" ] && [ "$who" != 0 ] || no "others than root may write in $why: replctl does not act there as root; remedy: chmod go-w $why"
  fi
  uid=$who; account "$uid"
}
