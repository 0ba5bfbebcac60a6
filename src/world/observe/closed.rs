#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::tests::{inventory, logins, spec};
use super::*;
use crate::world::testing::{Direct, TestServer, closing};

/// A Sentinel that changes a role closes the connections of all clients at that moment.
#[tokio::test]
async fn a_look_whose_connection_is_closed_once_looks_again() {
    let server = TestServer::start(&[]);
    for (times, up) in [(1, true), (2, false)] {
        let port = closing(server.port, "INFO", times).await;
        let inventory = inventory(vec![spec("a", "127.0.0.1", port)]);
        let looked = topology(&inventory, &logins(None), &Direct, 1).await;
        let state = &looked.nodes[0].state;
        assert_eq!(matches!(state, State::Up(_)), up, "{state:?}");
    }
}
