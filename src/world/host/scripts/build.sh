# Unpacks a source tarball, builds it, and makes links to the programs, as in the tutorial.
# $1 tarball  $2 its sha256  $3 directory  $4 directory of the links
tarball=$1 sha=$2 directory=$3 into=$4
umask 022
# Another node of the same host may build it at this moment. Then this one waits, and finds the
# build done. (Busybox's flock has no -w.)
if command -v flock >/dev/null 2>&1; then
  exec 9<"$directory"
  flock 9 || { echo "$directory cannot be locked" >&2; rm -f "$tarball"; exit 1; }
fi
if "$into/redis-server" --version 2>/dev/null; then rm -f "$tarball"; exit 0; fi
done_with() { rm -f "$tarball"; }
fail() { echo "$1" >&2; done_with; exit 1; }
[ "$(sha256sum <"$tarball" | cut -d' ' -f1)" = "$sha" ] || fail "the tarball did not arrive whole"
for t in make cc tar; do command -v $t >/dev/null 2>&1 || fail "there is no $t to build with"; done
case $tarball in *.xz) open="xz -dc" ;; *.bz2) open="bzip2 -dc" ;; *.tar) open="cat" ;; *) open="gzip -dc" ;; esac
top=$($open <"$tarball" | tar -tf - | head -n 1 | cut -d/ -f1)
case $top in '' | . | ..) fail "the tarball has no folder of its own" ;; esac
mkdir -p "$directory" && $open <"$tarball" | tar -xf - -C "$directory" || fail "it could not be unpacked"
done_with
n=$(nproc 2>/dev/null || echo 1)
said=$(make -C "$directory/$top" -j"$n" 2>&1) || { printf '%s\n' "$said" | tail -n 12 >&2; exit 1; }
mkdir -p "$into" || exit 1
for p in server cli; do
  for f in redis valkey; do
    if [ -x "$directory/$top/src/$f-$p" ]; then ln -sfn "$directory/$top/src/$f-$p" "$into/redis-$p"; break; fi
  done
done
"$into/redis-server" --version
