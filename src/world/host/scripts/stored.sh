# What a stopped server would load; put behind inner.sh. POSIX sh; only what busybox has. It changes nothing. $p is the data folder.
# $3 name of the snapshot  $4 name of the log of writes  $5 folder of its parts
cd "$p" || exit 1
# The log may be one file, or parts in a folder of their own. A snapshot at the beginning of the log holds no key if it is shorter than 513 bytes.
for f in "./$4" "./$5/$4".*; do
  case $f in *.manifest) continue ;; *.base.rdb) most=512 ;; *) most=0 ;; esac
  [ -f "$f" ] || continue
  bytes=$(stat -L -c %s "$f" 2>/dev/null) || bytes=
  if [ -z "$bytes" ] || [ "$bytes" -gt $most ]; then echo "log_of_writes:$f"; break; fi
done
# A snapshot that cannot be read may hold keys.
if [ -e "./$3" ]; then
  bytes=$(od -An -v -tx1 -N 4096 "./$3" 2>/dev/null) || bytes=3f
  printf 'dump='; printf %s $bytes; echo
fi
echo end:
