/** The clock of Redis jumps an hour, forth and back; the clock of a worker is wrong by an hour: nothing changes. */
import { afterAll, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { elementsOf } from '../helpers/json'
import { describeWithRedis } from '../helpers/redis'
import { type Fleet, openFleet } from './fleet'

const faketime = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path))
/** As by default: one that stands still for a second is not given up. */
const patient = { patienceMs: 2500 }

/** Only the time of day: the monotonic clock of a machine never jumps. */
function environment(more: Record<string, string>): Record<string, string> {
  // libc's own malloc comes first: Redis' asks for the time while libfaketime begins, and that ends in a circle.
  const LD_PRELOAD = `${faketime} libc.so.6`
  return { LD_PRELOAD, DONT_FAKE_MONOTONIC: '1', FAKETIME_NO_CACHE: '1', ...more }
}

const suite = (): void => {
  const fleets: Fleet[] = []
  const folder = mkdtempSync(join(tmpdir(), 'tempest-clock-'))
  afterAll(async () => {
    await Promise.all(fleets.map((fleet) => fleet.stop()))
    rmSync(folder, { recursive: true, force: true })
  })

  test.concurrent(
    'of Redis, an hour ahead and back under load: all is served in time, nobody is given up',
    async () => {
      const clock = join(folder, 'clock')
      const set = (offset: string): void => writeFileSync(clock, `${offset}\n`)
      set('+0')
      const env = environment({ FAKETIME_TIMESTAMP_FILE: clock })
      const fleet = await openFleet({ ...patient, name: 'jumps', workers: 2, server: { env } })
      fleets.push(fleet)
      fleet.load.start(60)
      const times: number[] = []
      for (const offset of ['+3600', '+0', '-3600', '+0']) {
        await pause(600)
        set(offset)
        times.push(Number(elementsOf(await fleet.redis.cli('TIME'))[0]) - Date.now() / 1000)
        await pause(1200)
      }
      // In minutes; 0 is added to what may be -0.
      expect(times.map((offset) => Math.round(offset / 60) + 0)).toEqual([60, 0, -60, 0])
      await fleet.load.finish()
      expect(await fleet.redis.cli('EXISTS', 'tempest:gone')).toBe(0)
      await fleet.close()
    },
  )

  test.concurrent(
    'of one worker, an hour behind or ahead: it serves as any other, and nobody is given up',
    async () => {
      const fleet = await openFleet({ ...patient, name: 'wrong clocks', workers: 1 })
      fleets.push(fleet)
      const wrong = await Promise.all(
        ['-3600', '+3600'].map((FAKETIME) =>
          fleet.start('worker', { env: environment({ FAKETIME }) }),
        ),
      )
      fleet.load.start(60)
      await pause(2500)
      await fleet.load.finish()
      expect(await fleet.redis.cli('EXISTS', 'tempest:gone')).toBe(0)
      await fleet.close()
      for (const { notes } of wrong) expect(notes.length).toBeGreaterThan(10)
    },
  )
}

if (faketime === undefined) describe.skip('a clock that jumps (skipped: no faketime here)', suite)
else describeWithRedis('a clock that is wrong', suite)
