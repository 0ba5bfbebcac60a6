# Makes folders. $1 their owner  $2 how many of the folders that follow everybody may enter. Only
# the owner may enter the rest.
user=$1 n=$2; shift 2
number "$user"; mine=${number:-$user}
if ! is_root; then
  for d; do
    if [ "$n" -gt 0 ]; then (umask 022; mkdir -p "$d") || exit 1
    else [ -d "$d" ] || mkdir -p "$d" || exit 1; chown "$user" "$d" && chmod 750 "$d" || exit 1; fi
    n=$((n - 1))
  done
  exit 0
fi
# What the script has looked at stays true until the script makes something.
keep=1
# Makes the folders of $list that are not there yet, all with one mkdir.
make() {
  known= missing=
  set -f; IFS=$nl; set -- $list; unset IFS; set +f; list=
  for x; do shift; [ -d "$x" ] || set -- "$@" "$x"; done
  [ $# = 0 ] || mkdir -p "$@"
}
list=
while [ "$n" -gt 0 ]; do
  walk "$1"
  [ "$who" = 0 ] || no "$why is not root's alone: root does not start programs from there; remedy: chown root $why && chmod go-w $why"
  list=$list$real$nl
  shift; n=$((n - 1))
done
(umask 022; make) || exit 1
known= list=
# The owner makes the folders that lie in a folder of the owner, all at once.
theirs=
make_theirs() {
  [ -n "$theirs" ] || return 0
  uid=$mine; account "$uid"
  set -f; IFS=$nl; set -- $theirs; unset IFS; set +f; theirs= known=
  act sh -c 'umask 077
    for d; do shift; set -- "$@" "$d"; if [ ! -d "$d" ]; then case $d in *"
"*) exit 1 ;; esac; m="$m$d
"; fi; done
    set -f; IFS="
"; [ -z "$m" ] || mkdir $m || exit 1
    chmod 750 "$@"' sh "$@" || exit 1
}
for d; do
  walk "${d%/*}"
  if [ "$who" = 0 ]; then
    make_theirs
    parent=$real
    # Root may have made a link to a place with more room.
    walk "$d"
    case $kind in missing | folder) here=$real ;; *) here=$parent/${d##*/} ;; esac
    [ ! -L "$here" ] || no "$here is a link that is not root's"
    [ -d "$here" ] || mkdir "$here" || exit 1
    chown "$user" "$here" && chmod 750 "$here" || exit 1
    known=
  else
    [ "$who" = "$mine" ] || no "$why is not $user's: nothing is made there; remedy: chown $user $why"
    theirs=$theirs$real/${d##*/}$nl
  fi
done
make_theirs
