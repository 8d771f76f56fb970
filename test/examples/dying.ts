/** What becomes of a job when the worker that holds it dies, or is told to stop: of those with a held list. */
import { expect } from '@jest/globals'
import { elementsOf } from '../helpers/json'
import { until } from '../helpers/until'
import type { Checks } from './contract'
import type { Post } from './workplace'

/** Who sweeps begins anew to watch where the machine stands still for a moment. */
const PATIENCE_MS = 30_000

export const dying: Checks = {
  'is killed with a job in hand, which another one then answers': async (post) => {
    const { ask, hand, hire } = post
    const slow = ask('/slow?ms=2500')
    const boot = await until(() => holderOf('/slow?ms=2500', post))
    hand().kill('SIGKILL')
    await hire()
    const response = await slow
    expect([response.status, await response.text()]).toEqual([200, 'slow'])
    await hasLeft(post, boot)
    expect(await until(() => bootsIn(post))).toHaveLength(1)
  },

  'is not taken for dead while a job takes longer than its patience': async (post) => {
    const { ask, redis } = post
    const [boot = ''] = await until(() => bootsIn(post))
    const response = await ask('/slow?ms=3000')
    expect([response.status, await response.text()]).toEqual([200, 'slow'])
    expect(await redis.cli('HEXISTS', 'tempest:gone', boot)).toBe(0)
    expect(await bootsIn(post)).toEqual([boot])
  },

  'is told to stop with a job in hand, answers it and leaves nothing': async (post) => {
    const { ask, hand } = post
    const slow = ask('/slow?ms=1500')
    const boot = await until(() => holderOf('/slow?ms=1500', post))
    hand().kill('SIGTERM')
    const response = await slow
    expect([response.status, await response.text()]).toEqual([200, 'slow'])
    expect(await hand().ended).toBe(0)
    await hasLeft(post, boot)
  },

  'hears Ctrl-C with a job in hand, beats on until it has answered it, and leaves nothing': async (
    post,
  ) => {
    const { ask, hand, hire, redis } = post
    await hire()
    const slow = ask('/slow?ms=5000')
    const boot = await until(() => holderOf('/slow?ms=5000', post))
    const beats = async (): Promise<number> =>
      Number(await redis.cli('HGET', 'tempest:beats', boot))
    hand().ctrlC()
    const before = await beats()
    await until(async () => (await beats()) > before + 1)
    const response = await slow
    expect([response.status, await response.text()]).toEqual([200, 'slow'])
    expect(await hand().ended).toBe(0)
    await hasLeft(post, boot)
  },

  'is told to stop while it waits, and leaves nothing': async (post) => {
    const { hire, hand } = post
    await hire()
    const [boot = ''] = await until(() => bootsIn(post))
    hand().kill('SIGTERM')
    expect(await hand().ended).toBe(0)
    await hasLeft(post, boot)
  },
}

/** The boots that are registered; undefined where none is. */
async function bootsIn({ redis, queue }: Post): Promise<string[] | undefined> {
  const boots = elementsOf(await redis.cli('ZRANGE', `{${queue}}:workers`, 0, -1)).map(String)
  return boots.length > 0 ? boots : undefined
}

/** The boot of who holds the job with this target; what was answered just now may still be held as well. */
async function holderOf(target: string, post: Post): Promise<string | undefined> {
  for (const boot of (await bootsIn(post)) ?? []) {
    const held = await post.redis.cli('LRANGE', `{${post.queue}}:held:${boot}`, 0, -1)
    if (elementsOf(held).some((job) => String(job).includes(`"${target}"`))) return boot
  }
}

async function hasLeft({ redis, queue }: Post, boot: string): Promise<void> {
  await until(async () => {
    const left = await Promise.all([
      redis.cli('EXISTS', `{${queue}}:held:${boot}`),
      redis.cli('HEXISTS', 'tempest:nodes', boot),
      redis.cli('HEXISTS', 'tempest:beats', boot),
      redis.cli('ZSCORE', `{${queue}}:workers`, boot),
    ])
    return left.every((each) => each === 0 || each === null)
  }, PATIENCE_MS)
}
