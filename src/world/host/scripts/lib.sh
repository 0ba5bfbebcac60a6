# This text goes after owner.sh and sockets.sh, before the scripts that start and stop servers. It
# is POSIX sh, and uses only what busybox has.
nap() { sleep "${1:-0.1}" 2>/dev/null || sleep 1; }
# Whether systemd runs here and has unit $1, made by replctl or by others.
has_unit() { [ -d /run/systemd/system ] && has systemctl && { [ -f "/etc/systemd/system/$1" ] || [ "$(systemctl show -p LoadState -- "$1" 2>/dev/null)" = LoadState=loaded ]; }; }
# Whether process $1 exists and is not a zombie.
alive() {
  while read -r k v _; do
    if [ "$k" = State: ]; then case $v in [ZX]*) return 1 ;; *) return 0 ;; esac; fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}
