//! How directories read in a plan.

use super::words::braced;

#[test]
fn directories_read_as_a_shell_takes_them() {
    let all = [
        "/db/redis",
        "/db/redis/server",
        "/db/redis/6379",
        "/db/redis/6379/conf",
        "/db/redis/6379/logs",
        "/db/redis/6379/pid",
    ];
    assert_eq!(
        braced(&all),
        "/db/redis/server and /db/redis/6379/{conf,logs,pid}"
    );
    assert_eq!(braced(&["/db/redis"]), "/db/redis");
    assert_eq!(braced(&["/db/a", "/db/ab"]), "/db/{a,ab}");
}
