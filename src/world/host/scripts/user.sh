# Makes a system user. $1 name
u=$1; PATH=$PATH:/usr/sbin:/sbin; export PATH
id -u "$u" >/dev/null 2>&1 && exit 0
shell=/bin/false; [ -x /usr/sbin/nologin ] && shell=/usr/sbin/nologin
if command -v useradd >/dev/null 2>&1; then
  group=-U
  while IFS=: read -r g _; do if [ "$g" = "$u" ]; then group="-g $u"; break; fi; done </etc/group
  said=$(useradd -r $group -M -d /nonexistent -s $shell "$u" 2>&1) && exit 0
elif command -v adduser >/dev/null 2>&1; then
  grep -q "^$u:" /etc/group || addgroup -S "$u"
  said=$(adduser -S -D -H -h /nonexistent -s $shell -G "$u" "$u" 2>&1)
else
  n=999; while [ $n -gt 100 ] && grep -qE "^[^:]*:[^:]*:$n:" /etc/passwd /etc/group; do n=$((n - 1)); done
  echo "$u:x:$n:" >>/etc/group
  if [ -f /etc/shadow ]; then echo "$u:!:19000::::::" >>/etc/shadow; fi
  echo "$u:x:$n:$n::/nonexistent:$shell" >>/etc/passwd
fi
# Another run may have made the user first.
id -u "$u" >/dev/null 2>&1 || { echo "${said:-the user was not created}" >&2; exit 1; }
