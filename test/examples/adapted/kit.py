"""The application that the conformance kit asks for (packages/conformance/README.md), in WSGI; /error, which is no HTTP, is not in it."""
import json, time
from urllib.parse import parse_qs


def application(environ, start_response):
    method, path = environ['REQUEST_METHOD'], environ['PATH_INFO']
    query = parse_qs(environ['QUERY_STRING'])
    text = [('content-type', 'text/plain')]
    if path == '/':
        start_response('200 OK', text)
        return [b'hello\n']
    if path == '/json':
        start_response('200 OK', [('content-type', 'application/json')])
        return [json.dumps({'method': method, 'name': query['name'][0]}).encode()]
    if path == '/echo':
        start_response('200 OK', [('content-type', environ.get('CONTENT_TYPE', 'application/octet-stream'))])
        return [environ['wsgi.input'].read()]
    if path == '/cookies':
        start_response('200 OK', [('set-cookie', 'a=1; Path=/'), ('set-cookie', 'b=2; Path=/')])
        return []
    if path == '/slow':
        time.sleep(int(query['ms'][0]) / 1000)
        start_response('200 OK', text)
        return [b'at last\n']
    start_response('404 Not Found', text)
    return [b'not found\n']
