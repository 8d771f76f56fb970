# The way to Redis, as the environment gives it.
set -o pipefail
queue=${TEMPEST_QUEUES:-tempest}

# redis://[[user]:password@]host[:port][/db]
form='^redis://((([^%:@/]|%[[:xdigit:]]{2})*):(([^%@/]|%[[:xdigit:]]{2})*)@)?([[:alnum:]_.-]+|\[[[:xdigit:]:.]+\])(:([0-9]{1,5}))?(/([0-9]{0,5}))?$'

refuse() {
  echo "$1" >&2
  exit 1
}

# %41 is an A.
unescape() {
  local text=${1//\\/\\\\}
  printf %b "${text//%/\\x}"
}

[[ $queue != *,* ]] || refuse 'TEMPEST_QUEUES: this worker serves one queue, and takes no comma'
[[ ${TEMPEST_REDIS_URL:-redis://localhost} =~ $form ]] && ((10#${BASH_REMATCH[8]:-0} < 65536)) ||
  refuse 'TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]'
way=(-h "${BASH_REMATCH[6]//[][]/}" -p "${BASH_REMATCH[8]:-6379}" -n "${BASH_REMATCH[10]:-0}")
[[ ! ${BASH_REMATCH[2]} ]] || way+=(--user "$(unescape "${BASH_REMATCH[2]}")")
if [[ ${BASH_REMATCH[4]} ]]; then
  # Not as an argument, which every user of the machine can see.
  REDISCLI_AUTH=$(unescape "${BASH_REMATCH[4]}")
  export REDISCLI_AUTH
fi

ask() {
  redis-cli -e --raw "${way[@]}" "$@"
}
