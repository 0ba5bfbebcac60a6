# This text goes after owner.sh and said.sh, before the scripts that find out how a server is
# started. It is POSIX sh, uses only what busybox has, and changes nothing.
# become UID GID GROUPS(,): from here on, `act` has the rights of a server's user, never more. So it
# reads nothing that the user may not read.
become() {
  uid=$1
  if is_root && [ "$1" != 0 ]; then able; if [ $by_number = no ]; then account "$1"; fi; fi
  gid=$2 groups=
  IFS=,; for x in $3; do groups="$groups $x"; done; unset IFS
}
# Whether the files in $his_reads (of facts.sh) and in $its_reads (of service/facts.sh) need the
# same rights.
one_user() {
  is_root || return 0
  [ "$his_uid" = "$its_uid" ] || return 1
  [ "$his_uid" != 0 ] || return 0
  [ "$his_gid" = "$its_gid" ] || return 1
  for x in $his_groups; do case ,$its_groups, in *",$x,"*) ;; *) return 1 ;; esac; done
  groups=; IFS=,; for x in $its_groups; do groups="$groups $x"; done; unset IFS
  for x in $groups; do case " $his_groups " in *" $x "*) ;; *) return 1 ;; esac; done
}
