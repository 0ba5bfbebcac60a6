# Writes number or word $2 into file $1 of the kernel, and reads it back.
[ -w "$1" ] || { echo "$1 cannot be written" >&2; exit 1; }
printf '%s\n' "$2" >"$1" || exit 1
set -f; x=$(cat "$1"); x=$(echo $x)
case $x in "$2" | *"[$2]"*) ;; *) echo "$1 is $x after $2 was written" >&2; exit 1 ;; esac
