# pyinfra: the same work. The wait for the links and the write that is read follow in verify.sh.
import os

from pyinfra import host, inventory
from pyinfra.facts.files import File
from pyinfra.operations import files, server

primary = inventory.get_group("redis_primary")[0]
is_primary = "redis_primary" in host.groups

server.user(name="User", user="redis", system=True, home="/db/redis", create_home=False, shell="/usr/sbin/nologin")
for d in ("bin", "6379", "6379/conf", "6379/logs", "6379/pid"):
    files.directory(name=f"Directory {d}", path=f"/db/redis/{d}", user="redis", group="redis", mode="755")
files.put(name="Server program", src=os.environ["BENCH_SERVER"], dest="/db/redis/bin/redis-server", mode="755")
files.template(
    name="Configuration", src="redis.cnf.j2", dest="/db/redis/6379/conf/redis.cnf", user="redis", group="redis", mode="640",
    redis_bind=host.data.addr, redis_password=host.data.redis_password, redis_replicaof="" if is_primary else primary.data.addr,
)
START = "runuser -u redis -- /db/redis/bin/redis-server /db/redis/6379/conf/redis.cnf"
running = host.get_fact(File, "/db/redis/6379/pid/redis_6379.pid")
if is_primary and not running:
    server.shell(name="Start the primary", commands=[START])
if not is_primary and not running:
    server.shell(name="Start the replicas", commands=[START])
