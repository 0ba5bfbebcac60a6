//! A hook that fails after the promotion: nothing is undone, the hook can be repeated, and the rest
//! of the work stays.

use crate::hooks::hooked::Hooked;
use crate::support::server::Family;

#[test]
fn one_that_fails_afterwards_undoes_nothing_and_is_made_up_for() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[]);
    let operator = hooked.operator();
    hooked.does(
        "after_promote",
        "echo 'no route to the load balancer'; exit 1",
    );
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(5)
        .says("slave1 (127.0.0.1")
        .says("warning: the hook after_promote failed; `slave1` is the primary all the same")
        .says("no route to the load balancer")
        .says("replctl resume 2");
    hooked.trio.assert_primary(1);
    assert_eq!(
        hooked.log().len(),
        2,
        "on_failure is for promotions that failed"
    );
    operator.run(&["resume"]).code(5).says("no route");
    assert_eq!(hooked.log().len(), 1);
    hooked.does("after_promote", "");
    operator
        .run(&["resume"])
        .ok()
        .says("The hook after_promote of ");
    assert_eq!(hooked.log(), [format!("after_promote {}", hooked.at(1))]);
    operator.run(&["resume"]).ok().says("Nothing to do");
    // What else was left to do stays so.
    hooked.does("after_promote", "exit 1");
    let file = hooked.trio.servers[2].config_file();
    std::fs::rename(&file, file.with_extension("away")).unwrap();
    std::fs::create_dir(&file).unwrap();
    let promote = ["promote", "slave2", "--yes"];
    operator
        .run(&promote)
        .code(5)
        .says("warning: the hook after_promote failed")
        .says("`slave2` needs more work");
    hooked.does("after_promote", "");
    operator
        .run(&["resume"])
        .code(5)
        .says("The hook after_promote of ")
        .says("`slave2` needs more work");
    operator.run(&["resume"]).ok().says("Nothing to do");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(file.with_extension("away"), &file).unwrap();
    operator.run(&promote).ok();
    // It tells nothing that has become wrong meanwhile.
    hooked.does("after_promote", "exit 1");
    operator.run(&["promote", "master", "--yes"]).code(5);
    hooked.trio.servers[0].follow(&hooked.trio.servers[2]);
    operator
        .run(&["resume"])
        .code(3)
        .says("`master` is not the primary any more");
}
