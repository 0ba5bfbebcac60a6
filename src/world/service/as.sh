# Put between owner.sh and the scripts that look at a server as it is run. POSIX sh; only what busybox has. It changes nothing.
hex() { od -An -v -tx1 | tr -d ' \n'; }
p() { printf '%s=' "$1"; printf '%s' "$2" | hex; echo; }
# as UID GID GROUPS(,) COMMAND… — with the rights of a server's user, never with more: what that user may not read is not read for it.
as() {
  ( account "$1"; uid=$1 gid=$2 groups=$(printf %s "$3" | tr , ' '); shift 3; act "$@" ) </dev/null
}
