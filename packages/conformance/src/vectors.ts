/** The vectors, as they lie in ../vectors (its README.md says what they mean). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pack } from './encoding.js'

interface Named {
  rule: string
  name: string
}

/** Exact text, or bytes that are none. */
interface Written {
  entry?: string
  hex?: string
}

export interface JobVector extends Named, Written {
  expect: {
    job?: { action: string; args: unknown[]; respond_to: string | null; job_id: string }
    dead?: true
    reply?: { verb: string; job_id: string; code: string } | null
  }
}

export interface HttpExpectation {
  status?: number
  headers?: Record<string, string | string[] | null>
  body?: string
  hex?: string
  /** What the body begins with, where the rest is not laid down. */
  starts?: string
  /** false: the connection is cut. @defaultValue true */
  complete?: boolean
  problem?: { status: number; code: string }
  /** Nothing: who waits goes on waiting. */
  ignored?: true
}

export interface EntryVector extends Named, Written {
  is: string
  expect: HttpExpectation
}

export interface ReplyVector extends Named {
  method?: string
  result: unknown
  expect: HttpExpectation
}

export interface StreamVector extends Named {
  method?: string
  writes: unknown[][]
  expect: HttpExpectation
}

export interface EventVector extends Named {
  payload: string
  event: string[]
}

export interface PackedVector extends Named {
  hex: string
  expect: Partial<JobVector['expect']> & { fault?: string }
}

// Ours, and tried by the tests: they are of the type that their name says.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
function load<Vector>(name: string): readonly Vector[] {
  const text = readFileSync(join(__dirname, '..', 'vectors', `${name}.json`), 'utf8')
  const { vectors } = JSON.parse(text) as { vectors: Vector[] }
  return vectors
}

export const vectors = {
  jobs: (): readonly JobVector[] => load('jobs'),
  entries: (): readonly EntryVector[] => load('entries'),
  replies: (): readonly ReplyVector[] => load('replies'),
  streams: (): readonly StreamVector[] => load('streams'),
  events: (): readonly EventVector[] => load('events'),
  msgpack: (): readonly PackedVector[] => load('msgpack'),
}

/** The bytes of a job in MessagePack, its mailbox and its id put in their places. */
export function packedBytes({ hex }: PackedVector, mailbox: string, id: string): Buffer {
  const hexOf = (text: string): string => pack(text).toString('hex')
  const text = hex.replace(hexOf('answers'), hexOf(mailbox)).replace(hexOf('job-1'), hexOf(id))
  return Buffer.from(text, 'hex')
}

/** The bytes, with what stands for something else put in its place as JSON. */
export function bytesOfVector({ entry, hex }: Written, names: Record<string, string>): Buffer {
  if (entry === undefined) return Buffer.from(hex ?? '', 'hex')
  let text = entry
  for (const [name, value] of Object.entries(names)) {
    text = text.replaceAll(JSON.stringify(name), JSON.stringify(value))
    text = text.replaceAll(
      JSON.stringify(name).slice(0, -1) + '.',
      JSON.stringify(value).slice(0, -1) + '.',
    )
  }
  return Buffer.from(text)
}
