//! A security token that an agent holds. It is software with a real key, so that `ssh` and sshd
//! accept it as a token. It always reports a touch.

use super::super::sshd::Lab;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

const KIND: &[u8] = b"sk-ssh-ed25519@openssh.com";
const APPLICATION: &[u8] = b"ssh:";
const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;
const FAILURE: &[u8] = &[5];
const TOUCHED: u8 = 1;

/// An agent with such a key at `token`, whose public half is in `tokenkey.pub`.
pub(super) fn plug_in(lab: &Lab) {
    let key = PKey::generate_ed25519().unwrap();
    let mut public = Vec::new();
    for part in [KIND, &key.raw_public_key().unwrap(), APPLICATION] {
        string(&mut public, part);
    }
    let kind = std::str::from_utf8(KIND).unwrap();
    let line = format!("{kind} {} tokenkey\n", BASE64_STANDARD.encode(&public));
    std::fs::write(lab.path("tokenkey.pub"), line).unwrap();
    let listener = UnixListener::bind(lab.path("token")).unwrap();
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (key, public) = (key.clone(), public.clone());
            std::thread::spawn(move || {
                let _ = serve(socket, &key, &public);
            });
        }
    });
}

fn serve(mut socket: UnixStream, key: &PKey<Private>, public: &[u8]) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        socket.read_exact(&mut length)?;
        let mut asked = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        socket.read_exact(&mut asked)?;
        let answer = match asked.split_first() {
            Some((&REQUEST_IDENTITIES, _)) => {
                let mut answer = vec![12, 0, 0, 0, 1];
                string(&mut answer, public);
                string(&mut answer, b"token");
                answer
            }
            Some((&SIGN_REQUEST, rest)) => {
                let (of, rest) = take(rest);
                assert_eq!(of, public);
                let mut answer = vec![14];
                string(&mut answer, &signature(key, take(rest).0));
                answer
            }
            Some(_) | None => FAILURE.to_vec(),
        };
        let mut message = Vec::new();
        string(&mut message, &answer);
        socket.write_all(&message)?;
    }
}

/// Signs as OpenSSH's PROTOCOL.u2f says.
fn signature(key: &PKey<Private>, message: &[u8]) -> Vec<u8> {
    let mut rest = vec![TOUCHED];
    rest.extend_from_slice(&7_u32.to_be_bytes());
    let mut signed = openssl::sha::sha256(APPLICATION).to_vec();
    signed.extend_from_slice(&rest);
    signed.extend_from_slice(&openssl::sha::sha256(message));
    let mut by = Signer::new_without_digest(key).unwrap();
    let raw = by.sign_oneshot_to_vec(&signed).unwrap();
    let mut whole = Vec::new();
    string(&mut whole, KIND);
    string(&mut whole, &raw);
    whole.extend_from_slice(&rest);
    whole
}

fn string(into: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap();
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(bytes);
}

fn take(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(4);
    let length = u32::from_be_bytes(length.try_into().unwrap());
    rest.split_at(usize::try_from(length).unwrap())
}
