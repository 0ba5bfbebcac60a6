# Makes the place for an upload, behind owner.sh, which has seen that it is root's alone. $1 directory
umask 022
[ -d "$1" ] || mkdir -p "$1" || exit 1
