# Does $1 on file $2, whose server runs as user $3, as whoever may; further arguments are handed on.
inner=$1 path=$2 user=$3; shift 3
choose "$path" "$user"
act sh -c "$inner" replctl "$real" "$service" "$@"
