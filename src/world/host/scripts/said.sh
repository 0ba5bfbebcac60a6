# This text goes after owner.sh. Its functions print what a script has found. It changes nothing.
# Printing starts no process: on fifty hosts, processes would be most of the cost. So functions
# return their results in variables, because `$( )` is a process, too.
# `key:text` is one line of text. `key+text` is one more line of the last value of that key.
# `key=hex` holds bytes. So no text of a file or of a name can look like another key.
p() { printf '%s:%s\n' "$1" "${2%%"$nl"*}"; }
# Sets $near: the longest part of path $1 that exists.
near() { near=$1; while [ ! -e "$near" ] && [ "$near" != / ]; do case $near in */*) near=${near%/*} ;; *) near=/ ;; esac; near=${near:-/}; done; }
# Sets $line: the first line of a small file of the kernel.
first_line() { line=; { read -r line <"$1"; } 2>/dev/null; }
# Reads the items of read.sh in $1, one in each line. It reads them as the user of $uid $gid $groups
# $name, never with more rights.
read_as() { set -f; IFS=$nl; set -- $1; unset IFS; set +f; [ $# = 0 ] || act_joined sh -c "$reader" replctl "$@" </dev/null; }
