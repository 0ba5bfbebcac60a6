# Put behind owner.sh and said.sh, before the scripts that look at a server as it is run. POSIX sh; only what busybox has. It changes nothing.
# become UID GID GROUPS(,) — what `act` runs from here on has the rights of a server's user, never more: what that user may not read is not read for it.
become() {
  uid=$1
  if is_root && [ "$1" != 0 ]; then able; if [ $by_number = no ]; then account "$1"; fi; fi
  gid=$2 groups=
  IFS=,; for x in $3; do groups="$groups $x"; done; unset IFS
}
# Whether what facts.sh leaves to be read and what service/facts.sh does are read with the same rights.
one_user() {
  is_root || return 0
  [ "$his_uid" = "$its_uid" ] || return 1
  [ "$his_uid" != 0 ] || return 0
  [ "$his_gid" = "$its_gid" ] || return 1
  for x in $his_groups; do case ,$its_groups, in *",$x,"*) ;; *) return 1 ;; esac; done
  groups=; IFS=,; for x in $its_groups; do groups="$groups $x"; done; unset IFS
  for x in $groups; do case " $his_groups " in *" $x "*) ;; *) return 1 ;; esac; done
}
