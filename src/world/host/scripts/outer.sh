# Runs $inner on file $1 as the user who may act there. The server of the file runs as user $2. The
# other arguments go to $inner.
path=$1 user=$2; shift 2
choose "$path" "$user"
"$how" sh -c "$inner" replctl "$real" "$service" "$@"
