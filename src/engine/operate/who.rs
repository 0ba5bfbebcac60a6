//! Who works here, for the lock and the journal.

/// Who runs this: user@host.
pub fn who() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{}", user(), host.trim())
}

/// The name of the user this runs as, whatever the environment says; its number where it has no
/// name.
fn user() -> String {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(this) = std::fs::metadata("/proc/self") else {
        return "unknown".to_owned();
    };
    let uid = this.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut names = accounts.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    names.next().unwrap_or(uid)
}
