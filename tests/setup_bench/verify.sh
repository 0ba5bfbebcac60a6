#!/bin/bash
# verify.sh PRIMARY REPLICA... — waits until each replica's link is up, writes on the primary, and reads that on each replica.
# On the operator's side, because the hosts have no redis-cli.
export REDISCLI_AUTH=lab-secret; m=$1; shift; v=$$.$RANDOM
one() { until redis-cli -h $1 info replication | grep -q master_link_status:up; do sleep .05; done; }
two() { until [ "$(redis-cli -h $1 get bench:probe)" = $v ]; do sleep .02; done; }
for r; do one $r & done; wait
redis-cli -h $m set bench:probe $v >/dev/null
for r; do two $r & done; wait
