/** Connections to Redis are cut one by one and all together, in every way there is, several times, under load. */
import { afterAll, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { type Cut, cuts, type Role } from '../helpers/proxy'
import { describeWithRedis } from '../helpers/redis'
import { cutAgain, untilWhole } from './cutting'
import { openStage, type Plan, type Stage } from './stage'

const ROUNDS = 2
const frontRoles: readonly Role[] = ['commands', 'mailbox', 'listen']

interface Scene {
  who: string
  roles: readonly Role[]
  how: Cut
}

/** Each role alone and all of them, each cut in every way: a cell for each. */
function scenesOf(all: Partial<Record<Role, string>>): Scene[] {
  const roles = Object.keys(all).filter(isRole)
  const targets = [...roles.map((role) => [role]), roles]
  return targets.flatMap((target) => {
    const [first, second] = target
    const who = second === undefined && first ? (all[first] ?? '') : 'all of them'
    return cuts.map((how) => ({ who, roles: target, how }))
  })
}

function isRole(name: string): name is Role {
  return name === 'commands' || name === 'mailbox' || name === 'park' || name === 'listen'
}

/** Whether what a front pushes may never arrive, or the front never hear whether it has. */
function losesPushes({ how, roles }: Scene): boolean {
  return roles.includes('commands') && how !== 'from-redis'
}

describeWithRedis('where connections break', () => {
  const stages: Stage[] = []
  afterAll(async () => {
    await Promise.all(stages.map((stage) => stage.stop()))
  })

  async function play(scenes: readonly Scene[], planOf: (scene: Scene) => Plan): Promise<void> {
    // What is on its way is more where the way is longer, and that is what an abrupt cut hits.
    const plans = scenes.map((scene) => ({
      ...planOf(scene),
      delayMs: scene.how === 'destroy' ? 5 : 0,
    }))
    const stage = await openStage(plans)
    stages.push(stage)
    for (const { load } of stage.cells) load.start(12)
    const wanted = [...new Set(scenes.flatMap(({ roles }) => roles))]
    const counts = await Promise.all(
      stage.cells.map(({ proxy }, i) => {
        const { how, roles } = scenes[i] ?? { how: 'both', roles: wanted }
        return cutAgain(proxy, { how, roles, wanted, rounds: ROUNDS })
      }),
    )
    expect(counts).toEqual(
      scenes.map(({ how, roles }) => roles.length * ROUNDS * (how === 'destroy' ? 6 : 1)),
    )
    await stage.close()
  }

  test.concurrent(
    'of a front: each request ends once, what may be retried is served, nothing else runs twice, nothing is left',
    () =>
      play(
        scenesOf({ commands: 'the commands', mailbox: 'the mailbox reader', listen: 'the ear' }),
        (scene) => {
          const postsMayFail = losesPushes(scene)
          const name = `front, ${scene.who}, ${scene.how}`
          return {
            name,
            proxied: 'front',
            postDeadlineMs: postsMayFail ? 5000 : 25_000,
            postsMayFail,
          }
        },
      ),
  )

  test.concurrent(
    'of a front that waits for Redis for 300 ms: what comes meanwhile is refused, what it had pushed is not',
    async () => {
      const hows: readonly Cut[] = ['to-redis', 'both', 'late']
      const stage = await openStage(
        hows.map((how) => ({
          name: `front with redisWaitMs 300, the commands, ${how}`,
          proxied: 'front',
          redisWaitMs: 300,
          mayBeAway: true,
          postDeadlineMs: 5000,
          postsMayFail: true,
        })),
      )
      stages.push(stage)
      const whole = stage.cells.map(
        ({ proxy }) =>
          () =>
            untilWhole(proxy, frontRoles),
      )
      await Promise.all(whole.map((wait) => wait()))
      for (const { load } of stage.cells) load.start(60)
      await pause(500)
      const counts = stage.cells.map(({ proxy }, i) => proxy.cut(hows[i] ?? 'both', ['commands']))
      expect(counts).toEqual([1, 1, 1])
      await Promise.all(whole.map((wait) => wait()))
      await Promise.all(stage.cells.map(({ load }) => load.finish()))
      const late = await stage.stalledMs()
      await stage.close()
      const outcomes = stage.cells.flatMap(({ load }) => load.asked.map(({ outcome }) => outcome))
      const refused = outcomes.filter((outcome) => outcome?.status === 503)
      expect(refused.length).toBeGreaterThan(100)
      // One that was pushed into the dead link would be refused when that is given up, after 3 s.
      for (const outcome of refused) expect(outcome?.ms).toBeLessThan(1500 + late)
    },
  )

  test.concurrent(
    'of the only worker of a queue: each request is served, none is run twice, nothing is left',
    () =>
      play(
        scenesOf({ commands: 'the commands', park: 'the parked call', listen: 'the ear' }),
        ({ who, how }) => ({ name: `worker, ${who}, ${how}`, proxied: 'worker' }),
      ),
  )
})
