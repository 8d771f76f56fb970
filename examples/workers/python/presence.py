"""Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others."""
import json
import os
import secrets
import threading

import redis

from store import connect, queue

boot = secrets.token_hex(8)
workers = f'{{{queue}}}:workers'
record = json.dumps({'role': 'worker', 'queues': [queue], 'pid': os.getpid(), 'patience': 2500})
left = threading.Event()


def beat(store):
    now = store.time()[0] * 1000
    with store.pipeline() as p:
        p.hset('tempest:nodes', boot, record).hincrby('tempest:beats', boot)
        p.zadd(workers, {boot: now}).execute()


def beats():
    store = connect()
    while not left.wait(0.5):
        try:
            beat(store)
        except redis.RedisError:
            pass  # who works hears of it as well


# A thread of its own: a handler that computes for long must not look dead.
beating = threading.Thread(target=beats, daemon=True)


def leave(store):
    left.set()
    beating.join()  # a beat would bring it back
    with store.pipeline() as p:
        p.hdel('tempest:nodes', boot).hdel('tempest:beats', boot).zrem(workers, boot).execute()
