//! What runs with another user's rights gets outputs of its own: it can keep none of those to which
//! something else is told afterwards.
#![allow(clippy::unwrap_used)]

use super::local::Local;
use crate::world::host::Shell as _;
use crate::world::host::owner::OWNER;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn who_acts_as_another_user_has_no_output_of_ours() {
    for shell in [Local::root(), Local::busybox()] {
        for (act, uid) in [
            ("act", "65534"),
            ("act_joined", "65534"),
            ("act", "0"),
            ("act_joined", "0"),
        ] {
            let text = format!(
                "{OWNER}\none=$(readlink /proc/$$/fd/1) two=$(readlink /proc/$$/fd/2); uid={uid} gid=65534 groups= name=nobody\n\
                 echo \"$one\"; echo \"$two\"; echo; {act} sh -c 'for f in /proc/$$/fd/*; do readlink \"$f\"; done; echo said >&2; exit 7'; echo \"status $?\""
            );
            let ran = shell.run(&text, Vec::new(), true, SOON).await.unwrap();
            let said = String::from_utf8(ran.stdout).unwrap();
            let (ours, its) = said.split_once("\n\n").unwrap();
            let ours: Vec<&str> = ours.lines().collect();
            assert_eq!(ours.len(), 2, "{said}");
            let keeps = its.lines().any(|line| ours.contains(&line));
            assert_eq!(keeps, uid == "0", "{shell:?} {act} {uid}: {said}");
            assert!(its.ends_with("status 7\n"), "{said}");
            let beside = String::from_utf8(ran.stderr).unwrap();
            if act == "act" {
                assert_eq!(beside, "said\n");
            } else {
                assert!(
                    its.contains("said\n") && beside.is_empty(),
                    "{said} {beside}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_environment_of_a_login_chooses_nobody() {
    let environment = "how=false numbered=root number=65534 number_gid=65534 account_of=0 user_gid=65534 user_name=nobody by_number=yes keep=1 listens=1";
    for shell in [Local::root(), Local::busybox()] {
        let text = format!(
            "export {environment}\n{OWNER}\nnumber root; account 0; echo \"$how $number $name $gid:$keep$by_number$listens\""
        );
        let ran = shell.run(&text, Vec::new(), true, SOON).await.unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(said, "act 0 root 0:\n", "{shell:?}");
    }
}
