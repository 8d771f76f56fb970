#!/usr/bin/env bash
# Pops jobs and answers them, at most once: the job in its hand dies with it. Needs redis-cli and jq, nothing of Tempest.
here=${BASH_SOURCE%"${BASH_SOURCE##*/}"}
. "${here:-./}app.sh"
. "${here:-./}store.sh"

echo "worker.sh works for $queue"
while :; do
  # The job stands behind the name of its list.
  reply=$(ask BLPOP "{$queue}:high" "$queue" "{$queue}:low" 3 | tail -n +2 | run) || sleep 0.5
  [[ $reply ]] || continue
  mailbox=${reply%%$'\n'*}
  length=$(printf %s "${reply#*$'\n'}" | ask -x RPUSH "$mailbox")
  # A new list: its reader may be gone for good (P-47).
  [[ $length != 1 ]] || ask EXPIRE "$mailbox" 21600 > /dev/null
done
