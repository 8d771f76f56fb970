/** The programs that cannot go on: each says one sentence that names the option, and ends. */
import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../test/helpers/redis'
import { endAll, freePort, launch, type Launched } from './launched'
import { startOldRedis } from './old-redis'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  await endAll()
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function redisWith(...args: string[]): Promise<TestRedis> {
  const redis = await startTestRedis(...args)
  cleanups.push(() => redis.stop())
  return redis
}

/** A program that cannot go on says one sentence and ends with 1. */
async function refusalOf(program: Launched): Promise<string> {
  expect(await program.ended).toBe(1)
  expect(program.output().trim().split('\n')).toHaveLength(1)
  return program.output().trim()
}

describeWithRedis('npm start refuses, in a sentence that names the option', () => {
  test('a port that is taken', async () => {
    const { program, port } = await portTaken()
    expect(await refusalOf(program)).toMatch(
      new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is taken by another program: set PORT`),
    )
  })

  test('a value that cannot be used', async () => {
    expect(await refusalOf(launch('start', { PORT: 'abc' }))).toMatch(/^PORT=abc/)
  })

  test('a host that is not of this machine', async () => {
    const env = { HOST: '192.0.2.1', PORT: String(await freePort()) }
    expect(await refusalOf(launch('start', env))).toMatch(/^HOST=192\.0\.2\.1 is not an address/)
  })

  test('a Redis that is not there', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`
    expect(await refusalOf(launch('start', { TEMPEST_REDIS_URL: url }))).toMatch(
      /^TEMPEST_REDIS_URL=redis:.*ECONNREFUSED/,
    )
  })

  test('a Redis that refuses us', async () => {
    const { port } = await redisWith('--requirepass', 'geheim')
    const url = `redis://:falsch@127.0.0.1:${port}`
    const refusal = await refusalOf(launch('start', { REDIS_URL: url }))
    expect(refusal).toMatch(/^REDIS_URL=redis:\/\/:\*\*\*@.*WRONGPASS/)
    expect(refusal).not.toContain('falsch')
  })

  test('a Redis that may evict', async () => {
    const { url } = await redisWith('--maxmemory-policy', 'allkeys-lru')
    expect(await refusalOf(launch('start', { TEMPEST_REDIS_URL: url }))).toMatch(
      /^TEMPEST_REDIS_URL=.*maxmemory-policy is allkeys-lru/,
    )
  })

  test('a Redis that is too old', async () => {
    const old = await startOldRedis()
    cleanups.push(old.stop)
    const { url } = old
    expect(await refusalOf(launch('start', { TEMPEST_REDIS_URL: url }))).toMatch(
      /^TEMPEST_REDIS_URL=.*6\.2\.14 is too old/,
    )
  })
})

test.each(['front', 'worker'])(
  '%s says how to come by a Redis when none is named',
  async (name) => {
    expect(await refusalOf(launch(name))).toMatch(
      new RegExp(`^npm run ${name} needs a Redis: set TEMPEST_REDIS_URL.*npm start`),
    )
  },
)

async function portTaken(): Promise<{ program: Launched; port: number }> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  cleanups.push(() => holder.close())
  const address = holder.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { program: launch('start', { PORT: String(port) }), port }
}
