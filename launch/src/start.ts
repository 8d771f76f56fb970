/**
 * `npm start`: a Redis, a front and two workers, until Ctrl-C. The Redis is the one named in the
 * environment, else a private one. The banner comes when all of it works. The end goes the other
 * way round: the front drains while workers still answer, then the workers, then a private Redis. A
 * worker that dies is replaced; without front or Redis everything ends.
 */
import { relative, resolve } from 'node:path'
import { makeBanner } from './banner.js'
import { type Child, startChild } from './child.js'
import { type Crew, keepCrew } from './crew.js'
import { findExecutable, foldersOf } from './executable.js'
import { runProgram } from './program.js'
import { bringRedis, findClient } from './redis-binary.js'
import { checkAddress } from './redis-check.js'
import { makeCliCommand } from './redis-cli.js'
import { type RedisServer, startRedis } from './redis-server.js'
import { isPrintable, maskUrl, type RedisAddress } from './redis-url.js'
import { readSettings, type Settings, urlOf } from './settings.js'
import { assign, quote } from './shell.js'

const WORKERS = 2
const root = resolve(__dirname, '../..')

interface Redis {
  address: RedisAddress
  version: string
  origin: string
}

let server: RedisServer | undefined
let front: Child | undefined
let crew: Crew | undefined
let state: 'starting' | 'up' | 'stopping' = 'starting'

runProgram({
  async start(fail) {
    const settings = readSettings(process.env)
    const redis = await openRedis(settings)
    if (isStopping()) return
    const env = { TEMPEST_REDIS_URL: redis.address.url }
    front = startChild('front', env)
    const port = await front.ready
    if (isStopping()) return
    crew = keepCrew({ count: WORKERS, start: () => startChild('worker', env), say: console.error })
    await crew.ready
    const banner = await describe(settings, redis, port, { front: front.pid, workers: crew.pids() })
    if (isStopping()) return
    state = 'up'
    console.log(banner)
    void front.ended.then((how) => fail(`The front ended unasked: ${how}.`))
    void server?.ended.then((how) => fail(`The private Redis ended unasked: ${how}`))
  },
  async stop() {
    if (state === 'up')
      console.log('Stopping: open requests may finish. Ctrl-C again ends it at once.')
    state = 'stopping'
    await front?.stop()
    await crew?.stop()
    await server?.stop()
  },
  kill() {
    front?.kill()
    crew?.kill()
    // A private Redis ends with us.
  },
})

function isStopping(): boolean {
  return state === 'stopping'
}

async function openRedis(settings: Settings): Promise<Redis> {
  if (settings.redis) {
    const version = await checkAddress(settings.redis)
    return { address: settings.redis, version, origin: `from ${settings.redis.source}` }
  }
  const binary = await bringRedis({ note: console.log })
  server = await startRedis({ binary })
  const address = { url: server.url, source: 'TEMPEST_REDIS_URL' }
  return { address, version: await checkAddress(address), origin: `private (${binary.origin})` }
}

/** The person may be in a folder below this one, or elsewhere altogether (npm --prefix). */
async function describe(
  settings: Settings,
  { address, version, origin }: Redis,
  port: number,
  pids: { front: number; workers: number[] },
): Promise<string> {
  const cwd = process.env.INIT_CWD ?? process.cwd()
  const printable = isPrintable(address.url)
  const isDefaultQueue = settings.queues.join() === 'tempest'
  const workerEnv = assign({
    ...(printable && { TEMPEST_REDIS_URL: address.url }),
    ...(!isDefaultQueue && { TEMPEST_QUEUES: settings.queues.join() }),
  })
  const isElsewhere = relative(root, cwd).startsWith('..')
  return makeBanner({
    url: urlOf(settings.host, port),
    front: { pid: pids.front, queues: settings.queues, sub: settings.sub },
    workers: { pids: pids.workers, concurrency: settings.concurrency },
    redis: { pid: server?.pid, shown: maskUrl(address.url), version, origin },
    commands: {
      cli: await makeCliCommand(await findClient(), address, cwd),
      worker: `${workerEnv}npm ${isElsewhere ? `--prefix ${quote(root)} ` : ''}run worker`,
      secret: printable ? undefined : address.source,
    },
    has: (program) => findExecutable(foldersOf(), program) !== undefined,
  })
}
