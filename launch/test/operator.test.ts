/** What an operator types: who is here, and what is dead. */
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../test/helpers/redis'
import { endAll, launch } from './launched'

describeWithRedis('an operator', () => {
  let server: TestRedis
  beforeEach(async () => {
    server = await startTestRedis()
  })
  afterEach(async () => {
    await endAll()
    await server.stop()
  })

  const run = async (
    name: string,
    ...args: string[]
  ): Promise<[number | string | null, string]> => {
    const program = launch(name, { TEMPEST_REDIS_URL: server.url }, args)
    const code = await program.ended
    return [code, program.output().trim()]
  }
  const job = '["x",[],null,"id-1"]'
  const strike = { at: 1, boot: 'b', attempt: 1, code: 'WORKER_LOST' }
  const dead = { job, reason: 'POISONED', at: 1700000000000, history: [strike] }

  test('is shown the nodes', async () => {
    expect(await run('nodes')).toEqual([0, 'Nobody is here.'])
    const record = JSON.stringify({ role: 'worker', host: 'h', pid: 7, queues: ['q'] })
    await server.cli('HSET', 'tempest:nodes', 'b00', record)
    expect(await run('nodes')).toEqual([0, expect.stringMatching(/b00.*worker.*h:7.*q/)])
  })

  test('is shown the dead jobs, and puts them back', async () => {
    expect(await run('dead', 'list', 'q')).toEqual([0, 'Nothing is dead here.'])
    await server.cli('LPUSH', '{q}:dead', 'not a job', JSON.stringify(dead))
    const [, list] = await run('dead', 'list', 'q')
    expect(list.split('\n')).toEqual([
      expect.stringMatching(
        /^\w{12} {2}POISONED {2}2023-11-14T22:13:20.000Z {2}1 strikes {2}x {2}id-1$/,
      ),
      expect.stringMatching(/^\w{12} {2}MALFORMED /),
    ])
    const key = list.slice(0, 12)
    expect((await run('dead', 'show', 'q', key))[1]).toContain('"code": "WORKER_LOST"')
    expect(await run('dead', 'requeue', 'q', key)).toEqual([0, 'Requeued 1.'])
    expect(await server.cli('LRANGE', 'q', 0, -1)).toEqual([job])
    expect(await run('dead', 'requeue', 'q', key)).toEqual([1, `There is no ${key}.`])
  })

  test('is shown one in MessagePack, puts it back as it was, and drops what else there is', async () => {
    await server.cli('LPUSH', '{q}:dead', 'not a job')
    const packed = Buffer.from('94a17891c402fffec0a4696d2d32', 'hex')
    const grave = { ...dead, job: { base64: packed.toString('base64') } }
    await server.cli('LPUSH', '{q}:dead', JSON.stringify(grave))
    const second = (await run('dead', 'list', 'q'))[1].slice(0, 12)
    const [, shown] = await run('dead', 'show', 'q', second)
    expect(JSON.parse(shown)).toMatchObject({
      job: { base64: packed.toString('base64') },
      says: { action: 'x', args: [{ base64: '//4=' }], id: 'im-2' },
    })
    expect(await run('dead', 'requeue', 'q', second)).toEqual([0, 'Requeued 1.'])
    const requeued = await server.client().lrangeBuffer('q', -1, -1)
    expect(requeued[0]?.equals(packed)).toBe(true)
    expect(await run('dead', 'drop', 'q', 'all')).toEqual([0, 'Dropped 1.'])
    expect(await server.cli('LLEN', '{q}:dead')).toBe(0)
    expect(await run('dead', 'list', 'a:b')).toEqual([
      1,
      expect.stringContaining('queue name "a:b"'),
    ])
    expect(await run('dead')).toEqual([1, expect.stringContaining('Usage:')])
  })
})
