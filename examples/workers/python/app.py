"""What this worker answers: put yours into `handle`. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42)."""
import base64
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

TEXT = {'content-type': 'text/plain; charset=utf-8'}


class Failure(Exception):
    """Raised to refuse a request: the client sees the status, the message is for the log of the front."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def handle(method, target, headers, body):
    url = urlsplit(target)
    query = parse_qs(url.query, keep_blank_values=True)
    match method, url.path:
        case 'GET' | 'HEAD', '/':
            return 200, TEXT, b'Hello from Python\n'
        case 'GET', '/json':
            answer = {'method': method, 'name': query.get('name', [None])[0]}
            return 200, {'content-type': 'application/json'}, json.dumps(answer).encode()
        case 'POST', '/echo':
            return 200, {'content-type': headers.get('content-type', 'application/octet-stream')}, body
        case 'GET', '/cookies':
            return 200, TEXT | {'set-cookie': ['a=1; Path=/', 'b=2; Path=/']}, b'two cookies\n'
        case 'GET', '/error':
            raise Failure(409, 'out of stock')
        case 'GET', '/slow':
            time.sleep(int(query['ms'][0]) / 1000)
            return 200, TEXT, b'slow'
    return 404, TEXT, b'not found\n'


def run(raw):
    """The mailbox that waits for a reply to this job, and the reply. None where nobody waits, or this is no job."""
    try:
        match json.loads(raw):
            # No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
            case [_, _, str(mailbox), _] if mailbox[:1] in ('', '{'):
                pass
            case [str(action), list(args), str() | None as mailbox, str() | int() as job_id]:
                entry = reply(action, args, str(job_id))
                return mailbox and (mailbox, json.dumps(entry))
        raise ValueError('it is not an array of an action, its arguments, a mailbox and an id')
    except (ValueError, RecursionError) as error:
        print('not a job:', raw[:100], error, file=sys.stderr)


def reply(action, args, job_id):
    if action != 'url':
        return ['fail', job_id, {'code': 'NO_HANDLER', 'message': f'no handler for {action}'}]
    try:
        request = args[0]
        body = from_json(request.get('body'))
        status, headers, body = handle(request['method'], request['url'], request['headers'], body)
        return ['answer', job_id, [status, headers, to_json(body)]]
    except Failure as failure:
        return ['fail', job_id, {'status': failure.status, 'message': str(failure)}]
    except Exception as error:
        return ['fail', job_id, {'message': repr(error)}]


def from_json(body):
    """Bytes are text in JSON, or else base64 (P-20)."""
    if isinstance(body, dict):
        return base64.b64decode(body['base64'], validate=True)
    return (body or '').encode()


def to_json(body):
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {'base64': base64.b64encode(body).decode()}
