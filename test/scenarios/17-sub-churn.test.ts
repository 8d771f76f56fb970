/** Subscribers come and go by hundreds, over many channels, while events flow. */
import { afterAll, expect, test } from '@jest/globals'
import { fieldsOf } from '../helpers/json'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import type { Listener } from './heard'
import { channelsOf, type Hub, type HubFront, openHub } from './hub'

const ROUNDS = 6
const CROWD = 200
/** What the ring and the caches of the engine need is there after these. */
const WARM_ROUNDS = 2
/** A stream that was not let go of would be several KiB, 800 of them more than this. */
const GROWN_BYTES = 2 * 1024 * 1024
const LEAVE_MS = 15_000

describeWithRedis('subscribers that come and go', () => {
  let hub: Hub | undefined
  afterAll(async () => {
    await hub?.stop()
  })

  /** Each leaves after so many events; some before they have joined, one in three without a word. */
  async function playRound(
    { publisher, listen }: Hub,
    front: HubFront,
    round: number,
  ): Promise<void> {
    const channels = channelsOf('c', 40)
    publisher.start(300, channels, true)
    const crowd = Array.from({ length: CROWD }, (_, i) => {
      const some = Array.from(
        { length: 1 + (i % 4) },
        (_, k) => channels[(i * 7 + k * 11 + round) % channels.length] ?? '',
      )
      return { listener: listen([front], some), stays: (i * 13 + round) % 8 }
    })
    const isDone = ({ stream }: Listener, stays: number): boolean =>
      stays === 0 || (stream.joined && stream.events.length >= stays)
    await until(() => {
      crowd.forEach(({ listener, stays }, i) => {
        if (isDone(listener, stays)) listener.stream.close(i % 3 === 0 ? 'reset' : 'end')
      })
      return crowd.every(({ listener }) => listener.stream.closed)
    }, LEAVE_MS)
    await publisher.rest()
    await until(async () => (await front.count('subscribers')) === 0)
    await until(async () => (await front.count('channels')) === 0)
  }

  const socketsOf = async (front: HubFront): Promise<unknown> =>
    fieldsOf(await front.program.ask('resources')).sockets

  test('each heard all there was while it was there; no subscription at Redis, no stream and no memory of theirs stays', async () => {
    const stage = await openHub()
    hub = stage
    const front = await stage.front({ sub: { ringEntries: 500 }, flags: ['--expose-gc'] })
    const sockets = await socketsOf(front)
    const live: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await playRound(stage, front, round)
      live.push(await front.liveBytes())
    }
    expect(await stage.complaints()).toEqual([])
    const heard = stage.listeners.reduce((sum, { stream }) => sum + stream.events.length, 0)
    // Otherwise nothing was shown.
    expect(heard).toBeGreaterThan(ROUNDS * CROWD * 2)
    for (const name of ['slow', 'malformed']) {
      expect([name, await front.count(name)]).toEqual([name, 0])
    }
    await until(async () => (await socketsOf(front)) === sockets)
    expect((live.at(-1) ?? 0) - (live[WARM_ROUNDS - 1] ?? 0)).toBeLessThan(GROWN_BYTES)
    await stage.close()
  })
})
