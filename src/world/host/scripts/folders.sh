# Makes folders. $1 their owner  $2 how many of the following are everybody's to enter; the rest are the owner's alone
user=$1 n=$2; shift 2
number "$user"; mine=${number:-$user}
# Folders below one that is the owner's are made by the owner, all at once.
theirs=
make_theirs() {
  [ -n "$theirs" ] || return 0
  uid=$mine; account "$uid"
  set -f; IFS=$nl; set -- $theirs; unset IFS; set +f; theirs=
  act sh -c 'umask 077; for d; do [ -d "$d" ] || mkdir "$d" || exit 1; done; chmod 750 "$@"' sh "$@" || exit 1
}
# As root, or as a login that is not: $1 a folder whose place is that user's.
make() { [ -d "$1" ] || (umask "$2"; mkdir "$1"); }
for d; do
  if ! is_root; then
    if [ "$n" -gt 0 ]; then (umask 022; mkdir -p "$d") || exit 1
    else [ -d "$d" ] || mkdir -p "$d" || exit 1; chown "$user" "$d" && chmod 750 "$d" || exit 1; fi
  elif [ "$n" -gt 0 ]; then
    walk "$d"
    [ "$who" = 0 ] || no "$why is not root's alone: root does not start programs from there; remedy: chown root $why && chmod go-w $why"
    (umask 022; mkdir -p "$real") || exit 1
  else
    walk "${d%/*}"
    if [ "$who" = 0 ]; then
      make_theirs
      parent=$real
      # A link that root made leads to where there was room.
      walk "$d"
      case $kind in missing | folder) here=$real ;; *) here=$parent/${d##*/} ;; esac
      [ ! -L "$here" ] || no "$here is a link that is not root's"
      make "$here" 077 || exit 1
      chown "$user" "$here" && chmod 750 "$here" || exit 1
    else
      [ "$who" = "$mine" ] || no "$why is not $user's: nothing is made there; remedy: chown $user $why"
      theirs=$theirs$real/${d##*/}$nl
    fi
  fi
  n=$((n - 1))
done
make_theirs
