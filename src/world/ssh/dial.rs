//! The way to a host that needs no other host: a TCP connection, or the process of a
//! `ProxyCommand`.

use super::conn::Wire;
use super::error::{SshError, SshErrorKind};
use super::settings::{Family, Target};
use super::{Options, proxy};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Between two rounds of attempts, as with OpenSSH.
const BETWEEN: Duration = Duration::from_secs(1);

/// Opens it.
///
/// # Errors
/// `NameUnknown`, `Refused`, `NoAnswer`, `NoRoute`, `Io`; `Config` for an address of our own that
/// cannot be used.
pub(super) fn open(target: &Target, options: &Options) -> Result<Wire, SshError> {
    if let Some(command) = &target.proxy {
        let (socket, process) = proxy::start(command).map_err(|e| {
            SshError::new(
                SshErrorKind::Io,
                format!("cannot start the ProxyCommand of {}", target.shown()),
            )
            .cause(e)
            .cause(command)
        })?;
        return Ok(Wire::Command(socket, process));
    }
    let time = target.reach.time.unwrap_or(options.connect_timeout);
    let addresses = look_up(target, time)?;
    let from = own_address(target, time)?;
    let mut last = None;
    for attempt in 1..=target.reach.attempts.max(1) {
        if attempt > 1 {
            std::thread::sleep(BETWEEN);
        }
        for address in &addresses {
            match connect(*address, from, time) {
                Ok((socket, answer)) => return Ok(Wire::Tcp(socket, answer)),
                Err(e) => last = Some(e),
            }
        }
    }
    Err(no_connection(target, last, time))
}

/// The connection, and how long the host took to answer.
fn connect(
    to: SocketAddr,
    from: Option<SocketAddr>,
    time: Duration,
) -> io::Result<(TcpStream, Duration)> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(from) = from {
        socket.bind(&SockAddr::from(from))?;
    }
    let began = Instant::now();
    socket.connect_timeout(&SockAddr::from(to), time)?;
    let answer = began.elapsed();
    // Without this every command costs 44 ms instead of 2 (Nagle's algorithm and delayed
    // acknowledgements).
    socket.set_tcp_nodelay(true)?;
    Ok((socket.into(), answer))
}

/// `BindAddress`.
fn own_address(target: &Target, time: Duration) -> Result<Option<SocketAddr>, SshError> {
    let Some(from) = &target.reach.from else {
        return Ok(None);
    };
    let own = Target {
        host: from.clone(),
        ..Target::default()
    };
    let found = look_up(&own, time).ok();
    let address = found.and_then(|found| found.first().copied());
    address.map(Some).ok_or_else(|| {
        SshError::new(
            SshErrorKind::Config,
            format!(
                "BindAddress in the ssh configuration of {} is no address of this machine: {from}",
                target.shown()
            ),
        )
    })
}

/// Resolves the name, bounded: the system's resolver itself may take half a minute.
///
/// # Errors
/// `NameUnknown`.
pub(super) fn look_up(target: &Target, time: Duration) -> Result<Vec<SocketAddr>, SshError> {
    let unknown = |why: String| {
        SshError::new(
            SshErrorKind::NameUnknown,
            format!("the host name `{}` does not resolve", target.host),
        )
        .cause(why)
        .hint(format!("getent hosts {}", target.host))
    };
    let (tell, told) = mpsc::channel();
    let name = (target.host.clone(), target.port);
    std::thread::spawn(move || {
        let _ = tell.send(name.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    });
    let mut addresses = match told.recv_timeout(time) {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(e)) => return Err(unknown(e.to_string())),
        Err(_) => {
            return Err(unknown(format!(
                "no answer from the name service within {} s",
                time.as_secs_f32()
            )));
        }
    };
    match target.reach.family {
        Family::Any => {}
        Family::V4 => addresses.retain(SocketAddr::is_ipv4),
        Family::V6 => addresses.retain(SocketAddr::is_ipv6),
    }
    if addresses.is_empty() {
        return Err(unknown(match target.reach.family {
            Family::Any => "it has no address".to_owned(),
            Family::V4 => "it has no IPv4 address, and AddressFamily is inet".to_owned(),
            Family::V6 => "it has no IPv6 address, and AddressFamily is inet6".to_owned(),
        }));
    }
    Ok(addresses)
}

fn no_connection(target: &Target, error: Option<io::Error>, time: Duration) -> SshError {
    let place = format!("{} port {}", target.host, target.port);
    let error = error.unwrap_or_else(|| io::Error::other("no address"));
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    let (kind, what, hint) = if is(&[io::ErrorKind::ConnectionRefused]) {
        (
            SshErrorKind::Refused,
            format!("no ssh server listens on {place}"),
            "start sshd there, or name its port with `[ssh] port = …`".to_owned(),
        )
    } else if is(&[io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock]) {
        (
            SshErrorKind::NoAnswer,
            format!("no answer from {place} within {} s", time.as_secs_f32()),
            format!(
                "is the host up, and no firewall in between? ping -c 3 {}",
                target.host
            ),
        )
    } else if is(&[
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
    ]) {
        (
            SshErrorKind::NoRoute,
            format!("no route to {place}"),
            format!("ip route get {}", target.host),
        )
    } else {
        (
            SshErrorKind::Io,
            format!("cannot connect to {place}"),
            target.command.replacen("ssh", "ssh -v", 1),
        )
    };
    let failure = SshError::new(kind, what).cause(error);
    match &target.reach.from {
        Some(from) => failure.cause(format!("BindAddress is {from}")).hint(hint),
        None => failure.hint(hint),
    }
}
