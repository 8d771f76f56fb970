/** The connections a front hears events by are closed or go silent, under load. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { elementsOf, fieldsOf } from '../helpers/json'
import { cuts, type Proxy, startProxy } from '../helpers/proxy'
import { describeWithRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import type { Listener } from './heard'
import { channelsOf, type Hub, type HubFront, openHub } from './hub'

const KILLS = 3
const KILL_MS = 1000
const DEAF_MS = 2000
const DELAY_MS = 20
const PER_FRONT = 8
/** A silent link is noticed after 3 to 3.5 s; the rest is for a machine that is busy. */
const WHOLE_MS = 15_000

describeWithRedis('a front that goes deaf', () => {
  const hubs: Hub[] = []
  const proxies: Proxy[] = []
  afterAll(async () => {
    await Promise.all(hubs.map((hub) => hub.stop()))
    await Promise.all(proxies.map((proxy) => proxy.stop()))
  })

  async function open(): Promise<Hub> {
    const hub = await openHub()
    hubs.push(hub)
    return hub
  }

  async function startProxies(hub: Hub, count: number): Promise<Proxy[]> {
    const started = await Promise.all(
      Array.from({ length: count }, () => startProxy(hub.redis.port)),
    )
    proxies.push(...started)
    return started
  }

  async function failingOf({ port }: HubFront): Promise<unknown[]> {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
    return elementsOf(fieldsOf(await answer.json()).failing)
  }

  const gapsOf = ({ stream }: Listener): number =>
    stream.events.filter(({ event, data }) => event === 'gap' && data === 'live').length

  /** Nobody was sent away: all this is between front and Redis. */
  function expectToStay(hub: Hub): void {
    for (const { stream } of hub.listeners) expect(stream.connections).toHaveLength(1)
  }

  /** Of the connections that read the event log. */
  async function killReaders(redis: TestRedis): Promise<number> {
    const list = String(await redis.cli('CLIENT', 'LIST'))
    const ids = [...list.matchAll(/^id=(\d+) .* name=tempest:\w+:events /gm)].map(([, id]) => id)
    for (const id of ids) await redis.cli('CLIENT', 'KILL', 'ID', id ?? '')
    return ids.length
  }

  test.concurrent(
    'by CLIENT KILL every second: the log comes whole and in order, and of what was only live a gap is said each time',
    async () => {
      const hub = await open()
      const fronts = await hub.fronts([{}, {}])
      const channels = channelsOf('c', 10)
      for (const front of fronts) {
        for (let i = 0; i < 50; i++) {
          const some = [channels[i % 10] ?? '', channels[(i * 3 + 1) % 10] ?? '']
          hub.listen([front], [...new Set(some)])
        }
      }
      await hub.joined()
      hub.publisher.start(150, channels, true)
      let readers = 0
      for (let i = 0; i < KILLS; i++) {
        const next = pause(KILL_MS)
        const gaps = hub.listeners.map(gapsOf)
        if (i > 0) readers += await killReaders(hub.redis)
        expect(await hub.redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBeGreaterThan(1)
        await until(() => hub.listeners.every((each, k) => gapsOf(each) > (gaps[k] ?? 0)))
        await next
      }
      // Otherwise nobody read when they were closed.
      expect(readers).toBeGreaterThan(0)
      await hub.settle(['live'])
      expectToStay(hub)
      await hub.close()
    },
  )

  test.concurrent(
    'because nothing comes through any more: /readyz names it within 2 s, then it hears again, and a gap is said',
    async () => {
      const hub = await open()
      const [proxy] = await startProxies(hub, 1)
      if (!proxy) throw new Error('no proxy')
      const front = await hub.front({ redis: proxy.url })
      const channels = channelsOf('c', 4)
      for (let i = 0; i < 20; i++) hub.listen([front], [channels[i % 4] ?? ''])
      await hub.joined()
      await until(async () => (await failingOf(front)).length === 0)
      hub.publisher.start(50, channels, true)
      await until(() => hub.listeners.every(({ stream }) => stream.events.length > 2))

      const stalled = await hub.stalledMs()
      const cutAt = performance.now()
      expect(proxy.cut('from-redis', ['listen'])).toBeGreaterThan(0)
      await until(async () => (await failingOf(front)).includes('sub'), WHOLE_MS)
      const deafMs = performance.now() - cutAt
      expect(deafMs).toBeLessThan(DEAF_MS + (await hub.stalledMs()) - stalled)
      await until(async () => (await failingOf(front)).length === 0, WHOLE_MS)
      await hub.settle(['live'])
      for (const each of hub.listeners) expect(gapsOf(each)).toBeGreaterThan(0)
      expectToStay(hub)
      await hub.close()
    },
  )

  test.concurrent(
    'because all its connections are cut, in whatever way: it hears again, the log is whole, and a gap is said',
    async () => {
      const hub = await open()
      const behind = await startProxies(hub, cuts.length + 1)
      // One is far away instead, so that something is on its way when they join.
      behind.at(-1)?.delay(DELAY_MS)
      const fronts = await hub.fronts(behind.map(({ url }) => ({ redis: url })))
      const channels = channelsOf('c', 4)
      hub.publisher.start(200, channels, true)
      for (const front of fronts) {
        await until(async () => (await failingOf(front)).length === 0)
        for (let i = 0; i < PER_FRONT; i++) hub.listen([front], [channels[i % 4] ?? ''])
      }
      await hub.joined()
      await until(() => hub.listeners.every(({ stream }) => stream.events.length > 2))
      cuts.forEach((how, i) => behind[i]?.cut(how))
      const concerned = hub.listeners.slice(0, cuts.length * PER_FRONT)
      await until(() => concerned.every((each) => gapsOf(each) > 0), WHOLE_MS)
      await hub.settle(['live'])
      expectToStay(hub)
      await hub.close()
    },
  )
})
