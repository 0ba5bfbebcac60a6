#!/bin/bash
# inside.sh debian|dnf — what check.sh does inside a system of its own. It is no use anywhere else: it makes users, and installs packages.
set -euo pipefail
export LC_ALL=C.UTF-8
cd /
fail() { echo "FAILED: $*" >&2; exit 1; }
holds() { printf '  holds: %s\n' "$*"; }
as() { su - op -c "$1"; } # as a user at a login shell, without rights
wants() { # WHAT FOUND WANTED...
  local what=$1 found=$2 each; shift 2
  for each in "$@"; do [[ $found = *"$each"* ]] || fail "$what: \`$each\` is not in: $found"; done
  holds "$what"
}
inventory='[deployment]
name = "orders"
auth = "none"
[[node]]
name = "alpha"
address = "127.0.0.1"
[[node]]
name = "beta"
address = "127.0.0.2"
replicaof = "alpha"'

people() {
  useradd -m -s /bin/bash op
  usermod -p '*' op # no password, and yet not locked: sshd refuses locked accounts
  echo "$inventory" >/home/op/inventory.toml; chown op: /home/op/inventory.toml
  chown -R op: /check/demo
}
# The words that bash, by its package for completions, offers for NODE.
in_bash() {
  as '. /usr/share/bash-completion/bash_completion; _completion_loader replctl; COMP_WORDS=(replctl promote ""); COMP_CWORD=2; COMP_TYPE=9
    _clap_complete_replctl replctl "" promote; printf "%s " "${COMPREPLY[@]}"'
}
demo() { # PROGRAM
  local said
  said=$(as "bash /check/demo/demo.sh up '$1'" 2>&1) || { echo "$said" | tail -n 40 >&2; fail "the demo"; }
  wants "the demo: setup, status, promote" "$said" 'is set up: master' 'NO PRIMARY' 'is the primary.' 'hello from the new primary'
  as "bash /check/demo/demo.sh down"
}

debian() {
  local said version=${1:?}
  grep -q '^11' /etc/debian_version || fail "this is no Debian 11"
  echo "  $(ldd --version | head -n 1)"
  # The tar.gz, by somebody without rights, in a home where nothing is.
  as 'mkdir -p ~/.config/fish'
  said=$(as 'sh /check/release/install.sh /check/release/replctl-*-x86_64-linux.tar.gz') || fail "install.sh: $said"
  wants "install.sh says what it did and how to undo it" "$said" "installed: replctl $version, as /home/op/.local/bin/replctl" "sh '/home/op/.local/share/replctl/install.sh' --uninstall"
  wants "replctl --version" "$(as 'command -v replctl; replctl --version')" /home/op/.local/bin/replctl "replctl $version"
  wants "man" "$(as 'man -w replctl-promote; man replctl | cat')" /home/op/.local/share/man/man1/replctl-promote.1 'EXIT STATUS'
  wants "TAB in bash" "$(in_bash)" 'beta alpha'
  # Debian 11's fish does not look into a home's folder for what packages bring: the line for it is said, and is put where it says.
  wants "install.sh knows that this fish looks elsewhere" "$said" 'add to ~/.config/fish/config.fish:' 'completions fish | source'
  sed -n 's/^  \(.* completions fish | source\)$/\1/p' <<<"$said" >/home/op/.config/fish/config.fish
  wants "TAB in fish" "$(as "fish -c 'complete --do-complete \"replctl promote \"'")" beta alpha
  wants "zsh finds its completion" "$(as "zsh -fc 'fpath=(~/.local/share/zsh/site-functions \$fpath); autoload -Uz compinit; compinit -D -u; print \$_comps[replctl]'")" _replctl
  demo /home/op/.local/bin/replctl
  as "sh ~/.local/share/replctl/install.sh --uninstall" >/dev/null
  said=$(find /home/op/.local -type f -not -path '*/.local/state/*' -not -path '*/share/fish/*' -not -path '*/share/man/*cat*')
  [ -z "$said" ] || fail "files are left after --uninstall: $said"
  holds "--uninstall removes all of it"
  # The package.
  dpkg -i /check/release/replctl_*_amd64.deb >/dev/null
  wants "dpkg -i" "$(dpkg -s replctl)" 'Status: install ok installed' "Version: $version"
  [ -z "$(dpkg --verify replctl)" ] || fail "dpkg --verify: $(dpkg --verify replctl)"
  wants "replctl --version, of the .deb" "$(as 'command -v replctl; replctl --version')" /usr/bin/replctl "replctl $version"
  wants "man, of the .deb" "$(as 'man -w replctl-promote')" /usr/share/man/man1/replctl-promote.1.gz
  wants "TAB in bash, of the .deb" "$(in_bash)" 'beta alpha'
  wants "zsh finds its completion, of the .deb" "$(as "zsh -fc 'autoload -Uz compinit; compinit -D -u; print \$_comps[replctl]'")" _replctl
  dpkg -r replctl >/dev/null
  [ ! -e /usr/bin/replctl ] || fail "dpkg -r left /usr/bin/replctl"
  holds "dpkg -r"
}

dnf_host() {
  local said version=${1:?} libc=/lib/x86_64-linux-gnu
  # A package that provides what this system's glibc does, as that of every distribution with rpm says of itself.
  {
    printf '%s\n' 'Name: glibc' "Version: $(ldd --version | sed -n '1s/.* //p')" 'Release: 1' 'Summary: what glibc provides here' 'License: LGPL' 'AutoReqProv: no' \
      'Provides: rtld(GNU_HASH)'
    printf "$libc/%s\n" libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 ld-linux-x86-64.so.2 | xargs readlink -f |
      /usr/lib/rpm/elfdeps --provides | sort -u | sed 's/^/Provides: /'
    printf '%s\n' '%description' 'what glibc provides here' '%files'
  } >/tmp/glibc.spec
  rpmbuild --quiet -bb --define '_topdir /tmp/rpm' --define '_rpmdir /srv/rpms' /tmp/glibc.spec >/tmp/rpm.log 2>&1 || fail "$(cat /tmp/rpm.log)"
  createrepo_c -q /srv/rpms
  mkdir -p /etc/yum.repos.d; printf '%s\n' '[here]' 'name=here' 'baseurl=file:///srv/rpms' 'gpgcheck=0' >/etc/yum.repos.d/here.repo
  said=$(dnf -y install /check/release/replctl-*.x86_64.rpm 2>&1) || fail "dnf install: $said"
  wants "dnf install, with glibc as the dependency that it asks for" "$said" 'replctl' 'glibc' 'Complete!'
  wants "what the .rpm requires" "$(rpm -q --requires replctl)" 'libc.so.6(GLIBC_2.17)(64bit)'
  said=$(rpm -V replctl) || fail "rpm -V: $said"
  wants "replctl --version, of the .rpm" "$(as 'command -v replctl; replctl --version')" /usr/bin/replctl "replctl $version"
  wants "man, of the .rpm" "$(as 'man -w replctl-promote')" /usr/share/man/man1/replctl-promote.1.gz
  wants "TAB in bash, of the .rpm" "$(in_bash)" 'beta alpha'
  demo /usr/bin/replctl
  dnf -y remove replctl >/dev/null 2>&1
  [ ! -e /usr/bin/replctl ] || fail "dnf remove left /usr/bin/replctl"
  holds "dnf remove"
}

people
set -- "${1:?}" "$(basename /check/release/replctl-*-x86_64-linux.tar.gz -x86_64-linux.tar.gz | sed 's/^replctl-//')"
case $1 in
  debian) debian "$2";;
  dnf) dnf_host "$2";;
  *) fail "what is $1?";;
esac
