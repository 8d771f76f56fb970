/** Where replies may come from, and that of many for one request exactly one counts. */
import { expect, test } from '@jest/globals'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { ask } from './client'
import { Hand, serve, untilHeard, useRedis } from './serve'

const SECRET = 'SECRET'

describeWithRedis('a reply', () => {
  const redis = useRedis()

  test('comes from the mailbox or from the channel of its name', async () => {
    const { port } = await serve({ redis: redis.url })
    const hand = new Hand(redis.url)
    const first = ask(port)
    const job = await hand.pop()
    const entry = JSON.stringify(['url', job.id, [200, {}, 'published']])
    await untilHeard(redis, job.respondTo ?? '')
    expect(await redis.cli('PUBLISH', job.respondTo ?? '', entry)).toBe(1)
    expect((await first).text).toBe('published')
    const second = ask(port)
    const other = await hand.pop()
    const fail = JSON.stringify(['fail', other.id, { status: 418, message: SECRET }])
    await redis.cli('PUBLISH', other.respondTo ?? '', fail)
    expect((await second).status).toBe(418)
  })

  test('counts once: second, late, foreign and guessed ones are refused and do no harm', async () => {
    const { port, front } = await serve({ redis: redis.url }, (made) =>
      made.work('tempest', { deadlineMs: (req) => (req.url === '/late' ? 60 : 30_000) }),
    )
    const hand = new Hand(redis.url)
    const first = ask(port)
    const one = await hand.pop()
    const open = ask(port)
    const two = await hand.pop()
    const answer = (id: string, body: string): string =>
      JSON.stringify(['answer', id, [200, {}, body]])
    await two.push(answer(two.id.slice(0, -1) + (two.id.endsWith('0') ? '1' : '0'), 'guessed'))
    await two.push(
      answer(
        two.id.replace(/^./, (c) => (c === 'f' ? 'e' : 'f')),
        'foreign',
      ),
    )
    await two.push(answer(`${two.id}.2`, 'an attempt never made'))
    await two.push(JSON.stringify(['whatever', two.id, [200, {}, 'unknown verb']]))
    for (const entry of [
      '',
      '{',
      'null',
      '[]',
      '{}',
      '[1,2]',
      '["answer"]',
      '["answer",null,[200,{}]]',
    ]) {
      await two.push(entry)
    }
    for (const body of ['first', 'second', 'third']) await one.push(answer(one.id, body))
    expect((await first).text).toBe('first')
    await until(() => front.stats().refusals.late === 3)
    expect(front.stats().refusals).toEqual({
      malformed: 8,
      unknownVerb: 1,
      late: 3,
      foreign: 1,
      fenced: 1,
      repeated: 0,
    })
    await two.push(answer(two.id, 'right'))
    expect((await open).text).toBe('right')
    const late = ask(port, '/late')
    const three = await hand.pop()
    expect((await late).status).toBe(504)
    await three.push(answer(three.id, 'late'))
    await until(() => front.stats().refusals.late === 4)
    expect(await redis.cli('LLEN', three.respondTo ?? '')).toBeLessThanOrEqual(1)
  })
})
