"""Streams the words of a prompt: straight to the front where it listens, else through its mailbox. Needs redis-py and nothing of Tempest."""
import json
import os
import time
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

url = os.environ.get('TEMPEST_REDIS_URL') or os.environ.get('REDIS_URL') or 'redis://localhost'
queues = os.environ.get('TEMPEST_QUEUES', 'tempest').split(',')
token_s = float(os.environ.get('TOKEN_MS', 100)) / 1000
# A client that repeats a command by itself pops two jobs and tells of one (docs/protocol.md, P-61).
once = {'retry': Retry(NoBackoff(), 0), 'socket_timeout': 5}

store = redis.Redis.from_url(url, **once)


def by_mailbox(mailbox, job_id):
    def say(verb, *rest):
        store.rpush(mailbox, json.dumps([verb, job_id, *rest]))

    return say


def by_front(address, job_id):
    """The same verbs as commands to the front itself, or None where that is not the one that asked."""
    host, _, port = address.rpartition(':')
    front = redis.Redis(host.strip('[]'), int(port), **once)
    try:
        boot = str(front.info()['tempest_boot']).zfill(16)  # a number, where it looks like one
    except (redis.RedisError, KeyError):
        return None

    def say(verb, *rest):
        texts = [json.dumps(each) if isinstance(each, (list, dict)) else each for each in rest]
        front.execute_command(verb, job_id, *texts)

    return say if boot == job_id.split('-')[0] else None


def run(action, args, respond_to, job_id):
    if respond_to is None:
        return
    request = args[0] if action == 'url' else {}
    direct = request.get('meta', {}).get('direct')
    say = (direct and by_front(direct, job_id)) or by_mailbox(respond_to, job_id)
    target = urlsplit(request.get('url', ''))
    if target.path == '/tokens':
        stream(say, parse_qs(target.query).get('prompt', [''])[0].split())
    else:
        say('fail', {'status': 404, 'code': 'HTTP_ERROR', 'message': 'there is only /tokens here'})


def stream(say, words):
    made = 0
    try:
        say('head', [200, {'content-type': 'text/event-stream', 'cache-control': 'no-cache'}])
        for word in words:
            time.sleep(token_s)
            say('chunk', f'data: {word} \n\n', made)
            made += 1
        say('end', made)
    except redis.ResponseError as error:  # GONE: the client has left. A mailbox never says so.
        print(error)
    print(f'made {made} of {len(words)} tokens', flush=True)


print('tokens.py works for', ', '.join(queues), flush=True)
try:
    while True:
        try:
            popped = store.blpop(queues, 3)
            if popped:
                run(*json.loads(popped[1]))
        except (redis.ConnectionError, redis.TimeoutError) as error:
            print(error, flush=True)
            time.sleep(0.5)
        except (LookupError, TypeError, ValueError) as error:
            print('not a job:', popped, error, flush=True)
except KeyboardInterrupt:
    pass
