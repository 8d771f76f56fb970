/** How the command ends: with its report, whoever still holds what it has opened; and given up, with a Redis that answers nothing. */
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endAll, isAlive, type Launched, type } from '../../../launch/test/launched'
import { describeWithRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { findRedis } from '../../../launch/src'
import { startPrivateRedis } from '../src/redis-server'
import { connect } from '../src/redis'
import { commandOf } from './running'

describeWithRedis('a run on a private Redis', () => {
  let folder: string
  let env: { TMPDIR: string; STOPPED: string; STAYS: string }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tempest-kit-'))
    env = {
      TMPDIR: join(folder, 'tmp'),
      STOPPED: join(folder, 'stopped'),
      STAYS: join(folder, 'stays'),
    }
    mkdirSync(env.TMPDIR)
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  afterAll(endAll)

  const start = async (program: string): Promise<Launched> => {
    const redis = await findRedis()
    const kit = `${process.execPath} packages/conformance/bin.mjs worker --only P-10`
    const server = `--redis-server ${redis?.command ?? ''}`
    return type(`exec ${kit} ${server} -- ${commandOf(program).join(' ')}`, env)
  }

  test.each([[['SIGINT']], [['SIGINT', 'SIGTERM']]] as const)(
    'that is given up by %j ends although its Redis stands still, and leaves no folder',
    async (signals) => {
      const program = await start('stops-redis')
      await until(() => existsSync(env.STOPPED), 10_000)
      for (const signal of signals) program.signal(signal)
      expect(await program.ended).toBe(2)
      expect(readdirSync(env.TMPDIR)).toEqual([])
    },
  )

  test('ends with its report although a process that has left the group holds its output', async () => {
    const program = await start('leaves')
    expect([await program.ended, program.output()]).toEqual([
      expect.any(Number),
      expect.stringContaining('# passed'),
    ])
    const stay = readFileSync(env.STAYS, 'utf8').trim().split(' ').map(Number)
    expect(stay.map(isAlive)).not.toContain(false)
    for (const pid of stay) process.kill(pid, 'SIGKILL')
  })

  test('has a bound for its memory, beyond which it refuses', async () => {
    const server = await startPrivateRedis((await findRedis())?.command)
    const redis = await connect(server.url)
    try {
      expect(await redis.config('GET', 'maxmemory*')).toEqual(
        expect.arrayContaining(['maxmemory', String(512 * 1024 * 1024), 'noeviction']),
      )
    } finally {
      redis.disconnect()
      await server.stop()
    }
  })
})
