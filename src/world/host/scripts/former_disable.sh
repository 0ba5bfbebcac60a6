# Keeps a unit from starting at boot. It removes the links, which are pairs after the unit, and
# nothing else: `systemctl disable` would also remove a unit that is itself a link. Then it sees that
# nothing else starts the unit.
# $1 unit  $2 link  $3 its target  …
unit=$1; shift
while [ $# -gt 1 ]; do
  if [ -L "$1" ]; then
    [ "$(readlink "$1")" = "$2" ] || { echo "the target of $1 has changed meanwhile" >&2; exit 1; }
    rm -f "$1" || exit 1
  fi
  shift 2
done
systemctl daemon-reload || exit 1
case $(systemctl is-enabled "$unit" 2>/dev/null) in enabled*) echo "$unit is still started at boot" >&2; exit 1 ;; esac
text=$(systemctl show -p WantedBy,RequiredBy,UpheldBy,BoundBy,TriggeredBy -- "$unit") || exit 1
case $text in *WantedBy=*) ;; *) echo "systemd does not say what starts $unit" >&2; exit 1 ;; esac
by=$(printf '%s\n' "$text" | sed -n 's/^[A-Za-z]*=\(.\)/\1/p' | tr '\n' ' ')
if [ -n "$by" ]; then echo "$unit is still started at boot, by ${by% }" >&2; exit 1; fi
echo "nothing starts $unit at boot"
