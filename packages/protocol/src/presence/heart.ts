/**
 * Beats for the nodes of this process from one thread of its own (thread/beat.mjs): a handler that computes for seconds must not
 * look dead, a process that was stopped must. Where the options of Redis cannot be given to a thread, the beat of
 * the main thread, once a second, has to do.
 */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { RedisOptions } from 'ioredis'
import { keys } from '../wire/keys.js'
import { loadScript } from '../redis/script.js'
import { linkOptions } from '../redis/template.js'

const file = join(__dirname, '..', '..', 'thread', 'beat.mjs')
const script = loadScript(join(__dirname, '..', '..', 'lua', 'beat.lua'))

let thread: Worker | undefined
/** What each node is started with, to be started again should the thread die. */
const hearts = new Map<string, { boot: string; redis: RedisOptions; everyMs: number }>()
const AGAIN_MS = 1000

/** @returns false where no thread can beat with these options. */
export function startHeart(boot: string, redis: RedisOptions, everyMs: number): boolean {
  const { tls } = redis
  const options = cloneable(redis)
  // Without its TLS options it would speak in the clear.
  if (tls !== undefined && options.tls === undefined) return false
  const heart = { boot, redis: options, everyMs }
  hearts.set(boot, heart)
  thread ??= startThread()
  thread.postMessage({ start: heart })
  return true
}

function startThread(): Worker {
  const workerData = { script, keys: [keys.beats, keys.nodes], link: cloneable(linkOptions) }
  const started = new Worker(file, { workerData, execArgv: [], stdout: false, stderr: false })
  started.unref()
  // Until it is there again the main thread beats, once a second.
  started.on('error', () => {
    thread = undefined
    setTimeout(restart, AGAIN_MS).unref()
  })
  return started
}

function restart(): void {
  if (thread || hearts.size === 0) return
  thread = startThread()
  for (const heart of hearts.values()) thread.postMessage({ start: heart })
}

export function stopHeart(boot: string): void {
  if (!hearts.delete(boot)) return
  thread?.postMessage({ stop: boot })
  if (hearts.size > 0) return
  void thread?.terminate()
  thread = undefined
}

/** What of the options can be sent to a thread: no functions, no secure contexts. */
function cloneable(options: RedisOptions): RedisOptions {
  const entries = Object.entries(options).filter(([, value]) => {
    try {
      structuredClone(value)
      return value !== undefined
    } catch {
      return false
    }
  })
  return Object.fromEntries(entries)
}
