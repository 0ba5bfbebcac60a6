# Writes number or word $2 into file $1 of the kernel, and reads it back. If the kernel has it
# already, nothing is written.
has_it() { set -f; x=$(cat "$1" 2>/dev/null) || return 1; x=$(echo $x); case $x in "$2" | *"[$2]"*) ;; *) return 1 ;; esac; }
if has_it "$1" "$2"; then exit 0; fi
[ -w "$1" ] || { echo "$1 cannot be written" >&2; exit 1; }
printf '%s\n' "$2" >"$1" || exit 1
has_it "$1" "$2" || { echo "$1 is $x after $2 was written" >&2; exit 1; }
