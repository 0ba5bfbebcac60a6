# Prints size, hash and name of each file that a stopped server loads. This text goes after
# inner.sh. It is POSIX sh, and uses only what busybox has. It changes nothing. $p is the data
# folder.
# $3 name of the snapshot  $4 name of the append-only file  $5 folder of its parts
# The owner of the folder reads the files, because a link there could lead root to other files. A
# copy without the target of a link would not be complete.
cd "$p" || exit 1
[ ! -L "./$5" ] || no "$p/$5 is a link, and what it leads to is not copied"
if [ -d "./$5" ] && { [ ! -r "./$5" ] || [ ! -x "./$5" ]; }; then no "$p/$5 cannot be read by $(id -un 2>/dev/null || id -u)"; fi
for f in "./$3" "./$4" "./$5/$4".*; do
  [ ! -L "$f" ] || no "$p/${f#./} is a link, and what it leads to is not copied"
  [ -e "$f" ] || continue
  [ -f "$f" ] || no "$p/${f#./} is no regular file"
  h=$(sha256sum <"$f") || exit 1
  bytes=$(wc -c <"$f") || exit 1
  echo "$((bytes)) ${h%% *} ${f#./}"
done
