# Makes the place for an upload, behind owner.sh, which has seen that it is root's alone. $1 directory  then pairs of name and sha256
# Where all of it is there already, and runs, it says `there` and the version.
d=$1; shift
umask 022
all=yes
while [ $# -ge 2 ]; do
  if [ ! -f "$d/$1" ]; then all=; break; fi
  x=$(sha256sum <"$d/$1"); [ "${x%% *}" = "$2" ] || { all=; break; }
  shift 2
done
if [ -n "$all" ]; then
  for l in redis-sentinel redis-check-rdb redis-check-aof; do ln -sfn redis-server "$d/$l" || all=; done
  if x=$("$d/redis-server" --version 2>/dev/null) && [ -n "$all" ]; then echo there; echo "$x"; exit 0; fi
fi
[ -d "$d" ] || mkdir -p "$d" || exit 1
for x in "$d"/.redis-*.*; do if [ -e "$x" ]; then rm -f "$x"; fi; done
echo wanted
