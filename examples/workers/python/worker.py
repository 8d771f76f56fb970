"""Pops jobs and answers them, at most once: the job in its hand dies with it. Needs redis-py, nothing of Tempest."""
import time

import redis

import app
from store import connect, queue

store = connect()
print(f'worker.py works for {queue}', flush=True)
while True:
    try:
        popped = store.blpop([f'{{{queue}}}:high', queue, f'{{{queue}}}:low'], 3)
        reply = popped and app.run(popped[1])
        if reply and store.rpush(*reply) == 1:
            store.expire(reply[0], 21600)  # a new list: its reader may be gone for good (P-47)
    except redis.RedisError as error:
        print(error, flush=True)
        time.sleep(0.5)
