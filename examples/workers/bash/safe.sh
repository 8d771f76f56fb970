#!/usr/bin/env bash
# Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs redis-cli and jq, nothing of Tempest.
here=${BASH_SOURCE%"${BASH_SOURCE##*/}"}
. "${here:-./}app.sh"
. "${here:-./}store.sh"
. "${here:-./}presence.sh"
held={$queue}:held:$boot
job_file=$(mktemp)
trap 'rm -f "$job_file"' EXIT
trap 'stopping=1' INT TERM

# In a process of its own: Ctrl-C is for the whole group, and what is begun is finished.
finish() (
  trap '' INT TERM
  reply=$(run < "$job_file") || return
  if [[ $reply ]]; then
    mailbox=${reply%%$'\n'*}
    error=$(printf %s "${reply#*$'\n'}" | ask -x RPUSH "$mailbox" 2>&1 > /dev/null) || [[ $error == WRONGTYPE* ]] || return
    ask EXPIRE "$mailbox" 21600
  fi
  ask -x LREM "$held" 1 < "$job_file"
)

work() {
  beat || return # before it pops: what it holds must be found
  while :; do
    # What stands here is its own, and nothing else (P-72). As it is, in a file, without the end of the line.
    ask LINDEX "$held" 0 | head -c -1 > "$job_file" || return
    if [[ -s $job_file ]]; then finish || return
    elif [[ $stopping ]]; then leave && return
    else ask LREM "$held" 0 '' && ask BLMOVE "$queue" "$held" LEFT RIGHT 2 || return
    fi > /dev/null
  done
}

echo "safe.sh works for $queue"
until work; do
  # A signal to the whole group ends redis-cli as well: what that has popped is looked for once more.
  [[ ! $stopping ]] || { work; exit; }
  sleep 0.5
done
