/** The command: what it makes of its arguments, how it is ended, and that it leaves nothing behind. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Launched, endAll, type } from '../../../launch/test/launched'
import { elementsOf } from '../../../test/helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { runWorkerCases } from '../src'
import { commandOf } from './running'

const bin = `exec ${process.execPath} packages/conformance/bin.mjs`

async function run(line: string): Promise<{ code: unknown; said: string }> {
  const program = type(`${bin} ${line}`)
  return { code: await program.ended, said: program.output() }
}

test.each([
  ['', 'worker or front?'],
  ['worker', 'which command? It comes behind --'],
  ['front localhost', 'which front?'],
  ['front http://localhost', 'which Redis?'],
  ['worker --only 7 -- true', '7 is no number of a rule'],
  ['worker --only P-999 -- true', 'no case is about P-999'],
  ['worker --except P-999 --list', 'no case is about P-999'],
  ['front http://localhost:1 --redis redis://127.0.0.1:1 --only P-73', 'no case is about P-73'],
  ['worker --wat -- true', "Unknown option '--wat'"],
  ['worker --queue other -- true', '--queue is for a front'],
  ['front http://localhost:1 --redis redis://localhost:1 --level safe', '--level is for a worker'],
  ['front http://localhost:1 --redis redis://localhost:1 --app', '--app is for a worker'],
  ['front --list --msgpack', '--msgpack is for a worker'],
  ['front --list --redis-server /bin/true', '--redis-server is for a worker'],
  ['front http://localhost:1 --redis redis://localhost:1 -- true', 'a front has no command'],
  ['worker --redis redis://localhost:1 --redis-server /bin/true -- true', '--redis-server is for'],
])('%j cannot be understood: 2, and why', async (line, why) => {
  const { code, said } = await run(line)
  expect([code, said]).toEqual([2, expect.stringContaining(why)])
})

test('--list tells the cases that would be tried', async () => {
  const lines = (said: string): string[] => said.trim().split('\n')
  const all = lines((await run('worker --list')).said)
  const some = lines((await run('worker --list --except P-15')).said)
  expect(all.length).toBeGreaterThan(60)
  expect(all.at(-1)).toMatch(/^# no case is about P-52 P-61 /)
  expect(some).toEqual(all.filter((line) => !line.startsWith('P-15 ')))
  expect(lines((await run('worker --list --only P-42')).said)).toEqual(
    all.filter((line) => line.startsWith('P-42 ')),
  )
})

describeWithRedis('a run', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(async () => {
    await endAll()
    await redis.stop()
  })
  const keys = async (): Promise<unknown[]> => elementsOf(await redis.cli('KEYS', '*'))
  const start = (): Launched =>
    type(`${bin} worker --redis ${redis.url} -- ${commandOf('worker').join(' ')}`)

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'that is ended by %s leaves no worker, and no key in a Redis that was given',
    async (signal) => {
      const program = start()
      const [, queue = '', boot = ''] = await until(async () => {
        const held = /^\{(.+)\}:held:(.+)$/
        return (await keys()).map((key) => held.exec(String(key))).find((found) => found !== null)
      })
      // As where that one is being swept.
      await redis.cli('RPUSH', `{${queue}}:history:job-2`, 'a strike')
      await redis.cli('SET', `tempest:sweep:${boot}`, 'somebody')
      await redis.cli('HSET', 'tempest:gone', boot, '{}', `${boot}:cancelled`, '1')
      program.signal(signal)
      expect([await program.ended, program.output()]).toEqual([
        2,
        expect.stringContaining(`given up: ${signal}`),
      ])
      expect(await keys()).toEqual([])
      expect(
        elementsOf(
          String(await redis.cli('CLIENT', 'LIST'))
            .trim()
            .split('\n'),
        ),
      ).toHaveLength(1)
    },
  )

  test('that is given up removes the mailbox that a case has made up and was looking at', async () => {
    const env = { ...process.env, BREAK: 'expiry' }
    const giveUp = new AbortController()
    const run = { command: commandOf('other'), env, redis: redis.url, only: ['P-47'] }
    const report = runWorkerCases({ ...run, signal: giveUp.signal })
    let before: unknown
    await until(async () => {
      const mailbox = (await keys()).find((key) => String(key).startsWith('tempest:mailbox:'))
      // That of the run is read at once, and so is gone at the second look.
      const stays = mailbox !== undefined && mailbox === before
      before = mailbox
      return stays
    })
    giveUp.abort(new Error('enough'))
    await expect(report).rejects.toThrow('enough')
    expect(await keys()).toEqual([])
  })

  test('is given up where the worker floods its mailbox', async () => {
    const report = runWorkerCases({ command: commandOf('flood'), redis: redis.url })
    await expect(report).rejects.toThrow('the worker floods its mailbox')
    expect(await keys()).toEqual([])
  })
})
