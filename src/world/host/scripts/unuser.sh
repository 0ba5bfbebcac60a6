# Removes a user that replctl made, unless its data directory is still there. $1 name  $2 directory
[ -d "$2" ] && exit 0
# Other nodes of this host run as this user, or will run as this user.
for c in "${2%/*}"/*/conf; do if [ -d "$c" ]; then exit 0; fi; done
u=$1; PATH=$PATH:/usr/sbin:/sbin; export PATH
uid=$(id -u "$u" 2>/dev/null) || exit 0
if ls -ldn /proc/[0-9]* 2>/dev/null | awk -v u="$uid" '$3 == u { f = 1 } END { exit !f }'; then exit 0; fi
if command -v userdel >/dev/null 2>&1; then userdel "$u" || exit 1
elif command -v deluser >/dev/null 2>&1; then deluser "$u" || exit 1
else
  for f in /etc/passwd /etc/group /etc/shadow; do
    [ -f $f ] || continue
    cp -p $f $f.replctl-new && grep -v "^$u:" $f >$f.replctl-new && mv $f.replctl-new $f || exit 1
  done
fi
