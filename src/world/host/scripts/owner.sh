# Finds out who may act on a path, and acts as that user. This text goes before the scripts that
# touch files of a host. It is POSIX sh, and uses only what busybox has.
#
# Root acts only where nobody else can change what a path means: root owns every folder from / on,
# and no other user may write there. In the first folder of another user, and below it, that user
# acts. Whatever that user puts there, the user gains no right by it.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
umask 077
nl='
'
# The environment of the login sets none of these.
how=act keep= numbered= number_gid= account_of= by_number= exe_of= listens= told= with_passwords=
no() { echo "$1" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
# The user who runs this. The kernel says it, which takes one process less than `id`.
me=
while read -r k v w _; do if [ "$k" = Uid: ]; then me=$w; break; fi; done 2>/dev/null </proc/$$/status
[ -n "$me" ] || me=$(id -u)
is_root() { [ "$me" = 0 ]; }
# Runs one `stat` for all these existing paths. $known gets a line `PATH|MODE LINKS OWNER GROUP
# CHANGED` for each. `stat` prints no name, so no name can look like such a line. If one of the
# paths disappears meanwhile, the result is dropped.
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
# Sets $way: the path and all folders above it, one in each line.
way_of() {
  way=/ b=
  case $1 in *"$nl"*) return 0 ;; /*) a=${1#/} ;; *) return 0 ;; esac
  while [ -n "$a" ]; do
    case ${a%%/*} in '') ;; .|..) break ;; *) b=$b/${a%%/*}; way=$way$nl$b ;; esac
    case $a in */*) a=${a#*/} ;; *) a= ;; esac
  done
}
# Runs `know` for them.
know_way() { way_of "$1"; set -f; IFS=$nl; set -- $way; unset IFS; set +f; know "$@"; }
# Sets $mode $links $owner $group: the fields of `ls -ldn` of $1. If the name has a line break, they
# are in the first line. Sets $changed: the time of the last change in seconds since 1970, or
# nothing if `ls` was used.
look() {
  mode= changed=
  [ -e "$1" ] || [ -L "$1" ] || return 1
  case $nl$known in *"$nl$1|"*)
    a=$nl$known; a=${a#*"$nl$1|"}; a=${a%%"$nl"*}
    mode=${a%% *} a=${a#* }; links=${a%% *} a=${a#* }; owner=${a%% *} a=${a#* }; group=${a%% *} changed=${a#* }
    # Only `ls` shows an access list. The list matters if the group may write.
    case $mode in ?????w*) ;; *) return 0 ;; esac ;;
  esac
  set -f; set -- $(ls -ldn "$1" 2>/dev/null); set +f
  mode=${1:-} links=${2:-} owner=${3:-} group=${4:-}
  [ -n "$group" ]
}
# Whether other users than root may add names to the folder of the last `look`.
is_open() {
  case $mode in
  ?????w????+*) return 0 ;;
  ????????w*) return 0 ;;
  ?????w*) [ "$group" != 0 ] ;;
  *) return 1 ;;
  esac
}
# Follows path $1 from / on. Sets $real: the path without the links that only root can change. Sets
# $who: 0, or the user to act as, or `others` if others may write in a folder of root. Sets $why:
# the folder that decides this. Sets $kind: what is at the end of the part that is only root's.
walk() { trace "$1" || no "$fault"; }
# The same. If the path cannot be followed, it fails, and $fault has the reason.
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
      # In a sticky folder, the owner of a file may remove its name.
      if [ -n "$sticky" ] && [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      real=$here kind=file; return 0 ;;
    *) fault="$here is no file"; return 1 ;;
    esac
  done
  if [ -n "$why" ]; then real=$here${rest:+/$rest} kind=theirs; fi
}
# Sets $line: the entry of a user, by name or number, in /etc/passwd or in what the host uses
# instead.
entry() {
  if has getent; then line=$(getent passwd "$1" 2>/dev/null)
  else line=$(awk -F: -v u="$1" '$1 == u || $3 == u { print; exit }' /etc/passwd 2>/dev/null); fi
  line=${line%%"$nl"*}
}
# Sets $number: the number of the user named $1, or nothing if there is none. The same process
# returns the groups of the user, for `account`.
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
        # A name with a comma or a bracket could look like a group. Then `account` asks for numbers.
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
# Sets $name, $gid and $groups: the name, the first group and all groups of user number $1.
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
# Runs a command as $uid with $gid and $groups. The command gets no variable of this process, and
# can never gain rights. That user can take over what runs with these rights, and keep its outputs.
# So the outputs are pipes of their own. Nothing else is ever written to them.
act() {
  if ! is_root || [ "$uid" = 0 ]; then act_apart "$@"; return; fi
  able
  { acted=$({ { { act_apart "$@" 3>&- 4>&- 5>&- 6>&-; echo $? >&6; } 2>&1 >&5 | cat >&4; } 5>&1 | cat >&3; } 6>&1); } 3>&1 4>&2
  return "${acted:-1}"
}
# The same with both outputs as one, which costs a host less.
act_joined() {
  if ! is_root || [ "$uid" = 0 ]; then act_apart "$@" 2>&1; return; fi
  able
  { acted=$({ { act_apart "$@" 3>&- 6>&-; echo $? >&6; } 2>&1 | cat >&3; } 6>&1); } 3>&1
  return "${acted:-1}"
}
# The same, if the caller has given it outputs of its own.
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
# Whether setpriv is the one of util-linux, which takes numbers. busybox has another one, which may
# have no name of its own.
able() {
  [ -z "$by_number" ] || return 0
  by_number=no
  a=$(command -v setpriv 2>/dev/null)
  case $a in /*) ;; *) return 0 ;; esac
  # If it is a separate program, it is from util-linux. If it is a link, or a program with many
  # names, its help text decides.
  if [ ! -L "$a" ] && [ -e "${a%/*}/cat" ] && ! [ "$a" -ef "${a%/*}/cat" ]; then by_number=yes; return 0; fi
  case $(setpriv --help 2>&1) in *--reuid*) by_number=yes ;; esac
}
# Chooses who acts on path $1. $2 is the user of its server, or empty. Sets $uid $gid $groups $name
# and $real.
choose() {
  if ! is_root; then uid=$me gid= groups= name= real=$1 service=$me kind=theirs; return; fi
  number "$2"; service=$number
  walk "$1"
  if [ "$who" = others ]; then
    # Others may write in this folder of root. So at most the server's own user acts here.
    who=$service
    [ -n "$who" ] && [ "$who" != 0 ] || no "others than root may write in $why: replctl does not act there as root; remedy: chmod go-w $why"
  fi
  uid=$who; account "$uid"
}
