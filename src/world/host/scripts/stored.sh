# Prints what a stopped server would load. This text goes after inner.sh. It is POSIX sh, and uses
# only what busybox has. It changes nothing. $p is the data folder.
# $3 name of the snapshot  $4 name of the append-only file  $5 folder of its parts
cd "$p" || exit 1
begin() { bytes=$(od -An -v -tx1 -N 4096 "$2" 2>/dev/null) || bytes=3f; printf '%s=' "$1"; printf %s $bytes; echo; }
# Parts that cannot be listed may hold keys.
if [ -d "./$5" ] && { [ ! -r "./$5" ] || [ ! -x "./$5" ]; }; then echo "log_of_writes:./$5"; fi
# The append-only file may be one file, or parts in a folder of their own. It may begin with a
# snapshot, which is read.
for f in "./$4" "./$5/$4".*; do
  [ -f "$f" ] || continue
  case $f in *.manifest) continue ;; *.base.rdb) begin base "$f"; continue ;; esac
  bytes=$(stat -L -c %s "$f" 2>/dev/null) || bytes=
  if [ "$bytes" != 0 ]; then echo "log_of_writes:$f"; break; fi
done
# A snapshot that cannot be read may hold keys.
if [ -e "./$3" ]; then begin dump "./$3"; fi
echo end:
