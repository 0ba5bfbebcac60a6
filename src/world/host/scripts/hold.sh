# Holds this host for one operation until standard input ends. Each line of the input says that the
# holder lives.
# $1 the holder  $2 `new`, `over` (ends holders of the name $3 first), or `again` (only if nobody
# else has held the host since)
# Each holder opens the file as its descriptor 9, and then looks for other holders. So of two
# holders at least one sees the other.
who=$1 how=$2 dead=$3; umask 077
# The shell itself reads what the kernel and a file say. A process for each would cost every host
# more than the rest of this script.
me= home=
while read -r k v _; do if [ "$k" = Uid: ]; then me=$v; break; fi; done 2>/dev/null </proc/$$/status
[ -n "$me" ] || me=$(id -u)
while IFS=: read -r _ _ u _ _ d _; do if [ "$u" = "$me" ]; then home=$d; break; fi; done 2>/dev/null </etc/passwd
f=$HOME/.replctl.lock
if [ "$me" = 0 ] && { [ -n "$SUDO_UID" ] || [ "$HOME" = "$home" ]; } && [ -d /run ]; then f=/run/replctl.lock; fi
{ true >>"$f"; } 2>/dev/null || { echo "none $f cannot be written"; exit; }
exec 9>>"$f"
# Only processes of our own user count as holders. Another user can open the file even without the
# right to write it, and would be in the way.
ours() {
  while read -r k v _; do if [ "$k" = Uid: ]; then [ "$v" = "$me" ]; return; fi; done 2>/dev/null <"/proc/$1/status"
  return 1
}
other() {
  for d in /proc/[0-9]*/fd/9; do
    [ "$d" -ef "$f" ] || continue
    p=${d#/proc/}; p=${p%%/*}
    [ "$p" != $$ ] || continue
    name=$(tr '\0' '\n' <"/proc/$p/cmdline" 2>/dev/null | sed -n '/^replctl:/{p;q;}')
    [ "$name" != "$who" ] && ours "$p" && [ "$d" -ef "$f" ] && return
  done
  p=; return 1
}
# Ends the holder, and its SSH session. If a replctl on this machine started the holder, there is no
# such session: above that replctl there is only the login of its operator.
end() {
  q=$p
  while [ "${q:-0}" -gt 1 ] && read -r c <"/proc/$q/comm"; do
    case $c in replctl*) break ;; sshd*|dropbear*) [ "/proc/$p/fd/9" -ef "$f" ] && kill -9 "$q"; break ;; esac
    q=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$q/status")
  done
  [ "/proc/$p/fd/9" -ef "$f" ] && ours "$p" && kill -9 "$p"
}
n=0
while [ "$how" = over ] && [ $n -lt 20 ] && other && [ "$name" = "$dead" ]; do
  end 2>/dev/null; n=$((n + 1)); sleep 0.1 2>/dev/null || sleep 1
done
read -r last <"$f"
if other; then
  age=0
  [ "$last" != "$name" ] || age=$(($(date +%s) - $(stat -c %Y "$f")))
  echo "taken $age ${name:-replctl:}"; exit
fi
if [ "$how" = again ] && [ "$last" != "$who" ]; then echo "taken 0 ${last:-replctl:}"; exit; fi
echo "$who" >"$f"
echo held
while read -r d; do echo "$who" 1<>"$f"; done
