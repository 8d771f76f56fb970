/** examples/stream/tokens.*: the same in three languages, through the mailbox and straight to the front. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Launched } from '../../launch/test/launched'
import { elementsOf } from '../helpers/json'
import { until } from '../helpers/until'
import { callsOf } from '../helpers/watch'
import { read } from './reading'
import { describeProgram, type Name, type Stage, startStage, type Way } from './stage'

const TOKEN_MS = 20
/** What a shell, a query or JSON might take for something else. */
const odd = ['wörld', '*', '"q"', 'a\\n', '\\x41', '$HOME', '-x', '100%', '1+1', '日本', '&c;']
const words = [...odd, ...Array.from({ length: 10 }, (_, n) => String(n))]
const MANY = 1000
/** Whoever stood still three times has not streamed. */
const TRIALS = 3

const eventsOf = (given: readonly string[]): string =>
  given.map((word) => `data: ${word} \n\n`).join('')

for (const name of ['node', 'python', 'bash'] as const) {
  describeProgram(name, () => {
    for (const way of ['through the mailbox', 'straight to the front'] as const) {
      describe(way, () => suite(name, way))
    }
  })
}

function suite(name: Name, way: Way): void {
  const direct = way === 'straight to the front'
  let stage: Stage
  let worker: Launched
  beforeAll(async () => {
    stage = await startStage(way, name)
    worker = await stage.work(name, name, TOKEN_MS)
  })
  afterAll(() => stage.stop())

  const ask = (prompt: readonly string[]): ReturnType<typeof read> =>
    read(`${stage.url}/tokens?${String(new URLSearchParams({ prompt: prompt.join(' ') }))}`)

  /** @returns whether the first token was here before the last one was made: where we stand still for a moment nobody can tell. */
  async function sendsEach(): Promise<boolean> {
    const before = await callsOf(stage.redis, 'rpush')
    const at = worker.output().length
    const said = (): string => worker.output().slice(at)
    const tokens = await ask(words)
    expect(tokens.status).toBe(200)
    expect(tokens.headers.get('content-type')).toMatch(/^text\/event-stream/)
    await tokens.hears('data: wörld \n\n')
    const early = !tokens.text.includes(eventsOf(words.slice(-1))) && !said().includes('made ')
    expect(await tokens.whole()).toBe(eventsOf(words))
    await until(() => said().includes(`made ${words.length} of ${words.length} tokens`))
    // The job is one; the mailbox gets one for each token.
    const pushes = (await callsOf(stage.redis, 'rpush')) - before
    expect(pushes > words.length).toBe(!direct)
    return early
  }

  test('sends each token as it is made, and all of them as they were', async () => {
    const seen = [await sendsEach()]
    while (!seen.includes(true) && seen.length < TRIALS) seen.push(await sendsEach())
    expect(seen).toContain(true)
  })

  test('serves one after the other, and knows nothing but tokens', async () => {
    for (const prompt of [['a'], [], ['b', 'c']]) {
      expect(await (await ask(prompt)).whole()).toBe(eventsOf(prompt))
    }
    expect((await read(`${stage.url}/elsewhere`)).status).toBe(404)
  })

  test('goes on behind a job that is none', async () => {
    await stage.redis.cli('RPUSH', name, 'junk', '["add",[2,3],null,"job-1"]', '["url",[],"a","b"]')
    expect(await (await ask(['a'])).whole()).toBe(eventsOf(['a']))
  })

  // A mailbox tells nobody that a client has left; our own worker hears of it on a channel.
  if (direct || name === 'node') {
    test('makes no more when its client has left', async () => {
      const tokens = await ask(Array.from({ length: MANY }, () => 'x'))
      await tokens.hears('data: x \n\n')
      tokens.leave()
      await worker.says(new RegExp(`made \\d+ of ${MANY} tokens`))
      expect(worker.output()).not.toContain(`made ${MANY} of`)
      expect(await (await ask(['a'])).whole()).toBe(eventsOf(['a']))
    })
  }

  if (direct) {
    test.each([
      ['a front that is not the one that asked', () => stage.direct],
      ['a place where nobody listens', () => '127.0.0.1:1'],
    ])('takes the mailbox instead of %s', async (_, address) => {
      const id = 'feedfeedfeedfeed-0-0123456789abcdef'
      const url = '/tokens?prompt=a+b'
      const request = { method: 'GET', url, headers: {}, meta: { v: 1, direct: address() } }
      const job = JSON.stringify(['url', [request], 'answers', id])
      await stage.redis.cli('RPUSH', name, job)
      const entries = await until(async () => {
        const list = elementsOf(await stage.redis.cli('LRANGE', 'answers', 0, -1))
        return list.length === 4 && list.map((each) => elementsOf(JSON.parse(String(each))))
      })
      expect(entries[0]?.slice(0, 2)).toEqual(['head', id])
      expect(entries.slice(1)).toEqual([
        ['chunk', id, 'data: a \n\n', 0],
        ['chunk', id, 'data: b \n\n', 1],
        ['end', id, 2],
      ])
      await stage.redis.cli('DEL', 'answers')
    })

    test('is missed at once when it dies', async () => {
      const tokens = await ask(Array.from({ length: MANY }, () => 'x'))
      await tokens.hears('data: x \n\n')
      worker.signal('SIGKILL')
      await tokens.hears('WORKER_LOST')
      await until(() => tokens.end === 'cut')
    })
  }
}
