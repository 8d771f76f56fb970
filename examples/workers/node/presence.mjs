// Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { connect, queue } from './store.mjs'

export const boot = workerData ?? randomBytes(8).toString('hex')
const workers = `{${queue}}:workers`
const record = JSON.stringify({ role: 'worker', queues: [queue], pid: process.pid, patience: 2500 })

export async function beat(redis) {
  const now = (await redis.time())[0] * 1000
  const together = redis.multi().hset('tempest:nodes', boot, record)
  await together.hincrby('tempest:beats', boot, 1).zadd(workers, now, boot).exec()
}

// This file in a thread of its own: a handler that computes for long must not look dead.
export function startBeats() {
  return new Worker(new URL(import.meta.url), { workerData: boot })
}

export async function leave(redis, beats) {
  await beats.terminate()
  const together = redis.multi().hdel('tempest:nodes', boot).hdel('tempest:beats', boot)
  await together.zrem(workers, boot).exec()
}

if (!isMainThread) {
  const redis = connect()
  for (;;) {
    await beat(redis).catch(() => {}) // who works hears of it as well
    await pause(500)
  }
}
