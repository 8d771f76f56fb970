/** What no careful publisher sends: entries of the log that are not whole, and arrays in arrays without end. */
import { expect, test } from '@jest/globals'
import connect from 'connect'
import { get, RawClient } from '../../packages/front/test/client'
import { serve, type Served, useRedis } from '../../packages/front/test/serve'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { parse } from './readers'

describeWithRedis('odd things', () => {
  const redis = useRedis()

  async function join(channel: string): Promise<{ served: Served; client: RawClient }> {
    const served = await serve({ redis: redis.url }, (front) =>
      connect().use('/sub', front.sub({ spreadMs: 0 })),
    )
    const client = await RawClient.open(served.port)
    client.write(get(`/sub/${channel}`))
    await client.hears(': joined\n')
    return { served, client }
  }

  const eventsOf = (client: RawClient): unknown[] => {
    const bytes = Buffer.from(client.text.slice(client.text.indexOf('\r\n\r\n') + 4), 'latin1')
    return parse(bytes, bytes.length).events.map(({ event, data }) => [event, data])
  }

  const add = (...fields: (string | Buffer)[]): Promise<unknown> =>
    redis.cli('XADD', 'tempest:events', '*', ...fields)

  test('in the log: fields in any order and fields of others are fine; an entry without channel or data is counted and passed over', async () => {
    const { served, client } = await join('a')
    await add('data', 'order', 'channel', 'a')
    await add('sent-by', 'me', 'channel', 'a', 'data', 'more', 'trace', 'x')
    await add('channel', 'a')
    await add('data', 'for whom')
    await add('x', 'y')
    await add('channel', '', 'data', 'for nobody')
    await add('channel', Buffer.from([0xff, 0x0a]), 'data', 'for no name')
    await add('channel', 'a', 'data', 'last')
    await client.hears('last')
    expect(eventsOf(client)).toEqual([
      ['message', 'order'],
      ['message', 'more'],
      ['message', 'last'],
    ])
    await until(() => served.front.stats().sub.malformed >= 3)
  })

  test('as payload: arrays nested without end are data, and the stream goes on', async () => {
    const { client } = await join('a')
    const depth = 50_000
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    await redis.cli('PUBLISH', 'a', nested)
    await redis.cli('PUBLISH', 'a', nested.slice(0, depth + 7))
    await redis.cli('PUBLISH', 'a', '["last"]')
    await client.hears('data: last\n')
    const [first, second, last] = eventsOf(client)
    // As it is, or what its one element holds.
    expect([
      ['message', nested],
      ['message', nested.slice(1, -1)],
    ]).toContainEqual(first)
    expect(second).toEqual(['message', nested.slice(0, depth + 7)])
    expect(last).toEqual(['message', 'last'])
  })
})
