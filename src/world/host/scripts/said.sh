# How a look tells what it has seen; put behind owner.sh. It changes nothing. No process is started to tell something: on fifty hosts those would be
# most of what a look costs. So functions leave what they have found in variables: `$( )` is a process, too.
# `key:text` is one line of text; `key+text` is one more line of the value that was told last; `key=hex` are bytes. So nothing that stands in a file
# or in a name can be taken for another key.
p() { printf '%s:%s\n' "$1" "${2%%"$nl"*}"; }
# What is there of a path: in $near.
near() { near=$1; while [ ! -e "$near" ] && [ "$near" != / ]; do case $near in */*) near=${near%/*} ;; *) near=/ ;; esac; near=${near:-/}; done; }
# The first line of a small file of the kernel's: in $line.
first_line() { line=; { read -r line <"$1"; } 2>/dev/null; }
# Reads what stands in $1, an item of read.sh in each line, with $uid $gid $groups $name: as that user, never with more rights.
read_as() { set -f; IFS=$nl; set -- $1; unset IFS; set +f; [ $# = 0 ] || act_joined sh -c "$reader" replctl "$@" </dev/null; }
