/** Who comes back gets what he has missed: without gap or repeat, on any front; where that cannot be, he is told. */
import { expect, test } from '@jest/globals'
import type { SubOptions } from '@tempest/front'
import connect from 'connect'
import { Subscriber, type SubscriberOptions } from '../../../../test/helpers/events'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { atClose, serve, type Served, useRedis } from '../serve'

const log = 'tempest:events'

describeWithRedis('the event log', () => {
  const redis = useRedis()

  const start = (options: SubOptions = {}): Promise<Served> =>
    serve({ redis: redis.url, drainMs: 1000 }, (front) =>
      connect().use('/sub', front.sub({ spreadMs: 0, ...options })),
    )
  async function listen(
    { port }: Served,
    path: string,
    options?: SubscriberOptions,
  ): Promise<Subscriber> {
    const subscriber = new Subscriber([port], `/sub/${path}`, options)
    atClose(() => subscriber.close())
    await until(() => subscriber.joined)
    return subscriber
  }
  const said = ({ events }: Subscriber): string[] =>
    events.map(({ event, data }) => (event === 'message' ? data : `${event}: ${data}`))
  /** @returns their ids. */
  async function add(count: number, channel = 'a', from = 0): Promise<string[]> {
    const ids: string[] = []
    for (let n = from; n < from + count; n++) {
      ids.push(String(await redis.cli('XADD', log, '*', 'channel', channel, 'data', `[${n}]`)))
    }
    return ids
  }

  test('is replayed behind the id a client names, by header or query, and goes on live', async () => {
    const served = await start()
    const ids = await add(5)
    const one = await listen(served, 'a', { lastEventId: String(ids[1]) })
    const two = await listen(served, `a?lastEventId=${ids[3]}`)
    await add(1, 'a', 5)
    await until(() => one.events.length === 4 && two.events.length === 2)
    expect([said(one), said(two)]).toEqual([
      ['2', '3', '4', '5'],
      ['4', '5'],
    ])
  })

  test('has one order for all channels of a stream', async () => {
    const served = await start()
    const [first] = await add(1, 'x')
    for (let n = 0; n < 6; n++) await add(1, n % 2 ? 'a' : 'b', n)
    await add(1, 'c', 99)
    const one = await listen(served, 'a,b', { lastEventId: String(first) })
    expect(said(one)).toEqual(['0', '1', '2', '3', '4', '5'])
  })

  test('reaches back further than memory does', async () => {
    const ids = await add(60)
    const served = await start({ ringEntries: 5 })
    const one = await listen(served, 'a', { lastEventId: String(ids[2]) })
    expect(said(one)).toEqual(Array.from({ length: 57 }, (_, i) => String(i + 3)))
    expect(served.front.stats().sub.ringEntries).toBe(5)
  })

  test('tells a client that has had nothing yet where to go on from', async () => {
    const served = await start()
    const one = await listen(served, 'a')
    expect(one.lastEventId).toBe('0-0')
    one.leave()
    await add(2)
    one.resume()
    await until(() => one.joins === 2)
    expect(said(one)).toEqual(['0', '1'])
  })

  test('gives the last so many of a stream’s channels to who asks, without ends of old', async () => {
    const served = await start()
    await add(3)
    await redis.cli('XADD', log, '*', 'channel', 'a', 'data', '["$unsubscribe"]')
    await add(2, 'b', 10)
    await add(1, 'a', 3)
    const one = await listen(served, 'a?last=2')
    expect([said(one), said(await listen(served, 'a?last=100'))]).toEqual([
      ['2', '3'],
      ['0', '1', '2', '3'],
    ])
    expect(said(await listen(served, 'a?last=0'))).toEqual([])
  })

  test('ends a channel also for who comes back behind its end', async () => {
    const served = await start()
    const [first] = await add(1)
    await redis.cli('XADD', log, '*', 'channel', 'a', 'data', '["$unsubscribe"]')
    await add(1, 'a', 1)
    const one = new Subscriber([served.port], '/sub/a', { lastEventId: String(first) })
    atClose(() => one.close())
    await until(() => one.connections[0]?.endedAt !== undefined)
    expect(said(one)).toEqual(['end: '])
  })

  test.each(['rubbish', '1', '9-9-9', '0-1', '\u00e9', '99999999999999-0'])(
    'says that something may be missing to who names %j, and goes on',
    async (lastEventId) => {
      const served = await start()
      await add(2)
      const one = await listen(served, `a?lastEventId=${encodeURIComponent(lastEventId)}`)
      await add(1, 'a', 2)
      await until(() => said(one).includes('2'))
      expect(said(one)[0]).toBe('gap: log')
    },
  )

  test('says so too where the log was trimmed beyond that id, and then gives what there is', async () => {
    const ids = await add(6)
    await redis.cli('XTRIM', log, 'MAXLEN', '=', 2)
    const served = await start()
    const one = await listen(served, 'a', { lastEventId: String(ids[1]) })
    expect(said(one)).toEqual(['gap: log', '4', '5'])
    const two = await listen(served, 'a', { lastEventId: String(ids[4]) })
    expect(said(two)).toEqual(['5'])
  })

  test('says so to all where the log is gone, and goes on with the new one', async () => {
    const served = await start()
    await add(2)
    const one = await listen(served, 'a')
    await redis.cli('DEL', log)
    await redis.cli('XADD', log, '1-1', 'channel', 'a', 'data', 'new')
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until(() => said(one).includes('new'))
    expect(said(one)).toEqual(['gap: log', 'new'])
    await add(1, 'a', 7)
    await until(() => said(one).includes('7'))
  })

  test('may hold entries that are no events: they are counted and hurt nobody', async () => {
    const served = await start()
    const one = await listen(served, 'a')
    await redis.cli('XADD', log, '*', 'foo', 'bar')
    await redis.cli('XADD', log, '*', 'channel', 'a')
    await redis.cli('XADD', log, '*', 'data', 'x')
    await add(1)
    await until(() => one.events.length === 1)
    expect(served.front.stats().sub.malformed).toBe(3)
  })

  test('that is no stream makes the front unready; streams join when it is one', async () => {
    await redis.cli('SET', log, 'x')
    const served = await start()
    const one = new Subscriber([served.port], '/sub/a')
    atClose(() => one.close())
    await until(() => one.open && !served.front.stats().ready)
    await redis.cli('DEL', log)
    await until(() => one.joined && served.front.stats().ready)
    await add(1)
    await until(() => one.events.length === 1)
  })

  test('that has lost its end is not told again from its beginning', async () => {
    const served = await start()
    await add(3)
    const one = await listen(served, 'a')
    const [last] = await add(1, 'a', 3)
    await until(() => one.events.length === 1)
    // As after a restart of Redis that had not yet written the newest.
    const dump = (await redis.cli('XRANGE', log, '-', '+')) as [string, string[]][]
    await redis.cli('DEL', log)
    for (const [id, fields] of dump.slice(0, 3)) await redis.cli('XADD', log, id, ...fields)
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until(() => said(one).includes('gap: log'))
    await add(1, 'a', 7)
    await until(() => said(one).includes('7'))
    expect(said(one)).toEqual(['3', 'gap: log', '7'])
    const two = await listen(served, 'a', { lastEventId: String(last) })
    expect(said(two)).toEqual(['gap: log', '7'])
  })

  test('is replayed whole to a client that reads slowly while it moves on', async () => {
    const served = await start({ ringEntries: 5 })
    const [first] = await add(1)
    const data = JSON.stringify(['x'.repeat(60_000)])
    const more = async (count: number): Promise<string[]> => {
      const ids: string[] = []
      for (let n = 0; n < count; n++)
        ids.push(String(await redis.cli('XADD', log, '*', 'channel', 'a', 'data', data)))
      return ids
    }
    const before = await more(120)
    const one = new Subscriber([served.port], '/sub/a', { lastEventId: String(first) })
    atClose(() => one.close())
    await until(() => one.open)
    one.slow()
    const meanwhile = await more(20)
    one.fast()
    await until(() => one.events.length === 140)
    expect(one.events.map(({ id }) => id)).toEqual([...before, ...meanwhile])
  })

  test('is waited for by who had more of it from another front', async () => {
    const [one, two] = [await start(), await start()]
    await listen(one, 'a')
    for (let n = 0; n < 20; n++) {
      const [id] = await add(1, 'a', n)
      const back = await listen(two, 'a', { lastEventId: String(id) })
      expect(said(back)).toEqual([])
      back.close()
    }
  })

  test('may hold events of any size: memory is bounded by what they are, not by what is kept of them', async () => {
    const served = await start({ maxEventBytes: 1000 })
    await add(1)
    const large = 'x'.repeat(300_000)
    for (let n = 0; n < 40; n++) await redis.cli('XADD', log, '*', 'channel', 'a', 'data', large)
    const one = await listen(served, 'a?last=40')
    expect(said(one)).toEqual(Array.from({ length: 40 }, () => 'gap: size'))
  })

  test('can be switched off', async () => {
    const served = await start({ log: false })
    const one = await listen(served, 'a')
    await add(1)
    await redis.cli('PUBLISH', 'a', 'live')
    await until(() => one.events.length === 1)
    expect([said(one), one.lastEventId]).toEqual([['live'], ''])
  })
})
