# Gives the file of a stopped server another role. $3 host  $4 port
plain "$p"
[ -r "$p" ] || no "$p cannot be read by $(id -un 2>/dev/null || id -u)"
fresh
grep -viE '^[[:space:]]*"?(replicaof|slaveof)"?[[:space:]]' "$p" >"$new" || [ $? = 1 ] || exit 1
printf 'replicaof %s %s\n' "$3" "$4" >>"$new" || exit 1
like_before
settle
grep -iE '^replicaof[[:space:]]' "$p" | tail -n 1
