/** Adapters behind a real front: what its clients see where either end breaks, and how fast it goes where one is slow. */
import { expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http'
import { atClose, listen, serve, useRedis, work } from '../../front/test/serve'
import { describeWithRedis } from '../../../test/helpers/redis'
import { untilStill } from '../../../test/helpers/still'
import { until } from '../../../test/helpers/until'
import { Gradual } from './gradual'
import { inject, replay } from '../src'

describeWithRedis('behind a front', () => {
  const redis = useRedis()

  /** A front whose worker hands all to this application. @returns its address */
  async function front(app: RequestListener, how: 'replay' | 'inject'): Promise<string> {
    if (how === 'inject') await work(redis.url, inject(app))
    else {
      const server = createServer(app)
      await work(redis.url, replay(`http://127.0.0.1:${await listen(server)}`))
    }
    return (await serve({ redis: redis.url })).url
  }

  async function get(url: string): Promise<IncomingMessage> {
    const sent = request(url, { agent: false })
    atClose(() => sent.destroy())
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  }

  for (const how of ['replay', 'inject'] as const) {
    test(`${how}: a client that leaves takes the request of the application along`, async () => {
      const closed: string[] = []
      const urls: string[] = []
      const app: RequestListener = (req, res) => {
        const { url = '' } = req
        urls.push(url)
        res.once('close', () => closed.push(url))
        if (url === '/begun') res.write('abc')
      }
      const url = await front(app, how)
      const begun = await get(`${url}/begun`)
      const left = new AbortController()
      const waiting = fetch(`${url}/waiting`, { signal: left.signal }).catch(() => undefined)
      await until(() => urls.includes('/waiting'))
      begun.destroy()
      left.abort()
      await waiting
      await until(() => closed.length === 2)
    })

    test(`${how}: what breaks off within its body never looks whole`, async () => {
      const app: RequestListener = (req, res) => {
        if (req.url === '/known') res.setHeader('content-length', 100_000)
        res.write('abc', () => setImmediate(() => res.destroy()))
      }
      const url = await front(app, how)
      for (const path of ['/known', '/unknown']) {
        // In one turn with its head it has a status of its own, later it is cut.
        const looksWhole = fetch(url + path).then(async (each) => {
          await each.arrayBuffer()
          return each.status < 500
        })
        expect(await looksWhole.catch(() => false)).toBe(false)
      }
    })

    test(`${how}: a slow client slows the application down, and gets all of it`, async () => {
      const piece = Buffer.alloc(64 * 1024, 'x')
      const pieces = 400
      const gradual = new Gradual(pieces, piece)
      const response = await get(await front(gradual.app, how))
      // Nobody reads: it comes to rest.
      await until(() => gradual.blocked)
      await untilStill(() => gradual.written)
      expect(gradual.written).toBeLessThan(pieces)
      let bytes = 0
      for await (const chunk of response) bytes += (chunk as Buffer).length
      expect(bytes).toBe(pieces * piece.length)
    })
  }
})
