"""The way to Redis, as the environment gives it."""
import os
import re
import sys
from urllib.parse import unquote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# redis://[[user]:password@]host[:port][/db]
FORM = (r'redis://(?:((?:[^%:@/]|%[\da-fA-F]{2})*):((?:[^%@/]|%[\da-fA-F]{2})*)@)?'
        r'([\w.-]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?(?:/(\d{0,5}))?')

queue = os.environ.get('TEMPEST_QUEUES') or 'tempest'
url = re.fullmatch(FORM, os.environ.get('TEMPEST_REDIS_URL') or 'redis://localhost')
if ',' in queue:
    sys.exit('TEMPEST_QUEUES: this worker serves one queue, and takes no comma')
if not url or int(url[4] or 0) > 65535:
    sys.exit('TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]')
user, password, host, port, db = url.groups(default='')


def connect():
    # A client that repeats a command by itself pops two jobs and tells of one (P-61).
    return redis.Redis(host.strip('[]'), int(port or 6379), int(db or 0), unquote(password), socket_timeout=5,
                       username=unquote(user), retry=Retry(NoBackoff(), 0))
