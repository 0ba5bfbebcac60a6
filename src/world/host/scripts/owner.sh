# Who may act on a path, and acting as that user. Put before the scripts that touch files of a host. POSIX sh; only what busybox has.
#
# Root acts only where nobody else can change what a path means: every folder from / on is root's, and no other user may write there.
# From the first folder on that is another user's, that user acts: whatever he plants there, he gets only what he could do himself.
LC_ALL=C; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
umask 077
no() { echo "$1" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }
# The fields of `ls -ldn` of $1 in $mode $links $owner $group; a name with a line break has them in its first line.
look() {
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
walk() {
  case $1 in /*) rest=$1 ;; *) no "$1 is no absolute path" ;; esac
  real= who=0 why= kind=folder hops=0 sticky=
  look / && [ "$owner" = 0 ] && ! is_open || no "the folder / is not root's alone"
  while [ -n "$rest" ]; do
    case $rest in */*) part=${rest%%/*} rest=${rest#*/} ;; *) part=$rest rest= ;; esac
    case $part in '' | .) continue ;; ..) real=${real%/*} sticky=; continue ;; esac
    here=$real/$part
    if ! look "$here"; then real=$here${rest:+/$rest} kind=missing; return; fi
    case $mode in
    l*)
      if [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      hops=$((hops + 1)); [ $hops -le 8 ] || no "$1 has too many links"
      to=$(readlink "$here") || no "the link $here cannot be read"
      case $to in /*) real= sticky= ;; esac
      rest=$to${rest:+/$rest} ;;
    d*)
      if [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      sticky=
      if is_open; then case $mode in ?????????[tT]*) sticky=1 ;; *) who=others why=$here; break ;; esac; fi
      real=$here ;;
    -*)
      [ -z "$rest" ] || no "$here is no folder"
      # In a sticky folder its owner may take a name away.
      if [ -n "$sticky" ] && [ "$owner" != 0 ]; then who=$owner why=$here; break; fi
      real=$here kind=file; return ;;
    *) no "$here is no file" ;;
    esac
  done
  if [ -n "$why" ]; then real=$here${rest:+/$rest} kind=theirs; fi
}
# Name and first group of user number $1, in $name and $gid.
account() {
  line=$(getent passwd "$1" 2>/dev/null) || line=$(awk -F: -v u="$1" '$3 == u { print; exit }' /etc/passwd 2>/dev/null)
  name=${line%%:*}; gid=$(printf '%s' "$line" | cut -d: -f4)
  groups=; [ -z "$name" ] || groups=$(id -G "$name" 2>/dev/null)
}
# Runs a command as $uid with $gid and $groups: without this process's environment, and never to gain rights again.
act() {
  set -- env -i "PATH=$PATH" LC_ALL=C "$@"
  if ! is_root || [ "$uid" = 0 ]; then "$@"; return; fi
  [ -n "$gid" ] || no "user $uid has no entry in /etc/passwd on this host"
  if [ -z "${by_number:-}" ]; then by_number=no; if has setpriv && setpriv --help 2>&1 | grep -q -- --reuid; then by_number=yes; fi; fi
  if [ $by_number = yes ]; then
    list=$(echo $groups | tr ' ' ,)
    if [ -n "$list" ]; then list=--groups=$list; else list=--clear-groups; fi
    setpriv --reuid "$uid" --regid "$gid" "$list" --no-new-privs -- "$@"
  elif [ -z "$name" ]; then no "user $uid has no entry in /etc/passwd on this host"
  elif has runuser; then runuser -u "$name" -- "$@"
  elif has su; then su -s /bin/sh "$name" -c 'exec "$0" "$@"' -- "$@"
  else no "there is no setpriv, runuser or su to become $name with"; fi
}
# Chooses who acts on path $1 whose server runs as user $2 (or nobody's name): sets $uid $gid $groups $name and $real.
choose() {
  service=; if [ -n "$2" ]; then service=$(id -u "$2" 2>/dev/null); fi
  if ! is_root; then uid=$(id -u) gid=$(id -g) groups= name= real=$1 service=$uid kind=theirs; return; fi
  walk "$1"
  if [ "$who" = others ]; then
    # Root's folder, in which others may write: the server's own user at most.
    who=$service
    [ -n "$who" ] && [ "$who" != 0 ] || no "others than root may write in $why: replctl does not act there as root; remedy: chmod go-w $why"
  fi
  uid=$who; account "$uid"
}
