"""What gunicorn serves beside the worker in Python: the same answer, with as many headers as a front sends."""
BODY = b'Hello from Python\n'
HEADERS = [
    ('content-type', 'text/plain; charset=utf-8'),
    ('x-request-id', '0123456789abcdef-123456-0123456789abcdef'),
    ('content-length', str(len(BODY))),
]


def app(environ, start_response):
    start_response('200 OK', HEADERS)
    return [BODY]
