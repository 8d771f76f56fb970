/** A direct stream whose client has stopped reading. */
import { expect } from '@jest/globals'
import { type Asked, asks, type Direct, fill, RespClient } from './resp'

export interface Stuck {
  served: Direct
  worker: RespClient
  other: RespClient
  asked: Asked
  id: string
  /** The number of its next chunk. */
  n: number
}

/** With nothing held; its worker waits so long, in ms, for a +OK. */
export async function getStuck(served: Direct, waitMs = 600_000): Promise<Stuck> {
  const asked = await asks(served)
  const worker = await RespClient.open(served.address)
  const n = await fill(served, worker, asked)
  if (waitMs !== 1000) expect(await worker.say('wait', waitMs)).toBe('+OK')
  const other = await RespClient.open(served.address)
  return { served, worker, other, asked, id: asked.job.id, n }
}

/** What was sent before has been taken, and nothing was said to it. */
export async function isHeld({ worker, other }: Stuck, heard: number): Promise<void> {
  for (let i = 0; i < 5; i++) await other.say('ping')
  expect(worker.heard).toHaveLength(heard)
}
