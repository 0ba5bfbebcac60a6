# Put behind owner.sh and said.sh, before the scripts that look at a server as it is run. POSIX sh; only what busybox has. It changes nothing.
# as UID GID GROUPS(,) COMMAND… — with the rights of a server's user, never with more: what that user may not read is not read for it.
as() {
  ( uid=$1 gid=$2 list=$3; shift 3
    able; if [ $by_number = no ]; then g=$gid; account "$uid"; gid=$g; fi
    IFS=,; groups=; for x in $list; do groups="$groups $x"; done; unset IFS
    act "$@" ) </dev/null
}
