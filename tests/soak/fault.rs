//! What goes wrong in a case, at which step, and how the world is mended afterwards.

use crate::crew::Crew;
use std::path::Path;
use std::time::{Duration, Instant};

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// None: the change has to go through.
    Nothing,
    /// replctl is killed after that journal line.
    ReplctlDies,
    /// A server is killed, and comes back later from its file.
    Killed,
    /// A server is killed and started again at once.
    Restarted,
    /// A server is frozen for longer than any wait inside the fence, and thaws.
    Frozen,
    /// A server is frozen and thawed again and again for two seconds: a slow link.
    Slow,
    /// The configuration file of a server cannot be written.
    Unwritable,
    /// A server is given a wrong `masterauth`.
    WrongPassword,
    /// Somebody else on the same machine wants another primary.
    SecondOperator,
}

impl Fault {
    /// All of them; a case takes one by its number.
    pub const ALL: [Self; 12] = [
        Self::ReplctlDies,
        Self::Killed,
        Self::Frozen,
        Self::ReplctlDies,
        Self::Restarted,
        Self::Slow,
        Self::Unwritable,
        Self::ReplctlDies,
        Self::WrongPassword,
        Self::SecondOperator,
        Self::Frozen,
        Self::Nothing,
    ];

    /// Makes it happen to `victim`.
    pub fn strike(self, crew: &mut Crew, victim: usize) {
        match self {
            Self::Nothing | Self::ReplctlDies | Self::SecondOperator => {}
            Self::Killed => crew.servers[victim].kill9(),
            Self::Restarted => crew.servers[victim].restart(),
            Self::Frozen => {
                crew.servers[victim].pause();
                std::thread::sleep(Duration::from_secs(3));
                crew.servers[victim].resume();
            }
            Self::Slow => {
                let end = Instant::now() + Duration::from_secs(2);
                while Instant::now() < end {
                    crew.servers[victim].pause();
                    std::thread::sleep(Duration::from_millis(40));
                    crew.servers[victim].resume();
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Self::Unwritable => {
                let file = crew.servers[victim].config_file();
                std::fs::rename(&file, kept(&file)).unwrap();
                std::fs::create_dir(&file).unwrap();
            }
            Self::WrongPassword => masterauth(crew, victim, "wrong"),
        }
    }

    /// Mends what can be mended without replctl.
    pub fn heal(self, crew: &mut Crew, victim: usize) {
        match self {
            Self::Killed => crew.servers[victim].restart(),
            Self::Unwritable => {
                let file = crew.servers[victim].config_file();
                let _ = std::fs::remove_dir(&file);
                std::fs::rename(kept(&file), &file).unwrap();
            }
            Self::WrongPassword => masterauth(crew, victim, ""),
            Self::Nothing
            | Self::ReplctlDies
            | Self::Restarted
            | Self::Frozen
            | Self::Slow
            | Self::SecondOperator => {}
        }
    }
}

fn kept(file: &Path) -> std::path::PathBuf {
    file.with_extension("kept")
}

fn masterauth(crew: &Crew, victim: usize, value: &str) {
    if let Some(mut client) = crew.client(victim) {
        let _ = client.try_command(&["CONFIG", "SET", "masterauth", value]);
    }
}
