/** Publishes the table once by PUBLISH and once by XADD to a front of this process, while readers look on. */
import { createFront, type Front } from '@tempest/front'
import connect from 'connect'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { cases, LAST, MARK, READY } from './cases'
import type { Event, Reader } from './readers'

export type Way = 'PUBLISH' | 'XADD'
export const ways: readonly Way[] = ['PUBLISH', 'XADD']

/** The channel of each way. */
export const channels: Record<Way, string> = { PUBLISH: 'live', XADD: 'log' }

export interface Table {
  readonly redis: TestRedis
  readonly front: Front
  /** Where reader.html is; streams are at `sub/<channel>` of it. */
  readonly url: string
  /** The id of each case; of PUBLISH: the last in the log at that time. */
  readonly ids: Record<Way, string[]>
  /** Runs it. @returns what each reader saw of each case, and at last of the end. */
  run(way: Way, readers: Record<string, Reader>): Promise<Record<string, Event[][]>>
  stop(): Promise<void>
}

const html = readFileSync(join(__dirname, 'reader.html'))

export async function openTable(): Promise<Table> {
  const redis = await startTestRedis()
  const front = createFront({ redis: redis.url, drainMs: 100 })
  const app = connect()
    .use('/sub', front.sub({ spreadMs: 0 }))
    .use((_req, res) => res.setHeader('content-type', 'text/html; charset=utf-8').end(html))
  const server = createServer(app)
  front.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const client = redis.client()
  const ids: Table['ids'] = { PUBLISH: [], XADD: [] }
  const add = async (channel: string, data: string | Buffer): Promise<string> =>
    String(await client.xadd('tempest:events', '*', 'channel', channel, 'data', data))
  const seed = await add('another', 'so that there is an id at joining')

  const send = async (way: Way, payload: string | Buffer): Promise<string> => {
    if (way === 'XADD') return add(channels.XADD, payload)
    await client.publish(channels.PUBLISH, payload)
    return seed
  }

  return {
    redis,
    front,
    url: `http://127.0.0.1:${port}/`,
    ids,
    async run(way, readers) {
      const all = Object.values(readers)
      await until(async () => {
        await send(way, JSON.stringify([READY, '']))
        return (await Promise.all(all.map(async (reader) => reader.ready()))).every(Boolean)
      })
      const sent = [...cases.map(({ payload }) => payload), LAST].map(async (payload, n) => {
        const [, id] = await Promise.all([
          send(way, JSON.stringify([MARK, String(n)])),
          send(way, payload),
        ])
        return id
      })
      // Without the end's.
      ids[way] = (await Promise.all(sent)).slice(0, -1)
      const seen = Object.entries(readers).map(
        async ([name, reader]) => [name, byCase(await reader.ended())] as const,
      )
      return Object.fromEntries(await Promise.all(seen))
    },
    async stop() {
      await front.stop()
      await redis.stop()
    },
  }
}

/** One list for each case, and at the end one for what came with the end of the table. */
function byCase(events: readonly Event[]): Event[][] {
  const lists: Event[][] = [...cases.map(() => []), []]
  let at = -1
  for (const event of events) {
    if (event.event === MARK) at = Number(event.data)
    else lists[at]?.push(event)
  }
  return lists
}
