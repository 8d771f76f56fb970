/** The vectors of the protocol (packages/conformance/vectors), read by our own decoders. The kit sends the same ones to workers and fronts. */
import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeBytes, encodeBytes } from '../src/wire/bytes'
import { attemptsOf, splitId } from '../src/wire/ids'
import { decodeJob } from '../src/wire/job'
import { decodeEntry } from '../src/wire/verb'

interface Written {
  rule: string
  name: string
  entry?: string
  hex?: string
}
interface JobVector extends Written {
  expect: {
    job?: { action: string; args: unknown[]; respond_to: string | null; job_id: string }
    dead?: true
    reply?: { job_id: string } | null
  }
}
interface EntryVector extends Written {
  is: string
}
interface BytesVector {
  rule: string
  json: unknown
  hex?: string
  read?: true
}
interface IdVector {
  id: string
  base: string
  attempt: number
  max_attempts?: number
}

const folder = join(__dirname, '..', '..', 'conformance', 'vectors')

function load<Vector>(name: string): Vector[] {
  const text = readFileSync(join(folder, `${name}.json`), 'utf8')
  return (JSON.parse(text) as { vectors: Vector[] }).vectors
}

const bytesOf = ({ entry, hex }: Written): Buffer =>
  entry === undefined ? Buffer.from(hex ?? '', 'hex') : Buffer.from(entry)

describe('the vectors of jobs', () => {
  test.each(load<JobVector>('jobs'))('$rule $name', (vector) => {
    const job = decodeJob(bytesOf(vector))
    const { job: wanted, reply } = vector.expect
    if (wanted) {
      const { action, args, respond_to: respondTo, job_id: id } = wanted
      return expect(job).toEqual({ action, args, respondTo, id })
    }
    expect(job).toMatchObject({ malformed: expect.any(String) })
    // Whoever can be told is in it.
    const told = 'malformed' in job ? job.job?.id : undefined
    expect(told).toBe(reply?.job_id)
  })
})

describe('the vectors of entries', () => {
  test.each(load<EntryVector>('entries'))('$rule $name', (vector) => {
    expect(decodeEntry(bytesOf(vector)).verb).toBe(vector.is)
  })
})

describe('the vectors of bytes', () => {
  test.each(load<BytesVector>('bytes'))('$rule $json', ({ json, hex, read }) => {
    const bytes = decodeBytes(json)
    if (hex === undefined) return expect(bytes).toBeUndefined()
    expect(Buffer.from(bytes ?? 'none').toString('hex')).toBe(hex)
    if (read !== true) expect(encodeBytes(Buffer.from(hex, 'hex'))).toEqual(json)
  })
})

describe('the vectors of ids', () => {
  test.each(load<IdVector>('ids'))('$id', ({ id, base, attempt, max_attempts: max }) => {
    expect(splitId(id)).toEqual({ base, attempt })
    expect(attemptsOf(base)).toBe(max)
  })
})
