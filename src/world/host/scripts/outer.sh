# Does $inner on file $1, whose server runs as user $2, as whoever may; further arguments are handed on.
path=$1 user=$2; shift 2
choose "$path" "$user"
"$how" sh -c "$inner" replctl "$real" "$service" "$@"
