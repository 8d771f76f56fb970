/**
 * What `sub` compares: servers that pass on events to everyone subscribed, each a set of processes, with one or more ways to publish.
 *
 * Every hub has the channel `test` at /sub/test. The same clients read from all of them.
 */

import { startChild } from './child.js'
import { listFamily } from './cpu.js'
import type { Home } from './home.js'
import { missNchan, startNchan } from './nchan.js'
import { startPrivateRedis } from './redis.js'
import type { Publication } from './subscribers.js'

/** What every event carries. */
const data = '@'.repeat(64)

export interface RunningHub {
  port: number
  /** The processes that hold the streams: theirs is the memory that counts. */
  holders(): number[]
  /** All its processes. */
  pids(): number[]
  /** In the order of the hub's `ways`. */
  publications: Publication[]
  /** Collects garbage, where there is such a thing. */
  settle(): Promise<void>
  stop(): Promise<void>
}

export interface Hub {
  name: string
  /** How events are published, for people; each is a row of the table. */
  ways: string[]
  missing?: string
  start(home: Home): Promise<RunningHub>
}

export function listHubs(): Hub[] {
  return [
    { name: 'tempest', ways: ['Tempest, PUBLISH', 'Tempest, XADD'], start: startTempestHub },
    nchanHub('nchan1', 'Nchan, 1 worker process', 1),
    nchanHub('nchan2', 'Nchan, 2 worker processes', 2),
  ]
}

async function startTempestHub(home: Home): Promise<RunningHub> {
  const redis = await startPrivateRedis(home)
  const front = await startChild(home, 'sub', 'sub', [redis.url])
  const log = ['XADD', 'tempest:events', 'MAXLEN', '~', '100000', '*', 'channel', 'test']
  return {
    port: front.port,
    holders: () => [front.pid],
    pids: () => [front.pid, redis.pid],
    publications: [
      { port: redis.port, message: encodeCommand('PUBLISH', 'test', data) },
      { port: redis.port, message: encodeCommand(...log, 'data', data) },
    ],
    settle: async () => {
      await front.ask('memory')
    },
    stop: async () => {
      await front.stop()
      await redis.stop()
    },
  }
}

function nchanHub(name: string, title: string, workers: number): Hub {
  const missing = missNchan()
  const start = async (home: Home): Promise<RunningHub> => {
    const nchan = await startNchan(home, workers)
    const head = `POST /pub/test HTTP/1.1\r\nHost: test\r\nContent-Length: ${data.length}\r\n\r\n`
    // Its port answers before its workers are there.
    const pids = (): number[] => listFamily(nchan.pid)
    return {
      port: nchan.port,
      holders: pids,
      pids,
      publications: [{ port: nchan.port, message: head + data }],
      settle: () => Promise.resolve(),
      stop: nchan.stop,
    }
  }
  return { name, ways: [title], start, ...(missing !== undefined && { missing }) }
}

function encodeCommand(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}
