# Checks that nobody has changed the data of a server since it was copied. This text goes after
# owner.sh. It changes nothing.
# $1 from  $2 to  $3 name of the snapshot in $1  $4 its name in $2  $5 append-only file or directory,
# or empty
from=$1 to=$2 dump=$3 copied=$4 appended=$5
same() {
  [ -f "$1" ] && [ -f "$2" ] || no "$1 or its copy is not there any more"
  [ "$1" -nt "$2" ] && no "$1 has changed since it was copied: the former server has run meanwhile"
  return 0
}
same "$from/$dump" "$to/$copied"
if [ -n "$appended" ] && [ -d "$from/$appended" ]; then
  # Only files are copied.
  for f in "$from/$appended"/*; do [ -f "$f" ] || continue; same "$f" "$to/$appended/${f##*/}"; done
  for f in "$to/$appended"/*; do [ -f "$f" ] || continue; same "$from/$appended/${f##*/}" "$f"; done
elif [ -n "$appended" ]; then same "$from/$appended" "$to/$appended"
fi
echo "as it was copied"
