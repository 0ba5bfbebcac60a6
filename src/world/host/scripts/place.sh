# Makes the folder for an upload. owner.sh runs first, and checks that the place is root's alone.
# $1 directory
umask 022
[ -d "$1" ] || mkdir -p "$1" || exit 1
