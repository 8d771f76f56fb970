/** What a client says it saw last is not believed: rubbish costs it a gap, and nobody else anything. */
import { expect, test } from '@jest/globals'
import connect from 'connect'
import { get, RawClient } from '../../packages/front/test/client'
import { serve, type Served, useRedis } from '../../packages/front/test/serve'
import { elementsOf } from '../helpers/json'
import { describeWithRedis } from '../helpers/redis'
import { parse } from './readers'

/** None of them is an id. */
const rubbish: readonly string[] = [
  ...['rubbish', '1', '1-', '-1', '1-1-1', '01-1', '1.5-0', '0x1-0', '1-0 ; 2-0'],
  ...['-', '+', '$', '>', '*'],
  ...['(1-0', 'NaN-0', '\xe4', 'ä', '{}', '["1-0"]', 'null', '__proto__', '1'.repeat(5000)],
  // Redis' numbers end before these.
  ...['18446744073709551616-0', '99999999999999999999-0', '1-18446744073709551616'],
]

/** As they are written in the query. */
const rubbishInQuery: readonly string[] = [
  ...['%00', '1-0%00', '%001-0', '1-0%0aid:%205', '1-0%0d%0adata:%20evil', '%ff', '%F0%9F%98%80'],
]

/** Newer than any entry; one of them is no double, one the last of all ids. */
const future: readonly string[] = [
  ...['9007199254740993-0', '18446744073709551615-18446744073709551615'],
]

describeWithRedis('a Last-Event-ID', () => {
  const redis = useRedis()
  let served: Served
  let ids: string[]

  async function start(): Promise<void> {
    served = await serve({ redis: redis.url }, (front) =>
      connect().use('/sub', front.sub({ spreadMs: 0 })),
    )
    ids = []
    for (const data of ['one', 'two']) {
      const id = await redis.cli('XADD', 'tempest:events', '*', 'channel', 'a', 'data', data)
      ids.push(String(id))
    }
  }

  /** The events until the stream has joined. */
  async function ask(path: string, ...lines: string[]): Promise<unknown> {
    const client = await RawClient.open(served.port)
    client.write(get(path, ...lines))
    await client.hears(': joined\n')
    await client.hears(`id: ${ids[1] ?? ''}\n\n`)
    client.leave()
    const [head = '', body = ''] = client.text.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 200 /)
    const bytes = Buffer.from(body, 'latin1')
    const { events, errors } = parse(bytes, bytes.length)
    expect(errors).toEqual([])
    return events.map(({ event, data, id }) => [event, data, id])
  }

  const all = (): unknown => [
    ['message', 'one', ids[0]],
    ['message', 'two', ids[1]],
  ]

  const gap = ['gap', 'log', undefined]

  test('that is none gets a gap, and nothing of it comes back', async () => {
    await start()
    for (const given of rubbish) {
      const line = `Last-Event-ID: ${Buffer.from(given).toString('latin1')}`
      expect([given, await ask('/sub/a', line)]).toEqual([given, [gap]])
    }
    for (const given of rubbishInQuery) {
      expect([given, await ask(`/sub/a?lastEventId=${given}`)]).toEqual([given, [gap]])
    }
  })

  test('that no entry has gets a gap, then all there is behind it', async () => {
    await start()
    expect(await ask('/sub/a', 'Last-Event-ID: 0-1')).toEqual([gap, ...elementsOf(all())])
    for (const given of future) {
      expect([given, await ask('/sub/a', `Last-Event-ID: ${given}`)]).toEqual([given, [gap]])
    }
  })

  test('with NUL in the header is no request; the front goes on', async () => {
    await start()
    const answer = await RawClient.tell(served.port, get('/sub/a', 'Last-Event-ID: 1-0\0'))
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(await ask('/sub/a?last=2')).toEqual(all())
  })

  test('that is empty says nothing', async () => {
    await start()
    expect(await ask('/sub/a', 'Last-Event-ID:')).toEqual([])
    expect(await ask('/sub/a?lastEventId=')).toEqual([])
    expect(await ask('/sub/a?lastEventId=&last=1', 'Last-Event-ID: ')).toEqual([
      ['message', 'two', ids[1]],
    ])
  })

  test('in the header is newer than what the address says: that is how an EventSource returns', async () => {
    await start()
    const [one = '', two = ''] = ids
    expect(await ask(`/sub/a?lastEventId=${one}`)).toEqual([['message', 'two', two]])
    expect(await ask(`/sub/a?lastEventId=${one}`, `Last-Event-ID: ${two}`)).toEqual([])
    expect(await ask('/sub/a?last=2', `Last-Event-ID: ${two}`)).toEqual([])
    expect(await ask('/sub/a?lastEventId=rubbish&last=2', `last-event-id: ${one}`)).toEqual([
      ['message', 'two', two],
    ])
  })
})
