# Starts a server program with the directives of standard input, and prints what it says about them.
# It runs as user $2, or as nobody, without a port, in a temporary folder of its own. The server
# ends by itself, because the last directive names a file of users that does not exist.
# $1 program  $2 user
program=$1 user=$2
uid=$(id -u)
if is_root; then
  uid=$(id -u "$user" 2>/dev/null) || uid=$(id -u nobody 2>/dev/null) || no "there is no user to try it as"
  account "$uid"
fi
act sh -c '
d=$(mktemp -d 2>/dev/null) || exit 1
trap "rm -rf \"$d\"" EXIT
trap "exit 1" HUP INT TERM
cd "$d" || exit 1
{ cat; printf "\n%s\n" "daemonize no" "supervised no" "loglevel warning" "logfile \"\"" "port 0" "dir $d" "unixsocket $d/s" "aclfile $d/none"; } >conf
"$1" - <conf >out 2>&1 &
p=$! n=0
while kill -0 $p 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1 2>/dev/null || { sleep 1; n=$((n + 9)); }; n=$((n + 1)); done
kill -9 $p 2>/dev/null
wait $p 2>/dev/null
head -c 65536 out
' sh "$program"
