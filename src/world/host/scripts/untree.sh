# Removes the directory of a node with everything in it. $1 DIRECTORY/PORT, as replctl makes it
case ${1##*/} in '' | *[!0-9]*) echo "$1 is no directory of a node" >&2; exit 1 ;; esac
[ -d "$1" ] || exit 0
if is_root; then walk "${1%/*}"; [ "$who" = 0 ] || no "$why is not root's alone"; fi
here=$(cd "$1" && pwd -P) || exit 1
# A server that works there would continue without its files, and write some of them again. This
# compares the folder itself: in another root folder, the same name may mean another folder.
for p in /proc/[0-9]*; do
  if [ "$p/cwd/" -ef "$here/" ]; then
    # Its arguments may hold a password.
    echo "process ${p##*/} ($(head -n 1 "$p/comm" 2>/dev/null | tr -cd ' -~')) works in $1" >&2; exit 1
  fi
done
# The owner of the folder removes its contents, because the owner could put a link there for root
# meanwhile. If the folder is a link or a mount point, the empty folder behind it stays.
EMPTY='cd -P "$1" || exit 1
[ "$(pwd -P)" = "$1" ] || exit 1
for f in ./* ./.[!.]* ./..?*; do if [ -e "$f" ] || [ -L "$f" ]; then rm -rf "$f" || exit 1; fi; done'
if is_root; then walk "$here/."; uid=$who; [ "$uid" != others ] || no "others than root may write in $why"; account "$uid"; fi
act sh -c "$EMPTY" sh "$here" || exit 1
if [ -L "$1" ]; then rm -f "$1"; else rmdir "$1" 2>/dev/null || [ -z "$(ls -A "$1")" ]; fi
