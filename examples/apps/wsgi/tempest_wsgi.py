"""Runs a WSGI application (PEP 3333) as a worker that pulls: python3 tempest_wsgi.py module:application

Needs redis-py and nothing of Tempest. Each thread is a worker with a held list (docs/protocol.md, P-71): when the process dies, what it had in
hand goes to another worker or ends in 502. Replies go whole; a cancelled request runs to its end.
"""
import base64, importlib, io, json, os, re, signal, sys, threading, time, traceback
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def setting(*names):  # an empty one counts as not set
    return next(((name, text) for name in names if (text := os.environ.get(name, '').strip())), (names[0], ''))


URL_FROM, URL = setting('TEMPEST_REDIS_URL', 'REDIS_URL')
URL = URL or 'redis://localhost'
QUEUE = setting('TEMPEST_QUEUES')[1] or 'tempest'
THREADS = setting('TEMPEST_CONCURRENCY')[1] or '8'
MAX_BODY = 32 * 1024 * 1024
MAX_SECONDS = 600  # for a response whose job has no deadline
VERBS = {'answer', 'fail', 'lost', 'head', 'chunk', 'end', 'pause', 'resume', 'send', 'close'}  # P-43
META = {'v': [int], 'deadline': [int, float], 'attempt': [int], 'retry': [bool], 'epoch': [str], 'request_id': [str]}  # P-13
HOP_BY_HOP = {'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'}
stopping = threading.Event()


def connect():  # P-61: a client that repeats BLMOVE by itself moves two jobs and tells of one
    return redis.Redis.from_url(URL, retry=Retry(NoBackoff(), 0), socket_timeout=5)


def check_settings():
    if not re.fullmatch(r'[1-9]\d{0,2}', THREADS):
        sys.exit(f'TEMPEST_CONCURRENCY={THREADS} cannot be used: it must be a whole number from 1 to 999.')
    if not re.fullmatch(r'[^\s{}:,]{1,128}', QUEUE):
        sys.exit(f'TEMPEST_QUEUES={QUEUE} cannot be used: this works for one queue, without white space, braces or colons; start one for each.')
    try:
        where = urlsplit(URL)
        connect().connection_pool.make_connection()
        at = where.path if where.scheme == 'unix' else where.hostname and re.fullmatch(r'/?\d*', where.path)
    except (TypeError, ValueError):
        at = None
    if not at:  # never repeated: there may be a password in it
        sys.exit(f'{URL_FROM} is not the URL of a Redis: use redis://host:6379, rediss://user:password@host:6379/0 or unix:///path/of/redis.sock.')


def text_to_bytes(body):  # P-20, P-21
    if isinstance(body, dict):
        return base64.b64decode(body['base64'], validate=True)
    return b'' if body is None else body.encode()


def bytes_to_text(body):
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {'base64': base64.b64encode(body).decode()}


def environ_of(request):
    """Fields and urls have one character for each byte (P-12), as PEP 3333 has them."""
    method, url, headers = request['method'], request['url'], request.get('headers') or {}
    path, _, query = url.partition('?')
    if not path.startswith('/'):  # absolute form: http://host/path
        path = '/' + path.partition('://')[2].partition('/')[2]
    body = text_to_bytes(request.get('body'))
    fields = {name: value if isinstance(value, str) else ','.join(value) for name, value in headers.items()}
    for text in (method, url, *fields.values()):
        text.encode('latin-1')
    scheme = 'https' if fields.get('x-forwarded-proto') == 'https' else 'http'
    # An IPv6 address keeps its brackets; a port is a number, whatever the client wrote.
    name, port = re.match(r'(\[[^\][]+\]|[^:[]*)(?::([0-9]{1,5})\Z)?', fields.get('host', '')).groups()
    environ = {
        'REQUEST_METHOD': method,
        'SCRIPT_NAME': unquote_to_bytes(request.get('mount', '')).decode('latin-1'),
        'PATH_INFO': unquote_to_bytes(path.encode('latin-1')).decode('latin-1'),
        'QUERY_STRING': query,
        'SERVER_NAME': name or 'localhost',
        'SERVER_PORT': port or ('443' if scheme == 'https' else '80'),
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': request.get('remote', ''),
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': scheme,
        'wsgi.input': io.BytesIO(body),
        'wsgi.errors': sys.stderr,
        'wsgi.multithread': True,
        'wsgi.multiprocess': True,
        'wsgi.run_once': False,
        'CONTENT_LENGTH': str(len(body)),
    }
    for name, value in fields.items():
        if '_' in name or name == 'content-length':  # x_y would pass for x-y
            continue
        key = name.upper().replace('-', '_')
        environ[key if key == 'CONTENT_TYPE' else 'HTTP_' + key] = value
    return environ


class Late(Exception):
    """The response went on for longer than anybody waits."""


class Response:
    """What the application says, until it is whole. Its limits are looked at with each piece, so one that says nothing more has none."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds
        self.status, self.headers, self.pieces, self.size = None, [], [], 0

    def start(self, status, headers, exc_info=None):
        if self.status is not None and exc_info is None:
            raise AssertionError('start_response was called twice without exc_info')
        # Nothing has left yet, so an error page may take the place of all that was there.
        self.status, self.headers, self.pieces, self.size = status, headers, [], 0
        return self.add

    def add(self, piece):
        self.size += len(piece)
        self.check()
        if piece:  # those of no length have no bound
            self.pieces.append(piece)

    def check(self):
        if time.monotonic() > self.until:
            raise Late('the response went on for too long')
        if self.size > MAX_BODY:
            raise ValueError(f'more than {MAX_BODY} bytes')

    def whole(self):
        if self.status is None:
            raise AssertionError('start_response was not called')
        self.check()  # an application may have caught what was raised
        headers = {}
        for name, value in self.headers:
            if name.lower() not in HOP_BY_HOP:
                headers.setdefault(name.lower(), []).append(value.strip(' \t'))
        return [int(self.status.split(' ')[0]), headers, bytes_to_text(b''.join(self.pieces))]


def call(app, environ, seconds):
    """The application's answer as [status, headers, body]."""
    response = Response(seconds)
    result = app(environ, response.start)
    try:
        for piece in result:
            response.add(piece)
    finally:
        if hasattr(result, 'close'):
            result.close()
    return response.whole()


def decode(raw):
    """The four of a job (P-10), the action None where that or the arguments are none; ValueError where nobody could be told of it (P-15)."""
    job = json.loads(raw.decode())
    if type(job) is not list or len(job) != 4:
        raise ValueError('not an array of four')
    action, args, respond_to, job_id = job
    if type(job_id) is not str and not (type(job_id) is int and abs(job_id) < 10**15):
        raise ValueError('job_id')
    if respond_to is not None:
        if type(respond_to) is not str or respond_to == '' or respond_to[0] == '{' or job_id == '':
            raise ValueError('respond_to')
        respond_to.encode()  # half a surrogate pair is a ValueError
    if type(action) is not str or action == '' or action in VERBS or type(args) is not list:
        action = None
    return action, args, respond_to, job_id


def deadline_of(request):  # P-14; metadata of another shape is none (P-13)
    meta = request.get('meta')
    if type(meta) is not dict or any(type(meta.get(key)) not in kinds for key, kinds in META.items()):
        return None
    return meta['deadline'] if meta['v'] == 1 else None


class Done:
    """What there is to be said of one entry of the queue. Made once, said until Redis takes it: the application is not called again."""

    def __init__(self, app, raw, now):
        self.raw, self.dead, self.respond_to, self.entry = raw, False, None, None
        try:
            action, args, self.respond_to, self.job_id = decode(raw)
        except (ValueError, RecursionError) as error:
            return self.bury(error)
        if action is None:
            self.bury('action or arguments')
            self.fail('BAD_REQUEST', 'malformed job')
        elif action != 'url':
            self.fail('NO_HANDLER', 'only url is handled here')
        else:
            self.handle(app, args, now)

    def handle(self, app, args, now):
        try:
            environ = environ_of(args[0])
            deadline = deadline_of(args[0])
            if deadline is not None and deadline < now:
                return
            seconds = MAX_SECONDS if deadline is None else (deadline - now) / 1000
        except (AttributeError, LookupError, TypeError, ValueError):
            return self.fail('BAD_REQUEST', 'not a request')
        try:
            self.entry = json.dumps(['answer', self.job_id, call(app, environ, seconds)])
        except Late as error:
            print(f'{environ["REQUEST_METHOD"]} {environ["PATH_INFO"]!a}: {error}', file=sys.stderr, flush=True)
            self.fail('DEADLINE', str(error))
        except BaseException as error:  # what the application throws is for its operator, not for the client
            traceback.print_exc()
            self.fail('HANDLER_FAILED', traceback.format_exception_only(error)[-1].strip()[:1000])

    def bury(self, why):  # a job in MessagePack, too: this reads JSON
        self.dead = True
        print(f'no job, kept in {{{QUEUE}}}:dead: {why}', file=sys.stderr, flush=True)

    def fail(self, code, message):
        self.entry = json.dumps(['fail', self.job_id, {'code': code, 'message': message}])

    def say(self, store):
        with unless_refused():
            if self.respond_to and self.entry and store.rpush(self.respond_to, self.entry) == 1:
                store.expire(self.respond_to, 21600)  # P-47
        with unless_refused():
            if self.dead:
                store.lpush('{%s}:dead' % QUEUE, self.raw)
                store.ltrim('{%s}:dead' % QUEUE, 0, 999)


@contextmanager
def unless_refused():  # P-74: what is refused for good is over; anything else, such as a full memory, passes
    try:
        yield
    except redis.ResponseError as error:
        if not isinstance(error, redis.exceptions.NoPermissionError) and not str(error).startswith('WRONGTYPE'):
            raise
        print(error, file=sys.stderr, flush=True)


class Worker(threading.Thread):
    def __init__(self, app):
        super().__init__()
        self.app, self.boot, self.done = app, os.urandom(8).hex(), None
        self.held = '{%s}:held:%s' % (QUEUE, self.boot)

    def run(self):
        store = connect()
        while not stopping.is_set():
            try:
                beat(store, [self])  # before the first pop: what it holds must be found
                while self.step(store):
                    pass
            except Exception as error:  # nothing ends a thread but the end of all
                print(repr(error), file=sys.stderr, flush=True)
                stopping.wait(0.5)

    def step(self, store):
        """False where it stops and holds nothing: what BLMOVE brought last is done as well."""
        # What stands here is its own, and nothing else (P-72). It may be empty, and is an entry nevertheless.
        raw, (seconds, micros) = store.pipeline().lindex(self.held, 0).time().execute()
        if raw is None:
            if stopping.is_set():
                return False
            store.blmove(QUEUE, self.held, 1, 'LEFT', 'RIGHT')
            return True
        if self.done is None or self.done.raw != raw:
            self.done = Done(self.app, raw, seconds * 1000 + micros // 1000)
        self.done.say(store)
        store.lrem(self.held, 1, raw)  # last of all
        self.done = None
        return True


def beat(store, workers):  # P-100 record, P-101 beat, P-76 registration, in one transaction
    now = store.time()[0] * 1000
    with store.pipeline() as p:
        for worker in workers:
            record = {'role': 'worker', 'queues': [QUEUE], 'pid': os.getpid(), 'patience': 2500}
            p.hset('tempest:nodes', worker.boot, json.dumps(record))
            p.hincrby('tempest:beats', worker.boot)
            p.zadd('{%s}:workers' % QUEUE, {worker.boot: now})
        p.execute()


def leave(store, worker):
    if store.llen(worker.held) == 0:  # else its record stays, and somebody sees to it
        store.hdel('tempest:nodes', worker.boot)
        store.hdel('tempest:beats', worker.boot)
        store.zrem('{%s}:workers' % QUEUE, worker.boot)


def ask_to_end(*_):
    stopping.set()
    for each in (signal.SIGINT, signal.SIGTERM):  # a second one ends it at once; what is in hand is held
        signal.signal(each, signal.SIG_DFL)


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith('-'):
        sys.exit('Usage: python3 tempest_wsgi.py module:application')
    check_settings()
    [name] = arguments
    module, _, attribute = name.partition(':')
    sys.path.insert(0, os.getcwd())
    app = getattr(importlib.import_module(module), attribute or 'application')
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, ask_to_end)
    workers = [Worker(app) for _ in range(int(THREADS))]
    for worker in workers:
        worker.start()
    print(f'{name} works for {QUEUE}, {THREADS} at a time', flush=True)
    store, told = connect(), False
    while alive := [worker for worker in workers if worker.is_alive()]:
        try:
            beat(store, alive)
        except redis.RedisError as error:
            print(error, file=sys.stderr, flush=True)
        if stopping.is_set() and not told:
            told = True
            print('what is in hand is finished; a second signal ends it at once', flush=True)
        time.sleep(0.1 if stopping.is_set() else 0.5)
    try:
        for worker in workers:
            leave(store, worker)
    except redis.RedisError as error:
        print(f'its record stays in Redis: {error}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    main(sys.argv[1:])
