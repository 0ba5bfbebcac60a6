//! Who has a port: the kernel says it, and not the names and folders that a local user chooses.

use super::local::{Bench, Local};
use super::*;
use crate::actions::host::Launch;
use crate::plan::facts::Listener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// The names of a local user's files do not decide who listens on a socket.
#[tokio::test]
async fn a_file_that_is_called_as_a_socket_misleads_nobody() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let listener = std::net::TcpListener::bind(("127.0.0.1", bench.port())).unwrap();
        let of = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let socket = of.to_str().unwrap();
        let line = format!("l-wx------ 1 0 0 64 Nov 29 20:00 3 -> {socket}");
        let mut liars = Vec::new();
        for name in [
            format!("a {socket}"),
            format!("a -> {socket}"),
            format!("a\n{line}"),
            format!("a\n{socket}"),
        ] {
            let path = std::path::Path::new(&bench.root()).join(name);
            let file = std::fs::File::create(&path).unwrap();
            let mut liar = std::process::Command::new("sleep");
            liars.push(liar.arg("60").stdin(file).spawn().unwrap());
        }
        let pid = format!("(pid {})", std::process::id());
        // The server may also name one of these processes as its own.
        for told in [None, Some(liars[0].id())] {
            let (node, inventory) = (&bench.inventory.nodes[0], &bench.inventory);
            let further = together::Further {
                text: "service() { its_reads=; }\n",
                words: &[],
                process: told,
            };
            let looked = together::together(&shell, inventory, node, &further).await;
            match looked.unwrap().facts.unwrap().listener {
                Listener::Foreign(who) => assert!(who.contains(&pid), "{shell:?}: {who}"),
                other => panic!("{shell:?}: {other:?}"),
            }
        }
        let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
        let why = stop(&shell, &launch, Duration::from_secs(1)).await;
        let why = why.unwrap_err();
        assert!(why.contains("held by something else"), "{shell:?}: {why}");
        for mut liar in liars {
            assert!(liar.try_wait().unwrap().is_none(), "{shell:?}");
            liar.kill().unwrap();
            liar.wait().unwrap();
        }
    }
}

/// Another user's process in the node's folder is not the node's server, and nothing ends it.
#[tokio::test]
async fn who_only_stands_in_the_folder_is_not_its_server() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let data = bench.paths().data();
        std::fs::create_dir_all(&data).unwrap();
        Bench::chmod(&data, 0o755);
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        let socket = std::net::TcpListener::bind(("127.0.0.1", bench.port())).unwrap();
        command.args(["sleep", "60"]).current_dir(&data);
        let mut other = command.stdin(OwnedFd::from(socket)).spawn().unwrap();
        // The command has the socket, too.
        drop(command);
        let comm = format!("/proc/{}/comm", other.id());
        let until = Instant::now() + Duration::from_secs(10);
        while std::fs::read_to_string(&comm).unwrap() != "sleep\n" {
            assert!(Instant::now() < until, "setpriv did not become `sleep`");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let listener = bench.facts(&shell).await.listener;
        assert!(matches!(listener, Listener::Foreign(_)), "{listener:?}");
        let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
        let why = stop(&shell, &launch, Duration::from_secs(1)).await;
        let why = why.unwrap_err();
        assert!(why.contains("held by something else"), "{shell:?}: {why}");
        assert!(other.try_wait().unwrap().is_none(), "{shell:?}");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

/// Another user may have the port on another address of this host. replctl does not stop that
/// process in place of the server.
#[tokio::test]
async fn of_two_with_one_port_the_server_is_stopped() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let data = bench.paths().data();
        std::fs::create_dir_all(&data).unwrap();
        let on = |ip: &str| std::net::TcpListener::bind((ip, bench.port())).unwrap();
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.args(["bash", "-c", "exec -a redis-server sleep 60"]);
        command.stdin(OwnedFd::from(on("127.0.0.2")));
        let mut other = command.spawn().unwrap();
        drop(command);
        let mut command = std::process::Command::new("sleep");
        command.arg("60").current_dir(&data);
        command.stdin(OwnedFd::from(on("127.0.0.1")));
        let mut server = command.spawn().unwrap();
        drop(command);
        let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
        let said = stop(&shell, &launch, Duration::from_secs(2)).await;
        assert_eq!(said.unwrap(), "stopped", "{shell:?}");
        assert!(server.try_wait().unwrap().is_some(), "{shell:?}");
        assert!(other.try_wait().unwrap().is_none(), "{shell:?}");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

/// A server of others is known by its unit or by the folder of its data, and never by its port
/// alone; and nothing but its unit starts it.
#[tokio::test]
async fn a_server_of_others_is_not_taken_by_its_port() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    let plan = bench.plan(&shell, false).await;
    bench.carry_out(&shell, &plan).await;
    let other = tempfile::tempdir().unwrap();
    let launch = Launch {
        unit: "not-there.service".to_owned(),
        program: String::new(),
        pid_file: String::new(),
        data: other.path().display().to_string(),
        ..Launch::new(&bench.inventory, &bench.inventory.nodes[0])
    };
    let why = stop(&shell, &launch, Duration::from_secs(1)).await;
    let why = why.unwrap_err();
    assert!(why.contains("does not work in"), "{why}");
    assert_eq!(bench.cli(&["PING"]), "PONG");
    let ours = Launch {
        data: bench.paths().data(),
        ..launch.clone()
    };
    let done = stop(&shell, &ours, Duration::from_secs(10)).await;
    assert_eq!(done.unwrap(), "stopped");
    let why = start(&shell, &launch).await.unwrap_err();
    assert!(why.contains("not-there.service is not loaded"), "{why}");
}
