//! How a node's server is run, by its `[[node]]`, for cases that replctl cannot see or sees wrong:
//! `managed`, `unit`, `config_file`. Pure.

use super::place::Problems;
use super::section::Section;

/// How a node's server is run, as far as the inventory says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceSettings {
    /// `managed`: whether replctl made it; `None`: decided by its unit or the stamp in its file.
    pub managed: Option<bool>,
    /// `unit`: the systemd unit that starts it.
    pub unit: Option<String>,
    /// `config_file`: the configuration file that its next start reads. Absolute.
    pub config_file: Option<String>,
}

/// The longest name of a unit that systemd takes, in bytes.
const LONGEST: usize = 255;

/// Reads the keys of a node.
pub fn read(section: &Section, problems: &mut Problems) -> ServiceSettings {
    let managed = section
        .get("managed")
        .and_then(|_| section.boolean(problems, "managed"));
    ServiceSettings {
        managed: managed.map(|found| found.value),
        unit: unit(section, problems),
        config_file: config_file(section, problems),
    }
}

fn unit(section: &Section, problems: &mut Problems) -> Option<String> {
    section.get("unit")?;
    let found = section.filled(problems, "unit")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let stem = found.value.strip_suffix(".service");
    let good = stem.is_some_and(|s| {
        !s.is_empty() && !s.starts_with('-') && s.bytes().all(plain) && !s.ends_with('@')
    });
    if good && found.value.len() <= LONGEST {
        return Some(found.value.to_owned());
    }
    let what = format!(
        "`unit` {} is no systemd service: `{}`",
        section.called, found.value
    );
    problems.hinted(
        found.at,
        what,
        "for example, `unit = \"redis-server.service\"`",
    );
    None
}

fn config_file(section: &Section, problems: &mut Problems) -> Option<String> {
    section.get("config_file")?;
    let found = section.filled(problems, "config_file")?;
    let part = |p: &str| p == "." || p == "..";
    let wrong = if !found.value.starts_with('/') || found.value.ends_with('/') {
        "is no absolute path of a file"
    } else if found.value.chars().any(char::is_control) || found.value.split('/').any(part) {
        "has `.`, `..` or a control character in it"
    } else {
        return Some(found.value.to_owned());
    };
    let what = format!(
        "`config_file` {} {wrong}: `{}`",
        section.called, found.value
    );
    problems.hinted(
        found.at,
        what,
        "for example, `config_file = \"/etc/redis/redis.conf\"`",
    );
    None
}
