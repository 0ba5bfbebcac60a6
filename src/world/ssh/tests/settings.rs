//! How the output of `ssh -G` becomes a target.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn options(config: &Path) -> Options {
    Options {
        ssh_config: Some(config.to_owned()),
        ..Options::default()
    }
}

fn in_config(text: &str, settings: &SshSettings, address: &str) -> Result<Target, SshError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, text).unwrap();
    resolve(&options(&file), settings, address)
}

const CONFIG: &str = "Host db*\n HostName %h.example.net\n User ops\n Port 2201\n IdentityFile ~/.ssh/%h-%r-%%\n IdentitiesOnly yes\n\
        UserKnownHostsFile /a /b\n GlobalKnownHostsFile /c\n HashKnownHosts yes\n StrictHostKeyChecking yes\n HostKeyAlias alias\n\
        IdentityAgent /run/agent\n ProxyJump jim@[::2]:22022,ssh://gate,plain:2022\n\
        Match user special\n Port 999\n";

#[test]
fn the_configuration_counts() {
    let target = in_config(CONFIG, &SshSettings::default(), "db1").unwrap();
    assert_eq!(
        (target.host.as_str(), target.port, target.user.as_str()),
        ("db1.example.net", 2201, "ops")
    );
    assert_eq!(target.known_as, "alias");
    let home = etcetera::home_dir().unwrap();
    assert_eq!(
        target.identity_files,
        [home.join(".ssh/db1.example.net-ops-%")]
    );
    assert!(target.identities_only && target.hash_known_hosts && target.strict);
    assert_eq!(target.user_known_hosts, [PathBuf::from("/a"), "/b".into()]);
    assert_eq!(target.global_known_hosts, [PathBuf::from("/c")]);
    assert_eq!(target.agent, Some("/run/agent".into()));
    let jump = |user: Option<&str>, host: &str, port| Jump {
        host: host.to_owned(),
        user: user.map(str::to_owned),
        port,
    };
    assert_eq!(
        target.jumps,
        [
            jump(Some("jim"), "::2", Some(22022)),
            jump(None, "gate", None),
            jump(None, "plain", Some(2022))
        ]
    );
}

#[test]
fn the_inventory_overrides_it() {
    let home = etcetera::home_dir().unwrap();
    let settings = SshSettings {
        host: Some("db2".to_owned()),
        user: Some("special".to_owned()),
        port: Some(2299),
        identity_files: vec!["~/mine".into()],
        known_hosts: Some("/mine".into()),
        sudo: Some(true),
        transport: None,
    };
    let target = in_config(CONFIG, &settings, "10.0.0.1").unwrap();
    assert_eq!(
        (target.host.as_str(), target.port, target.user.as_str()),
        ("db2.example.net", 2299, "special")
    );
    assert_eq!(target.identity_files, [home.join("mine")]);
    assert_eq!(
        (target.user_known_hosts, target.global_known_hosts),
        (vec![PathBuf::from("/mine")], vec![])
    );
    assert_eq!(target.sudo, Some(true));
    // The user of the inventory decides which blocks of the configuration apply.
    let settings = SshSettings {
        user: Some("special".to_owned()),
        ..SshSettings::default()
    };
    assert_eq!(
        in_config("Match user special\n Port 999\n", &settings, "h")
            .unwrap()
            .port,
        999
    );
}

#[test]
fn defaults() {
    let target = in_config("", &SshSettings::default(), "[fe80::1]").unwrap();
    assert_eq!((target.host.as_str(), target.port), ("fe80::1", 22));
    assert_eq!(target.known_as, "fe80::1");
    assert!(target.jumps.is_empty() && !target.strict && !target.hash_known_hosts);
    assert!(
        target
            .identity_files
            .iter()
            .any(|f| f.ends_with(".ssh/id_ed25519"))
    );
    assert!(target.user_known_hosts[0].ends_with(".ssh/known_hosts"));
    let plain = without_openssh("h");
    assert_eq!((plain.host.as_str(), plain.port), ("h", 22));
    assert!(
        plain.user_known_hosts[0].ends_with(".ssh/known_hosts") && plain.identity_files.len() == 3
    );
    assert!(!plain.user.is_empty());
}

#[test]
fn what_cannot_be_used_is_said() {
    let none = SshSettings::default();
    let command = "ProxyCommand nc %h %p %n %r %%\nUser ann\nPort 7\n";
    let target = in_config(command, &none, "h").unwrap();
    assert_eq!(target.proxy.as_deref(), Some("nc h 7 h ann %"));
    // Variables belong to the command's shell. As text, their values would become part of the
    // command.
    let target = in_config("ProxyCommand nc ${HOME}\n", &none, "h").unwrap();
    assert_eq!(target.proxy.as_deref(), Some("nc ${HOME}"));
    let error = in_config("ProxyCommand nc %i\n", &none, "h").unwrap_err();
    assert!(error.to_string().contains("ssh has no token %i"), "{error}");
    let error = in_config("UserKnownHostsFile /a b\n", &none, "h").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not tell where a name ends"),
        "{error}"
    );
    for user in ["$(touch x)", "a`b", "a;b"] {
        let settings = SshSettings {
            user: Some(user.to_owned()),
            ..SshSettings::default()
        };
        let target = in_config("ProxyCommand nc %r\n", &settings, "h");
        assert_eq!(target.unwrap_err().kind, SshErrorKind::Config, "{user}");
    }
    let error = in_config("ProxyUseFdpass yes\n", &none, "h").unwrap_err();
    assert!(
        error.to_string().contains("transport = \"openssh\""),
        "{error}"
    );
    let error = in_config("Prot 22\n", &none, "h").unwrap_err();
    assert!(
        error.to_string().contains("Prot") || error.to_string().contains("prot"),
        "{error}"
    );
    for name in ["", "-x", "a b", "a\nb"] {
        assert_eq!(
            in_config("", &none, name).unwrap_err().kind,
            SshErrorKind::Config,
            "{name:?}"
        );
    }
    // This takes longer than any limit that a busy machine would break.
    let target = in_config("Match exec \"sleep 4\"\n Port 1\n", &none, "h");
    assert_eq!(target.unwrap().port, 1);
}
