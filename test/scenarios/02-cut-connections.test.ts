/** Connections to Redis are cut one by one and all together, in every way there is, several times, under load. */
import { afterAll, expect, test } from '@jest/globals'
import { type Cut, cuts, type Role } from '../helpers/proxy'
import { describeWithRedis } from '../helpers/redis'
import { cutAgain } from './cutting'
import { openStage, type Plan, type Stage } from './stage'

const ROUNDS = 2

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
    90_000,
  )

  test.concurrent(
    'of the only worker of a queue: each request is served, none is run twice, nothing is left',
    () =>
      play(
        scenesOf({ commands: 'the commands', park: 'the parked call', listen: 'the ear' }),
        ({ who, how }) => ({ name: `worker, ${who}, ${how}`, proxied: 'worker' }),
      ),
    90_000,
  )
})
