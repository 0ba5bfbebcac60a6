# Changes the role in the file of a stopped server. $3 host  $4 port
plain "$p"
[ -r "$p" ] || no "$p cannot be read by $(id -un 2>/dev/null || id -u)"
# grep does not treat such a file as text. The server reads a line only up to that byte.
[ "$(tr -dc '\000' <"$p" | wc -c)" -eq 0 ] || no "$p holds a NUL byte: it is not a text file, and its role was not changed; remedy: look at it with an editor"
fresh
grep -aviE '^[[:space:]]*"?(replicaof|slaveof)"?[[:space:]]' "$p" >"$new" || [ $? = 1 ] || exit 1
printf 'replicaof %s %s\n' "$3" "$4" >>"$new" || exit 1
like_before
settle
grep -aiE '^replicaof[[:space:]]' "$p" | tail -n 1
