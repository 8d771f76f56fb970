# What this worker answers: put yours into handle. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
# Bodies stay in JSON, as text or base64 (P-20), since a variable cannot hold all bytes.

# handle METHOD TARGET: prints the reply to $job, whose id is $id.
handle() {
  local path=${2%%\?*} query= ms
  [[ $2 == *\?* ]] && query=${2#*\?}
  case "$1 $path" in
    'GET /' | 'HEAD /') text 200 $'Hello from bash\n' ;;
    'GET /json')
      make --arg method "$1" --arg name "$(parameter name)" \
        '["answer", $id, [200, {"content-type": "application/json"}, ({$method, $name} | tojson)]]'
      ;;
    'POST /echo')
      make '.[1][0] |
        ["answer", $id, [200, {"content-type": (.headers["content-type"] // "application/octet-stream")}, .body]]'
      ;;
    'GET /cookies') text 200 $'two cookies\n' '{"set-cookie": ["a=1; Path=/", "b=2; Path=/"]}' ;;
    'GET /error') fail '{"status": 409, "message": "out of stock"}' ;;
    'GET /slow')
      printf -v ms %04d "$(parameter ms)"
      sleep "${ms%???}.${ms: -3}"
      text 200 slow
      ;;
    *) text 404 $'not found\n' ;;
  esac
}

# text STATUS BODY [HEADERS]
text() {
  make --argjson status "$1" --arg body "$2" --argjson headers "${3:-{\}}" \
    '["answer", $id, [$status, {"content-type": "text/plain; charset=utf-8"} + $headers, $body]]'
}

# The client sees the status, the message is for the log of the front.
fail() {
  make --argjson what "$1" '["fail", $id, $what]'
}

make() {
  jq -c --arg id "$id" "$@" <<< "$job"
}

# Of $query: + is a space, %41 is an A.
parameter() {
  local value
  [[ "&$query" =~ "&$1="([^&]*) ]] || return
  value=${BASH_REMATCH[1]//+/ }
  value=${value//\\/\\\\}
  printf %b "${value//%/\\x}"
}

# Reads a job. Prints the mailbox that waits for a reply to it, and the reply, each a line; nothing where nobody waits, or this is no job.
run() {
  local job fields action mailbox id method url reply
  job=$(cat)
  # No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
  fields=$(jq -rs 'select(length == 1)[0] | select((arrays | length) == 4)
    | select(.[2] // "-" | tostring | test("^[^{]"))
    | select([.[] | type] | .[0] == "string" and .[1] == "array" and (.[2] | IN("string", "null")) and (.[3] | IN("string", "number")))
    | (.[1][0] | objects // {}) as $request
    | @sh "action=\(.[0]) mailbox=\(.[2] // "") id=\(.[3]) method=\($request.method) url=\($request.url)"' <<< "$job" 2> /dev/null)
  if [[ ! $fields ]]; then
    [[ ! $job ]] || echo "not a job: ${job:0:100}" >&2
    return
  fi
  eval "$fields"
  if [[ $action == url ]]; then
    reply=$(handle "$method" "$url")
  else
    reply=$(fail '{"code": "NO_HANDLER", "message": "only url is handled here"}')
  fi
  [[ ! $mailbox ]] || printf '%s\n' "$mailbox" "${reply:-$(fail '{"message": "no reply was made"}')}"
}
