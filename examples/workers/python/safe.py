"""Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs redis-py, nothing of Tempest."""
import signal
import threading
import time

import redis

import app
from presence import beat, beating, boot, leave
from store import connect, queue

held = f'{{{queue}}}:held:{boot}'
stopping = threading.Event()
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: stopping.set())


def work(store):
    beat(store)  # before it pops: what it holds must be found
    while True:
        raw = store.lindex(held, 0)  # what stands here is its own, and nothing else (P-72)
        if raw is not None:
            reply = app.run(raw)
            with store.pipeline() as p:
                if reply:
                    p.rpush(*reply).expire(reply[0], 21600)
                p.lrem(held, 1, raw).execute()
        elif not stopping.is_set():
            store.blmove(queue, held, 2)
        else:
            return leave(store)


store = connect()
beating.start()
print(f'safe.py works for {queue}', flush=True)
while not stopping.is_set():
    try:
        work(store)
    except redis.RedisError as error:
        print(error, flush=True)
        time.sleep(0.5)
