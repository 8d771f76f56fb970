/** Clients of streams whose bytes they know: each ends whole and right, or visibly not whole, and what came is right up to there. */
import { Agent, get } from 'node:http'
import { piecesOf } from '../helpers/programs/pattern.cjs'

export interface StreamEnd {
  n: number
  how: 'whole' | 'cut' | 'refused' | 'wrong'
  status: number
  bytes: number
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Asks for stream n and compares as it comes. Resolves in any case. */
function readStream(port: number, n: number, ms = 0): Promise<StreamEnd> {
  const expected: Buffer = Buffer.concat(piecesOf(n))
  return new Promise((resolve) => {
    const end: StreamEnd = { n, how: 'cut', status: 0, bytes: 0 }
    const done = (how: StreamEnd['how']): void => {
      if (end.how !== 'wrong') end.how = how
      resolve(end)
    }
    const path = `/?stream=${n}&ms=${ms}`
    const request = get({ host: '127.0.0.1', port, path, agent }, (response) => {
      end.status = response.statusCode ?? 0
      const right = end.status === 200
      response.on('data', (chunk: Buffer) => {
        if (!right) return
        const part = expected.subarray(end.bytes, end.bytes + chunk.length)
        if (!part.equals(chunk)) end.how = 'wrong'
        end.bytes += chunk.length
      })
      response.on('end', () => {
        if (right && end.bytes !== expected.length) end.how = 'wrong'
        done(right ? 'whole' : 'refused')
      })
      response.on('error', () => done('cut'))
    })
    request.on('error', () => done('cut'))
  })
}

/** Asks for streams from `first` on, so many at a time, each of a front in turn. */
export async function readStreams(
  ports: () => number[],
  { first, count, atOnce, ms = 0 }: { first: number; count: number; atOnce: number; ms?: number },
): Promise<StreamEnd[]> {
  const ends: StreamEnd[] = []
  let next = first
  const reader = async (): Promise<void> => {
    while (next < first + count) {
      const n = next++
      const all = ports()
      ends.push(await readStream(all[n % all.length] ?? 0, n, ms))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, reader))
  return ends
}

export function tally(ends: readonly StreamEnd[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { how, status } of ends) {
    const kind = how === 'refused' ? String(status) : how
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}
