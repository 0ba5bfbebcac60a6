//! The messages to OpenSSH's client that holds a connection, on its control socket. They follow
//! version 4 of its multiplexing protocol (`PROTOCOL.mux` in OpenSSH's sources), which has not
//! changed since 5.4. Pure.

/// The version of the protocol.
const VERSION: u32 = 4;
/// The longest message that is taken. No message that we know has a kilobyte.
const LONGEST: usize = 64 * 1024;

const HELLO: u32 = 0x0000_0001;
const NEW_SESSION: u32 = 0x1000_0002;
const ALIVE_CHECK: u32 = 0x1000_0004;
const NEW_STDIO_FORWARD: u32 = 0x1000_0008;
const PERMISSION_DENIED: u32 = 0x8000_0002;
const FAILURE: u32 = 0x8000_0003;
const EXIT: u32 = 0x8000_0004;
const ALIVE: u32 = 0x8000_0005;
const OPENED: u32 = 0x8000_0006;

/// A request to the client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    /// Whether the client is there.
    Alive,
    /// A command; three descriptors follow.
    Session(&'a str),
    /// A connection from the host to that name and port; two descriptors follow.
    Forward(&'a str, u16),
}

/// An answer of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The first message of each side.
    Hello(u32),
    /// The client is there.
    Alive,
    /// The client opened what it was asked for.
    Opened,
    /// The client refuses what it was asked for, with the reason.
    Refused(String),
    /// The status of the command.
    Exit(u32),
    /// Something else.
    Other,
}

/// A greeting and a request, as bytes.
pub(super) fn bytes(request: Request<'_>) -> Vec<u8> {
    let mut out = Message::of(HELLO).number(VERSION).done();
    let message = match request {
        Request::Alive => Message::of(ALIVE_CHECK).number(0),
        // No terminal, no X11, no agent, no subsystem, no escape character, no environment.
        Request::Session(command) => Message::of(NEW_SESSION)
            .number(0)
            .text("")
            .number(0)
            .number(0)
            .number(0)
            .number(0)
            .number(u32::MAX)
            .text("")
            .text(command),
        Request::Forward(host, port) => Message::of(NEW_STDIO_FORWARD)
            .number(0)
            .text("")
            .text(host)
            .number(port.into()),
    };
    out.extend(message.done());
    out
}

/// Takes the first whole message from `bytes`.
///
/// # Errors
/// Where these bytes are no message of this protocol.
pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Answer>, String> {
    let Some(length) = bytes.first_chunk::<4>().map(|b| u32::from_be_bytes(*b)) else {
        return Ok(None);
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(
            "the program that holds the connection does not speak ssh's multiplexing protocol"
                .to_owned(),
        );
    }
    let Some(message) = bytes.get(4..4 + length) else {
        return Ok(None);
    };
    let answer = read(message).unwrap_or(Answer::Other);
    bytes.drain(..4 + length);
    Ok(Some(answer))
}

fn read(message: &[u8]) -> Option<Answer> {
    let (kind, rest) = number(message)?;
    Some(match kind {
        HELLO => Answer::Hello(number(rest)?.0),
        ALIVE => Answer::Alive,
        OPENED => Answer::Opened,
        EXIT => Answer::Exit(number(number(rest)?.1)?.0),
        PERMISSION_DENIED | FAILURE => {
            let (length, text) = number(number(rest)?.1)?;
            let text = text.get(..usize::try_from(length).ok()?)?;
            Answer::Refused(String::from_utf8_lossy(text).into_owned())
        }
        _ => Answer::Other,
    })
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

struct Message(Vec<u8>);

impl Message {
    fn of(kind: u32) -> Self {
        Self(Vec::new()).number(kind)
    }

    fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn text(self, text: &str) -> Self {
        let mut this = self.number(u32::try_from(text.len()).unwrap_or(u32::MAX));
        this.0.extend(text.as_bytes());
        this
    }

    fn done(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &self.0].concat()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whatever_arrives_is_a_message_or_not_yet_one_or_an_error() {
        let hello = Message::of(HELLO).number(VERSION).done();
        let exit = Message::of(EXIT).number(3).number(7).done();
        let refused = Message::of(FAILURE).number(0).text("no more").done();
        let short = Message::of(EXIT).number(3).done();
        let whole = [hello, exit, refused, short].concat();
        let refused = Answer::Refused("no more".to_owned());
        let answers = [Answer::Hello(4), Answer::Exit(7), refused, Answer::Other];
        // The answers are the same wherever the bytes are cut in two.
        for cut in 0..=whole.len() {
            let (mut bytes, mut all) = (Vec::new(), Vec::new());
            for part in [&whole[..cut], &whole[cut..]] {
                bytes.extend_from_slice(part);
                while let Some(answer) = take(&mut bytes).unwrap() {
                    all.push(answer);
                }
            }
            assert_eq!(all, answers, "cut at {cut}");
            assert!(bytes.is_empty());
        }
        assert!(take(&mut b"SSH-2.0-".to_vec()).is_err());
    }
}
