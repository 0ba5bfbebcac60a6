//! ssh-agents that end with their tests.

use super::sshd::{Lab, Running, run};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

impl Lab {
    /// An ssh-agent on a socket of that name, with these of the keys in the folder.
    pub fn agent(&self, name: &str, keys: &[&str]) -> Running {
        let socket = self.path(name);
        let agent = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Running(agent);
        let end = Instant::now() + Duration::from_secs(10);
        // The socket is there a moment before the agent listens on it.
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < end, "ssh-agent does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        for key in keys {
            run(Command::new("ssh-add")
                .arg("-q")
                .arg(self.path(key))
                .env("SSH_AUTH_SOCK", &socket));
        }
        agent
    }
}
