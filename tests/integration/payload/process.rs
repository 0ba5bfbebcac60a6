//! One server process on a free port of 127.0.0.1, ended when the value is dropped, and the few
//! words of RESP needed to talk to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    child: Child,
    pub port: u16,
    connection: BufReader<TcpStream>,
}

impl Server {
    /// Starts the command that `make` gives for a port. The server must answer as the very process
    /// that was started.
    pub fn start(patience: Duration, make: impl Fn(u16) -> Command) -> Self {
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let child = make(port)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut guard = Guard(Some(child));
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline && guard.alive() {
                if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                    stream
                        .set_read_timeout(Some(Duration::from_secs(20)))
                        .unwrap();
                    let mut connection = BufReader::new(stream);
                    let told = call(&mut connection, &["INFO", "server"]);
                    let child = guard.0.take().unwrap();
                    let pid = format!("process_id:{}\r\n", child.id());
                    let server = Self {
                        child,
                        port,
                        connection,
                    };
                    if told.contains(&pid) {
                        return server;
                    }
                    break; // someone else's port: try another
                }
                std::thread::sleep(Duration::from_millis(30));
            }
        }
        panic!("the server does not start: {:?}", make(0));
    }

    /// Sends one command; the reply as text, the elements of an array on lines of their own.
    pub fn call(&mut self, words: &[&str]) -> String {
        call(&mut self.connection, words)
    }

    pub fn field(&mut self, section: &str, name: &str) -> String {
        let info = self.call(&["INFO", section]);
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until `done` says so.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !done(self) {
            assert!(Instant::now() < deadline, "not within 30 s: {what}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Guard(Option<Child>);

impl Guard {
    fn alive(&mut self) -> bool {
        self.0
            .as_mut()
            .is_some_and(|child| child.try_wait().unwrap().is_none())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn call(connection: &mut BufReader<TcpStream>, words: &[&str]) -> String {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request = format!("{request}${}\r\n{word}\r\n", word.len());
    }
    connection.get_mut().write_all(request.as_bytes()).unwrap();
    reply(connection)
}

fn reply(connection: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    let (kind, rest) = line.trim_end().split_at(1);
    match kind {
        "$" => {
            let Ok(length) = usize::try_from(rest.parse::<i64>().unwrap()) else {
                return String::new();
            };
            let mut bytes = vec![0; length + 2];
            connection.read_exact(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        }
        "*" => (0..rest.parse::<i64>().unwrap())
            .map(|_| reply(connection))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => rest.to_owned(),
    }
}
