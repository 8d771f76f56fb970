/** A large download from examples/stream/tokens.mjs: every byte of it, and nobody in between keeps many. TEMPEST_BYTES makes it larger. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import type { Launched } from '../../launch/test/launched'
import { describeProgram, type Stage, startStage, type Way } from './stage'

const MIB = 1024 * 1024
/** So much memory more than before may a process have needed at any time. */
const ROOM = 128 * MIB
const ENDLESS = 1e12
/** Redis holds base64 of it. */
const REDIS_ROOM = 32 * MIB

const ways: Way[] = ['through the mailbox', 'straight to the front']

describeProgram('node', () => {
  describe.each(ways)('a download %s', (way) => {
    const length = Number(process.env.TEMPEST_BYTES ?? 200e6)
    let stage: Stage
    let worker: Launched
    beforeAll(async () => {
      stage = await startStage(way, 'tempest')
      worker = await stage.work('node', 'tempest', 0)
    })
    afterAll(() => stage.stop())

    test('is whole, and memory stays as it was', async () => {
      const processes = [stage.front, worker]
      const before = processes.map(({ pid }) => peakOf(pid))
      const response = await ask(`${stage.url}/download?bytes=${length}`)
      expect(response.headers['content-length']).toBe(String(length))
      const hash = createHash('sha256')
      response.on('data', (piece: Buffer) => hash.update(piece))
      await once(response, 'end')
      expect(hash.digest('hex')).toBe(hashOf(length))
      await worker.says(`made ${length} of ${length} bytes`)
      for (const [i, { pid }] of processes.entries()) {
        expect(peakOf(pid) - (before[i] ?? 0)).toBeLessThan(ROOM)
      }
      const info = String(await stage.redis.cli('INFO', 'memory'))
      expect(Number(/used_memory_peak:(\d+)/.exec(info)?.[1])).toBeLessThan(REDIS_ROOM)
    })

    test('is made no further when its client leaves', async () => {
      const response = await ask(`${stage.url}/download?bytes=${ENDLESS}`)
      await once(response, 'readable')
      response.destroy()
      await worker.says(new RegExp(`made \\d+ of ${ENDLESS} bytes`))
      expect(worker.output()).not.toContain(`made ${ENDLESS}`)
    })

    test('has a length to be asked for, or is refused', async () => {
      const head = await fetch(`${stage.url}/download?bytes=7`, { method: 'HEAD' })
      expect(head.headers.get('content-length')).toBe('7')
      for (const bytes of ['x', '-1', '0.5']) {
        expect((await fetch(`${stage.url}/download?bytes=${bytes}`)).status).toBe(400)
      }
    })
  })
})

/** With less in between than fetch has. */
async function ask(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage]
  return response
}

/** Of what the example says it sends: the key stream of AES in counter mode, key and counter 0. */
function hashOf(length: number): string {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  const hash = createHash('sha256')
  const zeros = Buffer.alloc(MIB)
  for (let left = length; left > 0; left -= zeros.length) {
    hash.update(cipher.update(zeros.subarray(0, Math.min(left, zeros.length))))
  }
  return hash.digest('hex')
}

/** The most memory the process has had so far. */
function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
