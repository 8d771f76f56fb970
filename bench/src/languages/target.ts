/** What is measured for a language: its workers behind one front, and its server behind nginx, each with a URL of its own. */

import type { RedisServer } from '@tempest/launch'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { checkAnswer, type Answer } from '../answer.js'
import { startChild, type Child } from '../child.js'
import { listFamily, readCpuMs } from '../cpu.js'
import type { Home } from '../home.js'
import { findFreePort, findProgram, startProgram } from '../program.js'
import { RedisReader, startPrivateRedis } from '../redis.js'
import { hello } from '../targets/hello.js'
import type { Role, Running } from '../target.js'
import { commandFor, type Kind, type Language } from './language.js'
import { startNginxBefore } from './nginx.js'
import type { Server } from './server.js'

/** What still stands in line after a cell is worked off within it, or disturbs the next one. */
const SETTLE_MS = 20_000
const LOOK_MS = 100
const IDLE_MS = 10
/** Python writes nothing beside its sources. */
const env = { PYTHONDONTWRITEBYTECODE: '1' }

export interface Started extends Running {
  answer: Answer
  /** How many jobs stand in line, of a worker. */
  waiting(): Promise<number>
}

/** The front and the Redis that all workers share. */
export interface Gate {
  redis: RedisServer
  reader: RedisReader
  front: Child
}

export async function openGate(home: Home): Promise<Gate> {
  const redis = await startPrivateRedis(home)
  const front = await startChild(home, 'front', 'language-front', [redis.url])
  return { redis, front, reader: new RedisReader(home, redis.url) }
}

export async function startWorker(
  home: Home,
  gate: Gate,
  language: Language,
  kind: Kind,
): Promise<Started> {
  const queue = `${language.name}-${kind}`
  const { command, args } = await commandFor(home, language, kind)
  const given = { ...env, TEMPEST_REDIS_URL: gate.redis.url, TEMPEST_QUEUES: queue }
  const worker = await startProgram(home, { command, args, port: undefined, env: given })
  return serve(gate, queue, worker, `Hello from ${language.title}\n`)
}

/** The yardstick: a worker of ours that does so many jobs at once. */
export async function startOurs(home: Home, gate: Gate, concurrency: number): Promise<Started> {
  const queue = `ours-${concurrency}`
  const worker = await startChild(home, queue, 'worker', [gate.redis.url, queue, concurrency])
  return serve(gate, queue, worker, hello)
}

async function serve(
  { redis, front, reader }: Gate,
  queue: string,
  worker: { pid: number; stop(): Promise<void> },
  expected: string,
): Promise<Started> {
  const port = await front.askNumber('serve', queue)
  const parts = [
    { role: 'front' as Role, pids: [front.pid] },
    { role: 'redis' as Role, pids: [redis.pid] },
    { role: 'worker' as Role, pids: [worker.pid] },
  ]
  const stop = (): Promise<void> => worker.stop()
  const waiting = (): Promise<number> => reader.length(queue)
  return check({ queue, port, parts, expected, stop, waiting })
}

/** Where nginx is missing, a server that speaks HTTP is measured without it. */
export async function startServer(
  home: Home,
  language: Language,
  server: Server,
): Promise<Started> {
  const folder = home.createFolder(`server-${language.name}`)
  const nginx = findProgram('nginx')
  const plain = nginx === undefined ? await findFreePort() : undefined
  const at = plain === undefined ? join(folder, 'socket') : `127.0.0.1:${plain}`
  const { command, args } = server.command({ folder, at })
  const program = await startProgram(home, { command, args, port: plain ?? at, env })
  const proxy = nginx && (await startNginxBefore(home, server, at))
  const started = await check({
    queue: `${server.title} of ${language.title}`,
    port: proxy ? proxy.port : (plain ?? 0),
    parts: [],
    waiting: () => Promise.resolve(0),
    expected: `Hello from ${language.title}\n`,
    stop: async () => {
      if (proxy) await proxy.stop()
      await program.stop()
    },
  })
  // Behind its first answer it has the children it works in.
  if (proxy) started.parts.push({ role: 'proxy', pids: listFamily(proxy.pid) })
  started.parts.push({ role: 'server', pids: listFamily(program.pid) })
  return started
}

interface Checked {
  queue: string
  port: number
  parts: Running['parts']
  expected: string
  stop(): Promise<void>
  waiting(): Promise<number>
}

async function check({ queue, port, expected, ...rest }: Checked): Promise<Started> {
  const url = `http://127.0.0.1:${port}/`
  return { url, children: [], ...rest, answer: await checkAnswer(queue, url, expected) }
}

/** Resolves when its processes have nothing left to do. @returns false where they go on all the same */
export async function settle({ parts, waiting }: Started): Promise<boolean> {
  const until = performance.now() + SETTLE_MS
  const pids = parts.flatMap((part) => part.pids)
  for (let last = readCpuMs(pids); performance.now() < until;) {
    await sleep(LOOK_MS)
    const now = readCpuMs(pids)
    if (!(now - last > IDLE_MS) && (await waiting()) === 0) return true
    last = now
  }
  return false
}
