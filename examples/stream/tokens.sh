#!/usr/bin/env bash
# Streams the words of a prompt: straight to the front where it listens, else through its mailbox. Needs redis-cli and jq.
set -o pipefail
IFS=, read -ra queues <<< "${TEMPEST_QUEUES:-tempest}"
ms=${TOKEN_MS:-100}
store=(redis-cli -e --raw -u "${TEMPEST_REDIS_URL:-${REDIS_URL:-redis://localhost}}")

# say head|chunk|end|fail …, about the job in hand. Fails where its client has left; a mailbox never says so.
say() {
  local reply rest='$given[0] | fromjson'
  if [[ $front_PID ]]; then
    echo "$1 $id $(quote "${@:2}")" >&"${front[1]}"
    read -rt 10 reply <&"${front[0]}"
    [[ $reply == OK ]] || { echo "$reply" && false; }
  else
    [[ $1 == chunk ]] && rest='$given[0], ($given[1] | tonumber)'
    "${store[@]}" RPUSH "$mailbox" "$(jq -cn --arg verb "$1" --arg id "$id" \
      "\$ARGS.positional as \$given | [\$verb, \$id, ($rest)]" --args "${@:2}")" > /dev/null
  fi
}

# As redis-cli reads its lines.
quote() {
  local args=("${@//\\/\\\\}")
  args=("${args[@]//\"/\\\"}")
  printf '"%s" ' "${args[@]//$'\n'/\\n}"
}

# The same verbs are commands of the front itself, if it is the one that asked: its boot begins the job's id. All of them
# on one connection, by which it notices when this worker dies.
call_front() {
  [[ $1 ]] || return
  local host=${1%:*}
  local cli=(redis-cli --raw -h "${host//[\[\]]/}" -p "${1##*:}")
  "${cli[@]}" INFO server | grep -q "^tempest_boot:${id%%-*}" && coproc front { "${cli[@]}" 2>&1; }
}

hang_up() {
  [[ $front_PID ]] || return
  local pid=$front_PID
  exec {front[1]}>&-
  wait "$pid"
}

stream() {
  local made=0 word
  say head '[200,{"content-type":"text/event-stream","cache-control":"no-cache"}]' &&
    for word in "$@"; do
      sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
      say chunk "data: $word "$'\n\n' "$made" || break
      made=$((made + 1))
    done
  ((made < $#)) || say end "$made"
  echo "made $made of $# tokens"
}

echo "tokens.sh works for ${queues[*]}"
while :; do
  job=$("${store[@]}" BLPOP "${queues[@]}" 3 | tail -n +2) || sleep 0.5 # behind the name of its list
  [[ $job ]] || continue
  { read -r mailbox && read -r id && read -r direct && read -r url; } < <(
    jq -r '.[2] // "", .[3], (.[1][0] | objects | .meta.direct // "", .url // "")' <<< "$job"
  )
  [[ $mailbox ]] || continue
  call_front "$direct"
  if [[ $url =~ ^/tokens\?(.*&)?prompt=([^&]*) ]]; then
    # Of a query: + is a space, %41 is an A.
    prompt=${BASH_REMATCH[2]//+/ }
    prompt=${prompt//\\/\\\\}
    printf -v prompt %b "${prompt//%/\\x}"
    read -rd '' -a words <<< "$prompt"
    stream "${words[@]}"
  else
    say fail '{"status":404,"code":"HTTP_ERROR","message":"there is only /tokens?prompt= here"}'
  fi
  hang_up
done
