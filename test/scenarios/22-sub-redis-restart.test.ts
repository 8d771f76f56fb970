/** A thousand subscribers come back with Last-Event-ID while Redis is killed and started again, and once more when it is there. */
import { afterAll, expect, test } from '@jest/globals'
import { describeWithRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { channelsOf, type Hub, openHub } from './hub'

/** At full size: TEMPEST_CROWD=10000. */
const CROWD = Number(process.env.TEMPEST_CROWD ?? 1000)
const CHANNELS = 50
const EVENTS = 200
const BACK_MS = CROWD * 15
/** Beside a read for each event: a subscription for each channel is allowed, nothing for each subscriber. */
const COMMANDS = 300

describeWithRedis('a thousand subscribers that come back', () => {
  let hub: Hub | undefined
  afterAll(async () => {
    await hub?.stop()
  })

  /** How many commands Redis has had since its start, or CONFIG RESETSTAT, without those that publish. */
  async function commandsAt(redis: TestRedis): Promise<number> {
    const info = String(await redis.cli('INFO', 'commandstats'))
    const lines = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    return lines
      .filter(([, name]) => name !== 'xadd')
      .reduce((sum, [, , calls]) => sum + Number(calls), 0)
  }

  async function lengthOfLog(redis: TestRedis): Promise<number> {
    return Number(await redis.cli('XLEN', 'tempest:events'))
  }

  test(
    'resume whole, through a restart of Redis as well, and cost Redis a handful of commands',
    async () => {
      const stage = await openHub('--appendonly', 'yes', '--appendfsync', 'always')
      hub = stage
      const { publisher, redis, listeners } = stage
      const front = await stage.front()
      const channels = channelsOf('c', CHANNELS)
      for (let i = 0; i < CROWD; i++) {
        stage.listen([front], [channels[i % CHANNELS] ?? ''], { resumeMs: 100 + (i % 100) })
      }
      await stage.joined()
      const publish = (): Promise<unknown> =>
        Promise.all(
          Array.from({ length: EVENTS }, (_, i) => publisher.log(channels[i % CHANNELS] ?? '')),
        )
      const leaveAll = (): void =>
        listeners.forEach(({ stream }, i) => stream.leave(i % 2 ? 'end' : 'reset'))
      const resumeAll = (): void => listeners.forEach(({ stream }) => stream.resume())
      await publish()
      await stage.settle()

      leaveAll()
      await publish()
      await redis.kill()
      resumeAll()
      // They are taken in, and wait: a browser would not come again after a refusal.
      await until(() => listeners.every(({ stream }) => stream.open), BACK_MS)
      expect(listeners.filter(({ stream }) => stream.joined)).toHaveLength(0)
      await redis.start()
      const logged = await lengthOfLog(redis)
      publisher.start(100, channels)
      await stage.joined()
      // Each was away itself when the front lost its subscription, but a front may say more than it must.
      await stage.settle(['live'])
      const flowed = (await lengthOfLog(redis)) - logged
      expect(await commandsAt(redis)).toBeLessThan(COMMANDS + EVENTS + flowed)

      await redis.cli('CONFIG', 'RESETSTAT')
      leaveAll()
      await until(async () => (await front.count('subscribers')) === 0)
      await publish()
      resumeAll()
      await stage.joined()
      await stage.settle(['live'])
      expect(await commandsAt(redis)).toBeLessThan(COMMANDS + EVENTS)
      await stage.close()
    },
    60_000 + CROWD * 20,
  )
})
