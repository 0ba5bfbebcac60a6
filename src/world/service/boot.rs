//! Reads what has a server's unit started at boot, over SSH. It changes nothing.

use super::{AS, Script, run};
use crate::actions::former::Link;
use crate::plan::facts::boot::{AtBoot, Inside, Open};
use crate::topology::Version;
use crate::topology::service::Service;
use crate::world::host::owner::{OWNER, without_comments};
use crate::world::ssh::Host;
use std::time::Duration;

const BOOT: &str = include_str!("boot.sh");

/// What is asked about.
pub struct Subject<'a> {
    /// How the server is run.
    pub service: &'a Service,
    /// The unit that replctl would make.
    pub own_unit: &'a str,
    /// Its port.
    pub port: u16,
    /// The program of the distribution's package, where that is to run.
    pub package: Option<&'a str>,
    /// The directory of its data.
    pub folder: &'a str,
    /// The names in it of its snapshot and of what it appends to, or empty.
    pub files: [&'a str; 2],
}

/// What has it started at boot; the reason where that cannot be read.
pub async fn at_boot(
    host: &Host,
    subject: &Subject<'_>,
    patience: Duration,
) -> Result<AtBoot, String> {
    let service = subject.service;
    let process = service.process.as_ref();
    let process = process.ok_or_else(|| "its process was not seen".to_owned())?;
    let unit = service.unit().map_or("", |unit| unit.name.as_str());
    let mut words = vec![
        unit.to_owned(),
        subject.own_unit.to_owned(),
        subject.port.to_string(),
        process.pid.to_string(),
        subject.package.unwrap_or_default().to_owned(),
        subject.folder.to_owned(),
        service.file.clone().unwrap_or_default(),
    ];
    words.extend(subject.files.map(str::to_owned));
    words.extend(super::whole::as_user(service)?);
    let script = Script {
        text: without_comments(&[OWNER, AS, BOOT]),
        words,
    };
    let text = tokio::time::timeout(patience, run(host, &script)).await;
    read(&text.unwrap_or_else(|_| Err(super::SILENT.to_owned()))?)
}

/// Reads what the script has printed.
fn read(text: &str) -> Result<AtBoot, String> {
    let mut boot = AtBoot::default();
    let words = |value: &str| {
        value
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (mut path, mut ended) = (None, false);
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match key {
            "deleted" => boot.replaced = true,
            "version" => boot.of_package = version(value),
            "state" => value.clone_into(&mut boot.state),
            "link" => path = Some(value.to_owned()),
            "target" => boot.links.extend(path.take().map(|path| Link {
                path,
                target: value.to_owned(),
            })),
            "by" => boot.wanted_by.extend(words(value)),
            "line" => boot.by_lines.push(value.to_owned()),
            "kind" => value.clone_into(&mut boot.processes.kind),
            "remains" => boot.processes.remains = Some(value != "no"),
            "main" => boot.processes.main = value.parse().ok(),
            "inside" => boot.processes.inside.push(inside(value)),
            "script" => boot.scripts.push(value.to_owned()),
            "unread" => return Err("the files of cron were not read to their ends".to_owned()),
            "theirs" => boot.open_to_others = Some(open(value)),
            "files" => {
                let limits = value.split_once(' ');
                let limits = limits.map(|(soft, hard)| (soft.parse(), hard.parse()));
                if let Some((Ok(soft), Ok(hard))) = limits {
                    boot.open_files = Some((soft, hard));
                }
            }
            "trigger" => boot.triggers.extend(words(value)),
            "other" => {
                let (unit, port) = value.rsplit_once(' ').unwrap_or((value, ""));
                let port = port.parse().unwrap_or(6379);
                boot.others.push((unit.to_owned(), port));
            }
            "end" => ended = true,
            _ => {}
        }
    }
    boot.wanted_by.sort();
    boot.wanted_by.dedup();
    if ended {
        Ok(boot)
    } else {
        Err(super::script_output::CUT.to_owned())
    }
}

/// `path /srv`: where others than root may write above its data. What is not understood is a reason
/// why that is not known.
fn open(text: &str) -> Open {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    match kind {
        "path" => Open::Path(rest.to_owned()),
        "link" => Open::Link(rest.to_owned()),
        "sticky" => Open::Sticky(rest.to_owned()),
        _ => Open::Unknown(rest.to_owned()),
    }
}

/// `812 1 redis-server`: a process, its parent and its name. A line that is not understood is a
/// process, too.
fn inside(line: &str) -> Inside {
    let mut words = line.splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let (pid, parent) = (number(), number());
    Inside {
        pid,
        parent,
        name: words.next().unwrap_or_default().to_owned(),
    }
}

/// `Redis server v=7.0.15 sha=…`.
fn version(text: &str) -> Option<Version> {
    let text = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="))?;
    let mut numbers = text.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(Version {
        major: next()?,
        minor: next()?,
        patch: next()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_unit_started_is_read_and_an_answer_without_an_end_is_none() {
        let text = "deleted:\nversion:Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64\nstate:enabled\n\
            link:/etc/systemd/system/multi-user.target.wants/r.service\ntarget:/lib/r.service\nby:multi-user.target\nby:\n\
            trigger:r.timer\nother:redis@a.service 6380\nline:multi-user.target\nkind:notify\nremains:no\nmain:812\n\
            inside:812 1 redis-server\ninside:813 812 redis-rdb-bgsave\nscript:/var/spool/cron/crontabs/root\nfiles:1024 524288\ntheirs:path /srv\nend:\n";
        let boot = read(text).unwrap();
        assert!(boot.replaced && boot.state == "enabled");
        assert_eq!(boot.links[0].target, "/lib/r.service");
        assert_eq!(boot.wanted_by, ["multi-user.target"]);
        assert_eq!(boot.triggers, ["r.timer"]);
        assert_eq!(boot.others, [("redis@a.service".to_owned(), 6380)]);
        assert_eq!(boot.by_lines, ["multi-user.target"]);
        let processes = &boot.processes;
        assert_eq!(
            (&*processes.kind, processes.remains),
            ("notify", Some(false))
        );
        assert_eq!((processes.main, processes.inside.len()), (Some(812), 2));
        assert_eq!(processes.inside[1].parent, 812);
        assert_eq!(boot.scripts, ["/var/spool/cron/crontabs/root"]);
        assert_eq!(boot.open_files, Some((1024, 524_288)));
        assert_eq!(boot.open_to_others, Some(Open::Path("/srv".to_owned())));
        let links = "/l has too many links".to_owned();
        assert_eq!(open(&format!("unknown {links}")), Open::Unknown(links));
        assert!(read("unread:\nend:\n").is_err());
        let version = boot.of_package.unwrap();
        assert_eq!((version.major, version.minor, version.patch), (7, 0, 15));
        assert!(read("state:enabled\n").is_err());
    }
}
