/** What is written of a node that is gone, by a sweeper that may itself be gone at any point of it. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { resolveNodeOptions } from '../src/options'
import { bury, forget, noteSwept, readGraves } from '../src/presence/graves'
import { readRecord } from '../src/presence/record'
import { Connections } from '../src/redis/connections'
import { LinkError } from '../src/redis/link'

describeWithRedis('graves', () => {
  let redis: TestRedis
  let connections: Connections
  beforeAll(async () => {
    redis = await startTestRedis()
    const nothing = (): void => undefined
    connections = new Connections(resolveNodeOptions({ redis: redis.url }), {
      up: nothing,
      down: nothing,
    })
    await connections.whenUp()
  })
  afterEach(() => redis.cli('FLUSHALL'))
  afterAll(async () => {
    connections.close()
    await redis.stop()
  })

  const record = readRecord('0a', JSON.stringify({ role: 'worker', queues: ['q'], patience: 4000 }))
  if (!record) throw new Error('no record')

  /** Connections of one that ends after so many commands. */
  const endingAfter = (count: number): Connections => {
    let sent = 0
    const { commands, clock } = connections
    const counted = (go: () => Promise<unknown>): Promise<unknown> =>
      sent++ < count ? go() : Promise.reject(new LinkError(false))
    const link: Pick<typeof commands, 'send' | 'script'> = {
      send: (name, args) => counted(() => commands.send(name, args)),
      script: (script, keys, args) => counted(() => commands.script(script, keys, args)),
    }
    return Object.assign(Object.create(connections) as Connections, { commands: link, clock })
  }

  test('are read as they were written, noted and forgotten', async () => {
    await bury(connections, record, 12_345)
    expect(await readGraves(connections)).toMatchObject([
      { record: { boot: '0a', queues: ['q'] }, until: 12_345, swept: false, cancelled: false },
    ])
    await noteSwept(connections, '0a')
    expect(await readGraves(connections)).toMatchObject([{ swept: true }])
    // It died once more: what was done the first time counts for nothing.
    await bury(connections, record, 23_456)
    expect(await readGraves(connections)).toMatchObject([{ until: 23_456, swept: false }])
    await forget(connections, '0a')
    expect(await readGraves(connections)).toEqual([])
  })

  test.each([0, 1, 2, 3])(
    'never stand without a time to live, when who digs them ends after %i commands',
    async (count) => {
      const sweeper = endingAfter(count)
      await bury(sweeper, record, 1).catch(() => undefined)
      await noteSwept(sweeper, '0a').catch(() => undefined)
      // -2: there is none; -1: it stays for ever.
      expect(await redis.cli('TTL', 'tempest:gone')).not.toBe(-1)
    },
  )

  test('that are noted after their node has come back do not stay for ever either', async () => {
    await bury(connections, record, 1)
    await forget(connections, '0a')
    await noteSwept(connections, '0a')
    await until(async () => (await redis.cli('EXISTS', 'tempest:gone')) === 1)
    expect(Number(await redis.cli('TTL', 'tempest:gone'))).toBeGreaterThan(0)
    expect(await readGraves(connections)).toEqual([])
    expect(await redis.cli('EXISTS', 'tempest:gone')).toBe(0)
  })
})
