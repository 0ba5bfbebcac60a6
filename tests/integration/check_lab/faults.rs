//! The planted faults, each with what fixes it.

/// How a fault is fixed.
pub enum Remedy {
    /// By the command that `check` prints.
    Paste,
    /// The same, and then this on the host: what counts from the next start only.
    PasteAnd(&'static str),
    /// By this command on the server.
    Ask(&'static [&'static str]),
    /// By this on the host, because no command can know it, or the lab has no such thing.
    Inside(&'static str),
}

/// A fault on a host: its code, the host, what makes it, and how it is fixed.
pub type Fault = (&'static str, &'static str, &'static str, Remedy);

const RESTART: &str = "systemctl restart replctl-6379 && sleep 1";

/// Faults that a line of sh on the host makes.
pub const ON_HOSTS: [Fault; 19] = [
    (
        "overcommit",
        "slave1",
        "echo 0 >/proc/sys/vm/overcommit_memory",
        Remedy::Paste,
    ),
    (
        "huge-pages",
        "slave1",
        "echo '[always] madvise never' >/sys/kernel/mm/transparent_hugepage/enabled",
        Remedy::Paste,
    ),
    (
        "listen-backlog",
        "slave2",
        "echo 128 >/proc/sys/net/core/somaxconn",
        Remedy::Paste,
    ),
    (
        "port-ephemeral",
        "master",
        "echo 1024 60999 >/proc/sys/net/ipv4/ip_local_port_range",
        Remedy::Paste,
    ),
    (
        "open-files",
        "slave1",
        "mkdir -p /etc/systemd/system/replctl-6379.service.d && cd /etc/systemd/system/replctl-6379.service.d && \
         printf '[Service]\\nLimitNOFILE=512\\n' >10-few.conf && systemctl daemon-reload && systemctl restart replctl-6379 && sleep 1",
        Remedy::PasteAnd(RESTART),
    ),
    (
        "folder-closed",
        "slave1",
        "chown root:root /db/redis/6379 && chmod 755 /db/redis/6379",
        Remedy::Paste,
    ),
    (
        "folder-open",
        "slave1",
        "chmod o+w /db/redis/6379",
        Remedy::Paste,
    ),
    (
        "config-readable",
        "slave2",
        "chmod o+rx /db /db/redis /db/redis/6379 /db/redis/6379/conf && chmod o+r /db/redis/6379/conf/redis.cnf",
        Remedy::Paste,
    ),
    (
        "name-elsewhere",
        "master",
        "echo '192.168.0.140 other slave1 more' >>/etc/hosts",
        Remedy::Paste,
    ),
    (
        "clock-off",
        "slave2",
        "printf '#!/bin/sh\\nx=$(/bin/date \"$@\")\\ncase $x in *[!0-9]*) echo \"$x\" ;; *) echo $((x + 60)) ;; esac\\n' >/usr/local/bin/date && chmod 755 /usr/local/bin/date",
        Remedy::Inside("rm /usr/local/bin/date"),
    ),
    (
        "swapped",
        "slave1",
        "p=$(systemctl show -p MainPID --value replctl-6379); sed 's/^VmSwap:.*/VmSwap: 4096 kB/' /proc/$p/status >/run/status && mount --bind /run/status /proc/$p/status",
        Remedy::Inside("umount /proc/$(systemctl show -p MainPID --value replctl-6379)/status"),
    ),
    (
        "disk-room",
        "slave2",
        "cp -a /db/redis/6379 /run/kept && mount -t tmpfs -o size=64M none /db/redis/6379 && cp -a /run/kept/. /db/redis/6379/ && \
         chown --reference=/run/kept /db/redis/6379 && chmod --reference=/run/kept /db/redis/6379 && { dd if=/dev/zero of=/db/redis/6379/full bs=1M count=62 2>/dev/null || true; }",
        Remedy::Inside("rm /db/redis/6379/full"),
    ),
    (
        "read-only-disk",
        "slave2",
        "mount -o remount,ro /db/redis/6379",
        Remedy::PasteAnd("umount /db/redis/6379"),
    ),
    (
        "noexec",
        "slave1",
        "cp -a /db/redis/server /run/server && mount -t tmpfs -o size=64M,noexec,mode=755 none /db/redis/server && cp -a /run/server/. /db/redis/server/",
        Remedy::PasteAnd("umount /db/redis/server"),
    ),
    (
        "reboot-forecast",
        "slave1",
        "systemctl disable replctl-6379 2>/dev/null",
        Remedy::Inside("systemctl enable replctl-6379 2>/dev/null"),
    ),
    (
        "one-host",
        "",
        "echo one >/run/boot && mount --bind /run/boot /proc/sys/kernel/random/boot_id",
        Remedy::Inside("umount /proc/sys/kernel/random/boot_id"),
    ),
    (
        "unreachable",
        "slave2",
        "systemctl stop replctl-6379",
        Remedy::Inside("systemctl start replctl-6379 && sleep 1"),
    ),
    (
        "no-way",
        "slave1",
        "ip route add prohibit 192.168.0.140/32 2>/dev/null || ip route add unreachable 192.168.0.140/32",
        Remedy::Inside("ip route del 192.168.0.140/32"),
    ),
    (
        "host-unseen",
        "slave2",
        "mv /root/.ssh /root/.gone",
        Remedy::Inside("mv /root/.gone /root/.ssh"),
    ),
];

/// Faults that a command on a server makes.
pub const ON_SERVERS: [(&str, &str, &[&str], Remedy); 12] = [
    (
        "memory-of-host",
        "slave1",
        &["CONFIG", "SET", "maxmemory", "900gb"],
        Remedy::Paste,
    ),
    (
        "settings-differ",
        "slave1",
        &["CONFIG", "SET", "maxmemory", "1gb"],
        Remedy::Paste,
    ),
    (
        "settings-differ",
        "slave1",
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
        Remedy::Paste,
    ),
    (
        "min-replicas",
        "master",
        &["CONFIG", "SET", "min-replicas-to-write", "2"],
        Remedy::Ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]),
    ),
    (
        "nothing-saved",
        "master",
        &["CONFIG", "SET", "save", ""],
        Remedy::Paste,
    ),
    (
        "timeout-short",
        "slave2",
        &["CONFIG", "SET", "repl-timeout", "5"],
        Remedy::Paste,
    ),
    (
        "writable-replica",
        "slave1",
        &["CONFIG", "SET", "replica-read-only", "no"],
        Remedy::Paste,
    ),
    (
        "priority-0",
        "slave1",
        &["CONFIG", "SET", "replica-priority", "0"],
        Remedy::Paste,
    ),
    (
        "drift",
        "slave1",
        &["CONFIG", "SET", "repl-ping-replica-period", "7"],
        Remedy::Paste,
    ),
    (
        "replica-auth-missing",
        "master",
        &["CONFIG", "SET", "masterauth", ""],
        Remedy::Paste,
    ),
    (
        "memory-limit",
        "slave2",
        &["CONFIG", "SET", "maxmemory", "100kb"],
        Remedy::Ask(&["CONFIG", "SET", "maxmemory", "0"]),
    ),
    (
        "upstream-unknown",
        "slave2",
        &["REPLICAOF", "192.168.1.130", "6379"],
        Remedy::Paste,
    ),
];
