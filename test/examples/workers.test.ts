/** examples/workers: each language, both kinds, behind a real front, under one contract. They work side by side, since most of the time they wait. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { describeWithRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Checks, contract } from './contract'
import { dying } from './dying'
import { describeLanguage, kinds, names, present, removeBuilds } from './languages'
import { openWorkplace, type Post, type Workplace } from './workplace'

let place: Workplace | undefined
const posts: Post[] = []
/** What became of each check, by queue and title: undefined, or what it threw. */
const outcomes = new Map<string, Promise<unknown>>()

beforeAll(async () => {
  if (process.env.TEMPEST_TEST_REDIS === undefined) return
  place = await openWorkplace()
  for (const name of present) {
    for (const kind of kinds) {
      const post = place.post(name, kind, `${name}-${kind}`)
      posts.push(post)
      begin(post, contract)
    }
    begin(place.post(name, 'safe', `${name}-dying`), dying)
  }
})
afterAll(async () => {
  await place?.close()
  removeBuilds()
})

/** One after the other, each whatever became of the one before. */
function begin(post: Post, checks: Checks): void {
  const outcomeOf = (done: Promise<void>): Promise<unknown> =>
    done.then(
      () => undefined,
      (error: unknown) => error,
    )
  const hired = outcomeOf(post.hire())
  let before = hired
  for (const [title, check] of Object.entries(checks)) {
    before = before.then(async () => (await hired) ?? outcomeOf(check(post)))
    outcomes.set(`${post.queue} ${title}`, before)
  }
}

for (const name of names) {
  describeLanguage(name, () => {
    for (const kind of kinds) describe(kind, () => report(`${name}-${kind}`, contract))
    describe('safe', () => report(`${name}-dying`, dying))
  })
}

function report(queue: string, checks: Checks): void {
  test.each(Object.keys(checks))('%s', async (title) => {
    const thrown = await outcomes.get(`${queue} ${title}`)
    if (thrown instanceof Error) throw thrown
    expect(thrown).toBeUndefined()
  })
}

describeWithRedis('when Redis is restarted', () => {
  test('all of them go on', async () => {
    await Promise.all(outcomes.values())
    await place?.redis.kill()
    await place?.redis.start()
    const answers = posts.map(async ({ queue, ask }) => {
      const response = await until(async () => {
        const asked = await ask('/')
        return asked.status === 503 ? undefined : asked
      })
      return [queue, response.status, await response.text()]
    })
    const expected = posts.map(({ queue, title }) => [queue, 200, `Hello from ${title}\n`])
    expect(await Promise.all(answers)).toEqual(expected)
  })

  test('Ctrl-C ends each that is at most once in the midst of a job, and a safe one that waits', async () => {
    const ends = posts.map(async ({ queue, kind, hand, redis }) => {
      if (kind === 'worker') {
        const request = { method: 'GET', url: '/slow?ms=60000', headers: {} }
        await redis.cli('RPUSH', queue, JSON.stringify(['url', [request], null, 'a']))
        await until(async () => (await redis.cli('LLEN', queue)) === 0)
      }
      let end: number | string | undefined
      void hand().ended.then((how) => (end = how))
      hand().ctrlC()
      await until(() => end !== undefined).catch(() => undefined)
      return [queue, kind === 'safe' ? end === 0 : end !== undefined]
    })
    expect(await Promise.all(ends)).toEqual(posts.map(({ queue }) => [queue, true]))
  })
})
