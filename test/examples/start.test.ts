/** examples/workers, started as the README prints it: what each takes from its environment, and what it refuses. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Redis } from 'ioredis'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { endAll, type Launched, type } from '../../launch/test/launched'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { describeLanguage, type Kind, kinds, type Name, names } from './languages'
import { printedLine } from './printed'

const BUILD_MS = 60_000
const secret = 's3cret'
/** As it is, and as a URL has it. */
const odd = {
  password: `${secret} @:/%+ü'"$\\`,
  inUrl: `${secret}%20%40:%2F%25+%C3%BC%27%22%24%5c`,
}

const refused = {
  TEMPEST_REDIS_URL: [
    `rediss://:${secret}@127.0.0.1`,
    `unix:///${secret}`,
    `redis://:${secret}%@127.0.0.1:1/0`,
    `redis://me:${secret}@127.0.0.1:65536`,
  ],
  TEMPEST_QUEUES: ['a,b'],
}

const builds = mkdtempSync(join(tmpdir(), 'tempest-printed-'))
let redis: TestRedis
let client: Redis
/** Of this machine, if it has IPv6. */
let host = '127.0.0.1'

beforeAll(async () => {
  if (process.env.TEMPEST_TEST_REDIS === undefined) return
  redis = await startTestRedis('--bind', '127.0.0.1', '-::1')
  if (await hasIpv6()) host = '[::1]'
  client = redis.client()
  await client.call('ACL', 'SETUSER', 'me', 'on', `>${odd.password}`, '~*', '&*', '+@all')
  await client.config('SET', 'requirepass', secret)
})
afterEach(async () => {
  // What is safe would wait for its last pop.
  for (const worker of started.splice(0)) worker.signal('SIGKILL')
  await endAll()
})
afterAll(async () => {
  rmSync(builds, { recursive: true, force: true })
  if (process.env.TEMPEST_TEST_REDIS !== undefined) await redis.stop()
})

const started: Launched[] = []
/** Built once for all that start it. */
const built = new Map<string, string>()
function start(name: Name, kind: Kind, env: Record<string, string>): Launched {
  const into = join(builds, `${name}-${kind}`)
  const line = built.get(into) ?? printedLine(name, kind, into)
  if (line.endsWith(`exec ${into}`)) built.set(into, `exec ${into}`)
  const worker = type(line, { LC_ALL: 'C', ...env })
  started.push(worker)
  return worker
}

for (const name of names) {
  describeLanguage(name, () => {
    test.each(kinds)(
      '%s starts by the command that the README prints; no name of a queue means tempest',
      async (kind) => {
        const url = `redis://:${secret}@127.0.0.1:${redis.port}`
        const worker = start(name, kind, { TEMPEST_REDIS_URL: url, TEMPEST_QUEUES: '' })
        await until(() => worker.output().includes('works for tempest\n'), BUILD_MS)
      },
    )

    test('takes user, password, port and database from the URL, and an IPv6 address', async () => {
      await Promise.all([
        works(name, 'worker', `redis://:${secret}@127.0.0.1:${redis.port}`, 0),
        works(name, 'safe', `redis://me:${odd.inUrl}@${host}:${redis.port}/3`, 3),
      ])
    })

    test('ends with one sentence, and no password, where it is given what it does not take', async () => {
      const cases = Object.entries(refused).flatMap(([variable, values]) =>
        values.map((value) => ({ variable, value })),
      )
      await Promise.all(
        cases.map(async ({ variable, value }) => {
          const worker = start(name, 'safe', { [variable]: value })
          expect([value, await endOf(worker)]).toEqual([value, 1])
          expect(worker.output()).toMatch(new RegExp(`^${variable}: .+\n$`))
          expect(worker.output()).not.toContain(secret)
        }),
      )
    })
  })
}

/** A job in that database is answered. */
async function works(name: Name, kind: Kind, url: string, database: number): Promise<void> {
  const queue = `${name}-${kind}`
  const worker = start(name, kind, { TEMPEST_REDIS_URL: url, TEMPEST_QUEUES: queue })
  const answers = `${queue}-answers`
  const job = JSON.stringify(['add', [], answers, '1'])
  await client.multi().select(database).rpush(queue, job).select(0).exec()
  await until(async () => {
    const found = await client.multi().select(database).llen(answers).select(0).exec()
    return found?.[1]?.[1] === 1
  }, 10_000)
  expect(worker.output()).not.toContain(secret)
}

async function endOf(worker: Launched): Promise<number | string | null> {
  const late = pause(10_000, `it goes on: ${worker.output()}`, { ref: false })
  return Promise.race([worker.ended, late])
}

async function hasIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(0, '::1', () => server.close(() => resolve(true)))
  })
}
