/**
 * The thread that beats for the nodes of a process, so that a handler that computes for seconds does not look dead. It is told
 * `{ start: { boot, everyMs, redis } }` and `{ stop: boot }`, and answers nothing. Each node has a connection of its own here.
 */
import { clearInterval, setInterval } from 'node:timers'
import { parentPort, workerData } from 'node:worker_threads'
import { Redis } from 'ioredis'

const { script, keys, link } = workerData
const MAX_RETRY_MS = 500
const SILENCE_MS = 3000

/** @type {Map<string, { redis: Redis, timer: NodeJS.Timeout }>} */
const hearts = new Map()

function start({ boot, everyMs, redis: options }) {
  const redis = new Redis({
    ...options,
    ...link,
    connectionName: `tempest:${boot}:beat`,
    socketTimeout: SILENCE_MS,
    enableReadyCheck: false,
    retryStrategy: (attempt) => Math.min(50 * attempt, MAX_RETRY_MS),
  })
  // The main thread tells the operator what is wrong with Redis.
  redis.on('error', () => undefined)
  let beating = false
  const beat = async () => {
    if (beating || redis.status !== 'ready') return
    beating = true
    try {
      await redis.evalsha(script.sha, keys.length, ...keys, boot).catch((error) => {
        if (!String(error?.message).startsWith('NOSCRIPT')) throw error
        return redis.eval(script.source, keys.length, ...keys, boot)
      })
    } catch {
      // The next one may succeed; a node that cannot beat is as good as away.
    } finally {
      beating = false
    }
  }
  redis.on('ready', beat)
  hearts.set(boot, { redis, timer: setInterval(beat, everyMs) })
}

parentPort.on('message', (message) => {
  if (message.start) start(message.start)
  const heart = hearts.get(message.stop)
  if (!heart) return
  hearts.delete(message.stop)
  clearInterval(heart.timer)
  heart.redis.disconnect()
})
