# Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
boot=$(od -An -tx8 -N8 /dev/urandom)
boot=${boot# }
record='{"role":"worker","queues":["'$queue'"],"pid":'$$',"patience":2500}'

beat() {
  ask EVAL "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
    return redis.call('ZADD', KEYS[3], redis.call('TIME')[1] * 1000, ARGV[1])" \
    3 tempest:nodes tempest:beats "{$queue}:workers" "$boot" "$record" < /dev/null > /dev/null
}

# Beside the work, since a job that takes long must not look dead; until the pipe from this process ends, as it does when it is killed.
coproc beats {
  trap '' INT TERM
  while read -rt 0.5; (($? > 128)); do beat; done 2> /dev/null
}

leave() {
  local pid=$beats_PID
  exec {beats[1]}>&-
  wait "$pid" # a beat would bring it back
  ask HDEL tempest:nodes "$boot" && ask HDEL tempest:beats "$boot" && ask ZREM "{$queue}:workers" "$boot"
}
