#!/bin/bash
# demo.sh up [PROGRAM]|down — replctl at work on this machine, as whoever calls it; root is not needed.
#
# up: installs what is missing, builds the server that replctl carries and replctl itself, starts three SSH servers on ports of 127.0.0.1, and
#     plays an operator's session on them: setup, status, a write and a read, the loss of the primary, promote. The deployment stays up.
#     With PROGRAM, a replctl that is built already, nothing is installed or built.
# down: ends it and removes demo/run, the only folder it touches beside target/ and payload/.
set -euo pipefail
here=$(dirname "$(realpath "$0")") repo=$(realpath "$(dirname "$(realpath "$0")")/..")
run=$here/run me=$(id -un)
names=(master slave1 slave2)
die() { echo "demo: $*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# ---------------------------------------------------------------------------------------------------------------- down
# Our processes: those that run a program of our folder, and the sshds that have their configuration there.
ours() {
  local p
  for p in /proc/[0-9]*; do
    case $(readlink "$p/exe" 2>/dev/null || true) in "$run"/*) echo "${p#/proc/}"; continue;; esac
    case $(tr '\0' ' ' <"$p/cmdline" 2>/dev/null || true) in *sshd*" -f $run/ssh/"*) echo "${p#/proc/}";; esac
  done 2>/dev/null
}

down() {
  local unit pids p
  [ -d "$run" ] || return 0
  # Where the caller is root and systemd runs, setup made units.
  for unit in $(grep -lsF "$run/" /etc/systemd/system/*.service 2>/dev/null || true); do
    as_root systemctl -q disable --now "$(basename "$unit")" || true; as_root rm -f "$unit"; as_root systemctl daemon-reload
  done
  cd /
  mapfile -t pids < <(ours)
  for p in "${pids[@]}"; do kill -TERM "$p" 2>/dev/null || true; done
  for _ in $(seq 100); do [ -n "$(ours)" ] || break; sleep .05; done
  mapfile -t pids < <(ours)
  for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
  rm -rf "$run"
}

# ---------------------------------------------------------------------------------------------------------------- hosts
free_port() { # below the ports the kernel takes outgoing connections from
  local p
  while :; do p=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }; done
}

start_host() { # NAME: an sshd of the caller, left running; sets ssh_port
  local h=$run/ssh/$1 sftp=internal-sftp pam=no f
  mkdir -p "$h"; ssh-keygen -q -t ed25519 -N '' -C "demo $1" -f "$h/hostkey"
  for f in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server; do [ ! -x $f ] || sftp=$f; done
  # Without PAM, sshd lets nobody in whose account has a locked password, as root's has on some installations.
  ! grep -qs '^root:!' /etc/shadow || pam=yes
  for _ in 1 2 3 4 5 6 7 8; do
    ssh_port=$(free_port)
    printf '%s\n' 'ListenAddress 127.0.0.1' "Port $ssh_port" "HostKey \"$h/hostkey\"" "PidFile \"$h/pid\"" "AuthorizedKeysFile \"$run/ssh/key.pub\"" \
      'AuthenticationMethods publickey' "UsePAM $pam" 'StrictModes no' 'PrintMotd no' 'PrintLastLog no' 'MaxStartups 100' \
      'PermitRootLogin prohibit-password' "AllowUsers $me" "Subsystem sftp $sftp" >"$h/config"
    (cd / && setsid "$sshd" -f "$h/config" -E "$h/log" </dev/null >/dev/null 2>&1) || continue
    for _ in $(seq 100); do [ ! -s "$h/pid" ] || break; sleep .02; done
    [ ! -s "$h/pid" ] || { echo "[127.0.0.1]:$ssh_port $(cut -d' ' -f1,2 "$h/hostkey.pub")" >>"$run/ssh/known_hosts"; return; }
  done
  die "sshd does not start: $(tail -n 3 "$h/log")"
}

inventory() { # writes it, and starts the hosts it names
  local name port used=' '
  printf '%s\n' '# Written by make demo: three nodes on this machine, each behind an SSH server of its own.' '[deployment]' 'name = "demo"' \
    'password = { file = "password" }' '' '[ssh]' "user = \"$me\"" "identity_file = \"$run/ssh/key\"" "known_hosts = \"$run/ssh/known_hosts\"" \
    'sudo = false' '' '[server]' 'source = "embedded"' "directory = \"$run/db\"" "user = \"$me\""
  for name in "${names[@]}"; do
    start_host "$name"
    port=$(free_port); while [[ $used = *" $port "* ]]; do port=$(free_port); done; used+="$port "
    printf '%s\n' '' '[[node]]' "name = \"$name\"" 'address = "127.0.0.1"' "port = $port"
    [ "$name" = master ] || echo 'replicaof = "master"'
    printf '%s\n' '[node.ssh]' "port = $ssh_port"
    echo "$name $port" >>"$run/ports"
  done
}
port_of() { awk -v n="$1" '$1 == n { print $2 }' "$run/ports"; }

# -------------------------------------------------------------------------------------------------------------- session
# Shows a line as typed at a shell, and runs it; CODES are the exit codes it may have.
show() { # CODES LINE
  local codes=$1 code=0
  printf '\n%s$ %s%s\n' "$bold" "$2" "$plain"
  eval "$2" || code=$?
  case " $codes " in *" $code "*) ;; *) die "that ended with exit code $code, not $codes (what runs is left up; make demo-down removes it)";; esac
}
remark() { printf '\n%s# %s%s\n' "$dim" "$*" "$plain"; }

lose_the_primary() { # a unit of systemd's would start it again: then that is what ends it
  local home pid unit
  home=$run/db/$(port_of master)
  unit=$(grep -lsF "$home/" /etc/systemd/system/*.service 2>/dev/null || true)
  if [ -n "$unit" ]; then unit=$(basename "$unit"); show 0 "systemctl kill -s KILL $unit; systemctl stop $unit"; return; fi
  pid=$(cat "$home/pid/"*.pid)
  [[ $'\n'$(ours)$'\n' = *$'\n'"$pid"$'\n'* ]] || die "process $pid is not the demo's"
  show 0 "kill -9 $pid"
}

build() {
  "$repo/scripts/need" demo
  echo "demo: building the server that replctl carries (the first time takes a few minutes)" >&2
  make -s --no-print-directory -C "$repo" server >&2
  echo "demo: building replctl" >&2
  (cd "$repo" && OPENSSL_NO_VENDOR=1 cargo build --release --locked --quiet)
}

up() {
  local started=$SECONDS bold='' dim='' plain='' ssh_port master slave1
  [ ! -t 1 ] || [ -n "${NO_COLOR:-}" ] || { bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; }
  PATH=$PATH:${HOME:-/root}/.cargo/bin:/usr/sbin:/sbin
  [[ $run != *[\"\\\ ]* ]] || die "the path of the repository has a space, a quote or a backslash in it: $run"
  local program=${1:-}
  if [ -n "$program" ]; then
    [ -x "$program" ] || die "$program is no program"
    program=$(realpath "$program")
  else
    build
    program=$(realpath "${CARGO_TARGET_DIR:-$repo/target}")/release/replctl
  fi
  down
  umask 077
  mkdir -p "$run/ssh" "$run/bin"
  sshd=$(command -v sshd)
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd    # of the distribution's: sshd started by root wants it
  head -c 24 /dev/urandom | base64 | tr -d '\n' >"$run/password"; echo >>"$run/password"
  ssh-keygen -q -t ed25519 -N '' -C 'demo' -f "$run/ssh/key"
  inventory >"$run/inventory.toml"
  ln -s "$program" "$run/bin/replctl"
  # The journal stays in our folder as well.
  printf '%s\n' "export REPLCTL_INVENTORY='$run/inventory.toml'" "export XDG_STATE_HOME='$run/state'" \
    "REDISCLI_AUTH=\$(cat '$run/password'); export REDISCLI_AUTH" "export PATH='$run/bin':\"\$PATH\"" >"$run/env"
  # shellcheck source=/dev/null
  . "$run/env"; hash -r
  cd "$here"
  master=$(port_of master) slave1=$(port_of slave1)

  remark 'three hosts that have an SSH server and nothing else; their inventory is demo/run/inventory.toml'
  printf '\n%s$ source demo/run/env%s\n' "$bold" "$plain"
  show 0 'replctl setup --yes'
  show 0 'replctl status'
  remark 'a write on the primary, and the same read on a replica'
  replctl server --extract "$run/bin" >/dev/null
  show 0 "redis-cli -p $master set greeting 'hello from the primary'"
  show 0 "redis-cli -p $master wait 2 2000"
  show 0 "redis-cli -p $slave1 get greeting"
  remark 'the primary is lost'
  lose_the_primary
  show 4 'replctl status'
  remark 'slave1 takes over'
  show 0 'replctl promote slave1 --yes'
  show '0 4' 'replctl status'
  show 0 "redis-cli -p $slave1 get greeting"
  show 0 "redis-cli -p $slave1 set greeting 'hello from the new primary'"
  [ "$(redis-cli -p "$slave1" get greeting)" = 'hello from the new primary' ] || die "slave1 does not take writes"
  cat <<T

The deployment is up ($((SECONDS - started)) s). Play on:
  source demo/run/env
  replctl status
  replctl rejoin master           # brings the lost node back as a replica, with what only it has backed up
  replctl promote master          # and makes it the primary again, without losing a write
  redis-cli -p $slave1 info replication
Remove it:
  make demo-down
T
}

case ${1:-} in
  up) up "${2:-}";;
  down) down;;
  *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2;;
esac
