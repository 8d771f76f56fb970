"""The other side of MessagePack, in Python: packs and unpacks what it is told, line by line, or works and answers as a worker.

  peer.py                   lines of {"pack": tagged} or {"unpack": hex} in, {"hex"} or {"value": tagged} or {"error"} out
  peer.py worker <url> <queue>
"""
import json
import math
import sys

import msgpack


def to_tagged(value):
    if isinstance(value, bytes):
        return {'$bin': value.hex()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else {'$int': str(value)}
    if isinstance(value, float):
        if not math.isfinite(value):
            return {'$float': 'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'}
        return int(value) if value.is_integer() and abs(value) <= 2**53 else value
    if isinstance(value, msgpack.Timestamp):
        return {'$time': [value.seconds, value.nanoseconds]}
    if isinstance(value, list):
        return [to_tagged(each) for each in value]
    return {str(key): to_tagged(each) for key, each in value.items()}


def from_tagged(value):
    if isinstance(value, list):
        return [from_tagged(each) for each in value]
    if not isinstance(value, dict):
        return value
    if '$bin' in value:
        return bytes.fromhex(value['$bin'])
    if '$int' in value:
        return int(value['$int'])
    if '$float' in value:
        return float(value['$float'].lower())
    if '$time' in value:
        return msgpack.Timestamp(*value['$time'])
    return {key: from_tagged(each) for key, each in value.items()}


def talk():
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if 'pack' in asked:
                said = {'hex': msgpack.packb(from_tagged(asked['pack'])).hex()}
            else:
                value = msgpack.unpackb(bytes.fromhex(asked['unpack']), strict_map_key=False)
                said = {'value': to_tagged(value)}
        except Exception as error:
            said = {'error': type(error).__name__}
        print(json.dumps(said), flush=True)


def work(url, queue):
    import redis

    client = redis.Redis.from_url(url)
    print('ready', flush=True)
    while True:
        popped = client.blpop(queue, 1)
        if not popped:
            continue
        action, args, respond_to, job_id = msgpack.unpackb(popped[1])
        if action == 'url':
            request = args[0]
            length = len(request.get('body', b''))
            kind = type(request.get('body')).__name__
            headers = {'content-type': 'application/octet-stream', 'x-body': f'{kind} {length}'}
            result = [200, headers, request.get('body', b'')]
        else:
            result = [type(arg).__name__ for arg in args] + args
        if respond_to:
            client.rpush(respond_to, msgpack.packb(['answer', job_id, result]))


if sys.argv[1:2] == ['worker']:
    work(*sys.argv[2:4])
else:
    talk()
